"""What connects the processes of a run: frame rings, messages, the run directory, starting and stopping.

Here: everything that two processes must agree on, and small files that a crash may leave in any state. Not here: what
the messages are about; Qt, torch. May import the domain.
"""
