"""The process that runs the control cycle: readings in, modes, gate, writes out, alarms, audit log.

Here: what must go on when everything else dies; small and boring. Not here: models, disks or windows to wait for; torch
and Qt, directly or not.
"""
