"""EPICS: process values over PVAccess or Channel Access, images as NTNDArray over PVAccess, and a soft IOC to try both
with (`python -m matstudio.instruments.epics.ioc PREFIX`)."""
