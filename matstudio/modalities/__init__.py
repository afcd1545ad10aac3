"""The rooms of the modalities: image, diffraction, spectrum. Each has a forward model (atoms to signal), inverse models
(signal to estimate) and a viewer, and a manifest, `plugin.toml`, by which it is found as any plugin is.

Here: what is common to all rooms (`base`, weights, counting noise). Not here: devices, processes, fusion of several
streams. Only `*/viewer.py` may import Qt; a forward model imports neither torch nor Qt.
"""
