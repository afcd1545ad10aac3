"""Training sets from simulation, and what is trained on them; `matstudio train`.

Here: random crystals, scenes, each network's task and card, the loop with its checkpoints. Not here: the networks
themselves, which lie with their modality. Measured files are never trained on, but for `adapt`: the operator's own
frames, for the operator's own denoiser.
"""
