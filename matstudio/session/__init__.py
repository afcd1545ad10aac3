"""The session file: its layout, its reader, and what makes one that a crash left open plainly again.

Here: what writer, replay, `verify` and readers must agree on. Not here: writing (`recording`), playing
(`instruments.replay`).
"""
