"""QThread adapters between the processes and the window: frames, messages, commands, jobs, files.

Here: what would hold up the window if it ran there; each says in which thread its signals come. Not here: widgets,
and anything that a process of its own should do.
"""
