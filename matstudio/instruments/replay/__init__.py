"""Replay: recorded files and sessions, played as if they were the instrument. Usage: docs/formats.md."""
