"""Modbus TCP: registers and coils of furnace controllers and PLCs."""
