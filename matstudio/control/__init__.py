"""PID, modes, gate, alarms and audit log: pure logic, no I/O but the audit file."""
