"""QThread adapters between the processes and the window."""
