"""The window: docks, actions, dialogs, themes, and what connects them to a run.

Here: views (without numbers in them), the register of actions, what is kept from start to start; `present` works out
what is shown, `guests` shows widgets of plugins. Not here: widgets that know nothing of MatStudio (`widgets`), threads
(`workers`), anything that computes. Neither torch, pymatgen nor ase is imported before the first paint.
"""
