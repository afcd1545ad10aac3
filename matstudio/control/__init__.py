"""PID, modes, gate, interlocks, sensor monitor, alarms and audit chain: the logic of control.

Here: pure functions and state machines, tested without a device. Not here: sockets, threads, devices, and files but the
limits and the audit log; torch and Qt.
"""
