"""Energy-dispersive X-ray spectra for MatStudio: forward model, viewer, and which elements are there."""
