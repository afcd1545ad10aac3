"""The process that runs the inverse models."""
