"""The digital twin: a furnace, an ordering alloy and a microscope that looks at it."""
