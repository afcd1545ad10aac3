"""The command line: one module for each command, which imports what it needs when it runs.

Here: arguments, messages, exit codes, and watching over a run's processes. Not here: what the commands do.
"""
