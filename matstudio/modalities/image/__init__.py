"""Images (TEM, STEM): columns of atoms, their places, species and order.

`forward` makes images of atoms; `imaging` makes differentiable ones (HRTEM, ADF, ABF) of `optics`, `potential` and
`channelling`; `detect`, `fit`, `lattice`, `order` and `reconstruct` are the baseline, `network` and `unet` the network.
`vit`, `repeats`, `prior` and `cell` see lattices and what follows from them, `vit_reader` joins them with the network's
columns. `denoise` shows images without their noise, in a process (`denoise_child`) that `denoise_thread` asks.
`predict` runs a model over a set of images; `viewer` shows them.
"""
