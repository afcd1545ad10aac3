"""The diffraction modality."""
