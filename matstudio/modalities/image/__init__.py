"""Images (TEM, STEM): columns of atoms, their places, species and order.

`forward` makes images of atoms; `imaging` makes differentiable ones (HRTEM, ADF, ABF) of `optics`, `potential` and
`channelling`; `detect`, `fit`, `lattice`, `order` and `reconstruct` are the baseline, `network` and `unet` the network;
`predict` runs a model over a set of images; `viewer` shows them.
"""
