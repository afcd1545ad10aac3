"""NeXus writer, reader and recovery, and the process that records."""
