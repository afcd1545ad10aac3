"""The words of MatStudio: frozen values, units and clocks.

Here: frames, estimates, states, readings, modes, structures, and checks of their types. Not here: Qt, torch, files,
sockets, threads; imports nothing of MatStudio.
"""
