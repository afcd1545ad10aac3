"""The spectrum modality."""
