"""Opening any supported file: its content says what it is; its ending only where the content does not."""

from __future__ import annotations

import re
import zipfile
import zlib
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import IO

import numpy as np

from matstudio import plugins
from matstudio.instruments.readers import arrays, columns, heater, packed, powder, rheed, xdi, xrf
from matstudio.instruments.readers.guard import PLUGIN, read_guarded
from matstudio.instruments.readers.rosetta import BY_ENDING
from matstudio.instruments.readers.signal import ReaderError, Signal
from matstudio.instruments.readers.text import read_text

_HEAD = 8192
PACKED = "packed"
_OWN: dict[str, Callable[[Path], list[Signal]]] = {
    "athena": xdi.read_athena,
    "brml": powder.read_brml,
    "columns": columns.read,
    "heater": heater.read_heater,
    "mca": xrf.read_mca,
    "npy": arrays.read_npy,
    "npz": arrays.read_npz,
    "picture": arrays.read_picture,
    "rasx": powder.read_rasx,
    "rheed": rheed.read_ksa,
    "spe": xrf.read_spe,
    "xdi": xdi.read_xdi,
    "xrdml": powder.read_xrdml,
}
_MAGIC = (
    (b"\x93NUMPY", "npy"),
    (b"\x89HDF\r\n\x1a\n", "hdf5"),
    (b"\x89PNG", "picture"),
    (b"\xff\xd8\xff", "picture"),
    (b"GIF8", "picture"),
    (b"II*\0", "tiff"),
    (b"MM\0*", "tiff"),
    (b"II+\0", "tiff"),
    (b"MM\0+", "tiff"),
    (b"II\x97\x01", "tia"),
    (b"IMGBLO", "blockfile"),
    (b"AAMVHFSS", "bruker"),
    (b"DIGITAL SURF", "digitalsurf"),
    (b"WDF1", "renishaw"),
)
_TEXT = (  # what the first lines of a text say
    (r"#\s*XDI/", "xdi"),
    (r"# Athena project file", "athena"),
    (r"#FORMAT\s*:", "msa"),
    (r"(.*\n){0,12}.*\tDigiheater \d", "heater"),
    (r"VERSION:.*\n(?s:.*)^(DATA|CHANNELS):", "mca"),
    (r"\$SPEC_ID:|\$DATA:", "spe"),
    (r"(?s).*<xrdMeasurements?[\s>]", "xrdml"),
)


def open_file(path: Path | str, *, load: bool = True) -> list[Signal]:
    """The signals of a file.

    Args:
        load: False for a look at what there is: `data` may then have no more than a shape and a type.

    Raises:
        ReaderError: one line that says what is wrong and where. Nothing is unpickled, nothing hangs, and no file makes
            the program take more than about 1 GiB.
    """
    path = Path(path)
    try:
        if path.is_dir():
            raise ReaderError(path, "a folder")
        if not path.is_file():
            raise ReaderError(path, "no regular file" if path.exists() else "no such file")
        signals = _read(path, identify(path), load)
    except ReaderError:
        raise
    except OSError as error:
        raise ReaderError(path, error.strerror or str(error)) from None
    except MemoryError:
        raise ReaderError(path, "asks for more memory than there is") from None
    except Exception as error:  # noqa: BLE001 -- the border: what a damaged file does to a reader is one line
        raise ReaderError(path, f"cannot be read: {type(error).__name__}: {error}") from None
    held = [s for s in signals if 0 not in s.data.shape]
    if not held:
        raise ReaderError(path, f"{signals[0].title!r}: an array of shape {tuple(signals[0].data.shape)}")
    counted = [_counted(arrays.with_sidecar(path, s)) for s in held]
    if all(s.metadata.get("not_finite") == np.prod(s.data.shape, dtype=float) for s in counted):
        raise ReaderError(path, f"{counted[0].title!r}: none of its values is a finite number")
    return counted


def _read(path: Path, reader: str, load: bool) -> list[Signal]:
    own = _OWN.get(reader)
    if own is not None:
        return own(path)
    if reader == PACKED:
        return packed.read_packed(path, lambda inner: _unpacked(inner, load))
    try:
        return read_guarded(path, reader, load=load)
    except ReaderError as error:
        if reader == "tiff" and "imagecodecs" in str(error):  # compressed in a way that Pillow knows
            return arrays.read_picture(path)
        raise


def _unpacked(path: Path, load: bool) -> list[Signal]:
    reader = identify(path)
    if reader == PACKED:
        raise ReaderError(path, "is packed once more; unpack it first")
    return _read(path, reader, load)


def _counted(signal: Signal) -> Signal:
    """The signal; its metadata says how many values are no finite numbers."""
    data = signal.data
    if not isinstance(data, np.ndarray) or data.dtype.kind not in "fc" or "not_finite" in signal.metadata:
        return signal
    bad = int(data.size - np.isfinite(data).sum())
    return replace(signal, metadata=dict(signal.metadata) | {"not_finite": bad}) if bad else signal


