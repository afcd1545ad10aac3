"""The socket bridge: a small protocol over TCP for a microscope's PC, where MatStudio itself does not run.

docs/bridge.md is its description, docs/bridge/server.py the other side.
"""
