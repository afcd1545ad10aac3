"""The process that runs the inverse models, and the same models over files, here or on Dask.

Here: frames in, estimates and states out; which model each stream has; batches that can be resumed. Not here: the
models themselves, Qt.
"""
