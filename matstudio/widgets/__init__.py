"""Qt widgets that know nothing of the work they are used for."""
