"""Free energy and where it is heading: the thermodynamics and kinetics of the material.

Here: equations of the material, used by twin and fusion alike. Not here: instruments, estimates of frames, Qt.
"""
