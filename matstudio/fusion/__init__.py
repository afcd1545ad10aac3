"""From the estimates of several streams to one state of the material.

Here: weighing by error, what to do when they disagree, free energy of the result. Not here: reading frames, and
models of one stream.
"""
