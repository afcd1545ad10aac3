"""Readers: any supported file as a list of `Signal`. Which file is read with what: docs/formats.md."""

from matstudio.instruments.readers.files import open_file
from matstudio.instruments.readers.signal import ReaderError, Signal

__all__ = ["ReaderError", "Signal", "open_file"]
