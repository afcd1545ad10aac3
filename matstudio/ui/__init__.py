"""The window: docks, actions, themes."""
