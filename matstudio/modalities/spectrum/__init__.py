"""Spectra: energy loss (EELS) and X-ray absorption.

`forward` makes them of atoms; `background`, `edges`, `coordination` and `reconstruct` are the baseline; `viewer`
shows them.
"""
