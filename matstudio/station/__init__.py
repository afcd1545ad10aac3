"""The process that runs the control cycle."""
