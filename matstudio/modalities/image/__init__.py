"""Images (TEM, STEM): columns of atoms, their places, species and order.

`forward` makes images of atoms; `detect`, `fit`, `lattice`, `order` and `reconstruct` are the baseline, `network` and
`unet` the network; `predict` runs a model over a set of images; `viewer` shows them.
"""
