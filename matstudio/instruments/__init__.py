"""Devices and detectors: what a device server does, the twin, replays, and the readers of the field's files.

Here: the protocols that a device keeps, the server that gives it sockets and rings, the processes that make frames. Not
here: control of a device (`station`), torch, Qt.
"""
