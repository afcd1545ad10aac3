"""What connects the processes: frame rings, messages, the run directory."""
