"""Free energy and where it is heading."""
