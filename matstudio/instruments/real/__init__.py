"""A real control system as a device server: its configuration, and the source that serves it.

What differs between control systems stands in `instruments/epics`, `modbus`, `scpi` and `bridge`: each brings a `Link`.
"""
