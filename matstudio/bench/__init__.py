"""Measurements of speed and memory, each as a ratio to a named peer or limit measured or stated in the same run.

Here: a module for each bench, and the whole run that several need. Not here: tests; figures, which stand in
docs/scores.md.
"""
