"""Raises on import."""

raise RuntimeError("no library of that name\non this machine")
