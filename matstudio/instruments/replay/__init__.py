"""Replay: recorded files and sessions, played as if they were the instrument. Usage: docs/formats.md.

Here: putting files on one clock, seeking, pace, notes beside a session. Not here: opening files (`readers`,
`session`). A replay takes no setpoints.
"""
