"""What a plugin is and how one is found: manifests, discovery, and which ones are switched off.

The modalities that come with MatStudio are found in the same way as any other. Nothing here imports a plugin's code:
a manifest is read as text, and `load` imports what it names when it is used. Knows nothing of what the contributions
are for; may import bus and domain only.
"""

from matstudio.plugins.discovery import Plugin, active, entry, found, kinds, load, names, readers, refresh, user_folder
from matstudio.plugins.manifest import (
    API,
    DockEntry,
    InstrumentEntry,
    Manifest,
    ManifestError,
    ModalityEntry,
    ReaderEntry,
    StreamEntry,
    parse,
)
from matstudio.plugins.switch import Switches

__all__ = [
    "API",
    "DockEntry",
    "InstrumentEntry",
    "Manifest",
    "ManifestError",
    "ModalityEntry",
    "Plugin",
    "ReaderEntry",
    "StreamEntry",
    "Switches",
    "active",
    "entry",
    "found",
    "kinds",
    "load",
    "names",
    "parse",
    "readers",
    "refresh",
    "user_folder",
]
