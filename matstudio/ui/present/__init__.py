"""What each part of the window shows, worked out from `Live`: text, levels, rows, shapes.

Here: a presenter for each dock, tested without a window. Not here: Qt widgets, threads, files, sockets.
"""