def identify(path: Path) -> str:
    """The reader of a file: one of our own, "hdf5", "structure", "packed", a module of rsciio, or "plugin:NAME".

    Raises:
        ReaderError: empty, pickled, or of no known kind.
    """
    size = path.stat().st_size
    if size == 0:
        raise ReaderError(path, "an empty file")
    with open(path, "rb") as file:
        head = file.read(_HEAD)
    ending = path.suffix.lower().lstrip(".")
    if re.match(rb"\x80[\x02-\x05]", head) or (head[:1] in b"(c" and b"\nq" in head and b"p0\n" in head):
        raise ReaderError(path, "a Python pickle; nothing is ever unpickled")
    for name, entry in plugins.readers():
        ours = ending in BY_ENDING or ending in _OWN
        if (entry.magic and head.startswith(bytes.fromhex(entry.magic))) or (ending in entry.endings and not ours):
            return f"{PLUGIN}{name}"
    for magic, reader in _MAGIC:
        if head.startswith(magic):
            return reader
    if head.startswith(b"PK\x03\x04") or head.startswith(b"PK\x05\x06"):
        return _in_zip(path)
    opened = packed.opener(head)
    if opened is not None:
        return _packed(path, opened)
    if head[257:262] == b"ustar":
        return PACKED
    if head[39:44] == b"KSA00":
        return "rheed"
    if head[:3] == b"BM6" or (head[:2] == b"BM" and ending in ("bmp", "dib")):
        return "picture"
    if head[208:212] == b"MAP " or (ending in ("mrc", "map") and size > 1024 and b"\0" in head[:64]):
        return "mrc"
    if (ending in ("dm3", "dm4") and head[:4] in (b"\0\0\0\3", b"\0\0\0\4")) or _is_dm(head, size):
        return "digitalmicrograph"
    if _is_text(head):
        return _in_text(path, head, ending)
    if ending in BY_ENDING:
        return BY_ENDING[ending]
    raise ReaderError(path, f"no reader knows it: {size} bytes that begin with {head[:8].hex(' ')}")


def _is_dm(head: bytes, size: int) -> bool:
    """Whether it begins as a DigitalMicrograph file: version, length of the rest, byte order."""
    if head[:4] == b"\0\0\0\x03":
        return head[8:11] == b"\0\0\0" and head[11:12] in (b"\0", b"\1") and int.from_bytes(head[4:8]) <= size
    return head[:4] == b"\0\0\0\x04" and head[12:15] == b"\0\0\0" and head[15:16] in (b"\0", b"\1")


def _is_text(head: bytes) -> bool:
    if head[:2] in (b"\xff\xfe", b"\xfe\xff"):
        return True
    odd = sum(b < 9 or 13 < b < 32 for b in head)
    return odd <= len(head) // 200


def _in_zip(path: Path) -> str:
    try:
        with zipfile.ZipFile(path) as archive:
            names = archive.namelist()
    except (zipfile.BadZipFile, OSError, ValueError, NotImplementedError) as error:
        raise ReaderError(path, f"damaged zip: {error}") from None
    if any(re.fullmatch(r"(.*/)?data\.pkl|.*\.(pkl|pickle)", n) for n in names):
        raise ReaderError(path, "a torch archive with pickled objects; nothing is ever unpickled")
    if any(re.fullmatch(r"Data\d+/Profile\d+\.txt", n) for n in names):
        return "rasx"
    if any(re.fullmatch(r"Experiment\d+/RawData\d+\.xml", n) for n in names):
        return "brml"
    if path.suffix.lower() == ".prz":
        return "pantarhei"
    if any(n.endswith(".npy") for n in names):
        return "npz"
    raise ReaderError(path, f"a zip file of {len(names)} files, of no known format; unpack it first")


def _packed(path: Path, opened: Callable[[Path], IO[bytes]]) -> str:
    try:
        with opened(path) as file:
            head = file.read(1024)
    except (OSError, EOFError, ValueError, zlib.error) as error:
        raise ReaderError(path, f"damaged: {error}") from None
    if b"# Athena project file" in head[:200]:
        return "athena"
    if head[208:212] == b"MAP " and path.suffix.lower() in (".gz", ".bz2"):
        return "mrc"
    return PACKED


def _in_text(path: Path, head: bytes, ending: str) -> str:
    text = read_text(path, head[: len(head) - len(head) % 2] if head[:2] in (b"\xff\xfe", b"\xfe\xff") else head)
    if ending == "xdi":
        return "xdi"
    for pattern, reader in _TEXT:
        if re.match(pattern, text.lstrip("\ufeff"), re.M):
            return reader
    if ending in ("cif", "mcif") or re.match(r"(#.*\n|\s)*data_\S*\s+(?s:.*)_cell_length_a", text):
        return "structure"
    if ending == "vasp" or re.match(r"(POSCAR|CONTCAR)", path.name) or "POSCAR" in path.name:
        return "structure"
    if ending == "json" or text.lstrip()[:1] == "{":
        raise ReaderError(path, "a JSON file: facts beside a signal, no signal")
    if text.lstrip()[:5] == "<?xml" or text.lstrip()[:1] == "<":
        raise ReaderError(path, "an XML file of no known format")
    if ending in ("rpl",):
        return "ripple"
    return "columns"
