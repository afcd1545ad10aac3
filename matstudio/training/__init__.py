"""Training sets from simulation, and what is trained on them."""
