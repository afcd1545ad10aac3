"""The process that records, and checking what it wrote.

Here: the NeXus writer, the recorder's threads and counts, `verify`, single frames as files. Not here: reading sessions
(`session`), and anything that could hold up the station. Neither torch nor Qt.
"""
