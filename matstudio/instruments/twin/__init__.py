"""The digital twin: a furnace, an ordering alloy, and detectors that look at its atoms.

Here: plant, watchdog, faults, specimen, detectors. Not here: how atoms become signals, which the modalities' forward
models know. It starts with its heater off.
"""
