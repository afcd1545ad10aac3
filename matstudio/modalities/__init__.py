"""Image, diffraction and spectrum: a forward model, an inverse model and a viewer each."""
