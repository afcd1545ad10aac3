"""Measurements of speed and memory, each as a ratio to a named peer or limit measured or stated in the same run."""
