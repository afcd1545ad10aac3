"""Training sets from simulation, and what is trained on them; `matstudio train`.

Here: random crystals, scenes, targets, the loop with its checkpoints, the model card. Not here: the networks
themselves, which lie with their modality. Measured files are never trained on.
"""
