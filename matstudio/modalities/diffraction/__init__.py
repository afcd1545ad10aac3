"""Diffraction: electron diffraction patterns and powder patterns.

`kinematic`, `scattering` and `forward` make them of atoms; `spots`, `superlattice`, `cubic`, `powder` and
`reconstruct` are the baseline; `viewer` shows them. Scattering factors come from published tables (see `scattering`).
"""
