"""Devices and detectors: the twin, replays, and the readers of the field's files."""
