"""Qt widgets that know nothing of the work they are used for: canvases, plots, 3D view, values, rows.

Here: drawing frames, curves and atoms, and the tools on them. Not here: runs, messages, plugins. May import the domain.
"""
