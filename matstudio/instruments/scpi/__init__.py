"""SCPI: supplies, temperature controllers and meters over VISA (GPIB, USB, serial, TCP)."""
