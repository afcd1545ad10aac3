"""Mutations of whole files: bytes, blocks, text, numbers, XML, zip members; each a function of a seeded generator."""

from __future__ import annotations

import io
import os
import pickle
import re
import struct
import zipfile
import zlib
from collections.abc import Callable
from functools import cache

import numpy as np

MARK = "MATSTUDIO_FUZZ_MARK"
"""Environment variable: the file that a planted pickle would write."""
_INTEGERS = (
    0,
    1,
    2,
    3,
    7,
    8,
    0x7F,
    0x80,
    0xFF,
    0x7FFF,
    0x8000,
    0xFFFF,
    2**31 - 1,
    2**31,
    2**32 - 1,
    2**63 - 1,
    2**64 - 1,
)
_NUMBERS = (
    "nan", "inf", "-inf", "1e999", "-1e999", "1e308", "1e-320", "0", "-0", "-1", "9" * 400, "1" * 5000, "0x10",
    "1_0", "１２", "٣.١", "", "1,5", "1.2.3", "--1", "1e", "\0", "None", "1j", "\u2212" "1", "1" + "0" * 25, ".",
    "é", "\ud7ff",
)  # fmt: skip
_BITS = (1, 2, 4, 8)


class Planted:
    """Unpickled, it writes the file that the environment names."""

    def __reduce__(self) -> tuple[object, ...]:
        return os.system, (f'touch "${MARK}"',)


def planted(protocol: int = 2) -> bytes:
    """A pickle that leaves a mark."""
    return pickle.dumps(Planted(), protocol)


@cache
def bomb(megabytes: int = 200) -> bytes:
    """A deflated run of zeros, as a zip member or a gzip file holds it."""
    pack = zlib.compressobj(9, zlib.DEFLATED, -15)
    out = [pack.compress(bytes(2**20)) for _ in range(megabytes)]
    return b"".join([*out, pack.flush()])


def _at(random: np.random.Generator, n: int) -> int:
    """A place in `n` bytes; half of them among the first 1,024, where the headers are."""
    return int(random.integers(min(n, 1024) if random.random() < 0.5 else n)) if n else 0


def flip_bits(raw: bytes, random: np.random.Generator, _: bytes) -> bytes:
    out = bytearray(raw)
    for _n in range(int(random.integers(1, 9))):
        out[_at(random, len(out))] ^= 1 << int(random.integers(8))
    return bytes(out)


def set_bytes(raw: bytes, random: np.random.Generator, _: bytes) -> bytes:
    out = bytearray(raw)
    for _n in range(int(random.integers(1, 17))):
        out[_at(random, len(out))] = int(random.choice((0, 0xFF, 0x7F, 0x80, int(random.integers(256)))))
    return bytes(out)


def set_integer(raw: bytes, random: np.random.Generator, _: bytes) -> bytes:
    """A field of 2, 4 or 8 bytes becomes an extreme, in either byte order."""
    out = bytearray(raw)
    for _n in range(int(random.integers(1, 4))):
        size = int(random.choice((2, 4, 8)))
        at = _at(random, max(1, len(out) - size))
        at -= at % size if random.random() < 0.7 else 0
        value = int(random.choice(np.array(_INTEGERS, object))) & ((1 << 8 * size) - 1)
        out[at : at + size] = value.to_bytes(size, "little" if random.random() < 0.7 else "big")
    return bytes(out)


def set_float(raw: bytes, random: np.random.Generator, _: bytes) -> bytes:
    out = bytearray(raw)
    value = float(random.choice((np.nan, np.inf, -np.inf, 0.0, -1.0, 1e300, 5e-324, -1e-30)))
    form, size = ("<d", 8) if random.random() < 0.5 else ("<f", 4)
    with np.errstate(over="ignore"):
        field = struct.pack(form, value if size == 8 else float(np.float32(value)))
    at = _at(random, max(1, len(out) - size))
    out[at - at % 4 : at - at % 4 + size] = field
    return bytes(out)


def cut(raw: bytes, random: np.random.Generator, _: bytes) -> bytes:
    return raw[: _at(random, len(raw))]


def lengthen(raw: bytes, random: np.random.Generator, _: bytes) -> bytes:
    return raw + random.integers(0, 256, int(random.integers(1, 5000)), np.uint8).tobytes()


def drop(raw: bytes, random: np.random.Generator, _: bytes) -> bytes:
    at = _at(random, len(raw))
    return raw[:at] + raw[at + int(random.integers(1, 500)) :]


def repeat(raw: bytes, random: np.random.Generator, _: bytes) -> bytes:
    at, n = _at(random, len(raw)), int(random.integers(1, 2000))
    return raw[:at] + raw[at : at + n] * int(random.integers(2, 20)) + raw[at:]


def swap(raw: bytes, random: np.random.Generator, _: bytes) -> bytes:
    n = int(random.integers(1, 300))
    a, b = sorted((_at(random, len(raw)), _at(random, len(raw))))
    if b - a < n:
        return flip_bits(raw, random, b"")
    return raw[:a] + raw[b : b + n] + raw[a + n : b] + raw[a : a + n] + raw[b + n :]


def splice(raw: bytes, random: np.random.Generator, other: bytes) -> bytes:
    return raw[: _at(random, len(raw))] + other[_at(random, len(other)) :]


def overlay(raw: bytes, random: np.random.Generator, other: bytes) -> bytes:
    out, at, n = bytearray(raw), _at(random, len(raw)), int(random.integers(1, 4000))
    start = _at(random, len(other))
    out[at : at + n] = other[start : start + n]
    return bytes(out)


def plant(raw: bytes, random: np.random.Generator, _: bytes) -> bytes:
    """A pickle in place of something."""
    body = planted(int(random.choice((0, 2, 4))))
    at = _at(random, len(raw)) if random.random() < 0.7 else 0
    return raw[:at] + body + raw[at + (len(body) if random.random() < 0.5 else 0) :]


def _texts(raw: bytes) -> str:
    return raw.decode("latin-1")


def numbers(raw: bytes, random: np.random.Generator, _: bytes) -> bytes:
    """Some numbers of a text become others, or none."""
    found = list(re.finditer(rb"[-+]?\d+\.?\d*(?:[eE][-+]?\d+)?", raw[:200_000]))
    if not found:
        return set_bytes(raw, random, b"")
    out = raw
    few = found[:40] if random.random() < 0.4 else found
    for match in sorted({few[int(i)].span() for i in random.integers(0, len(few), int(random.integers(1, 6)))})[::-1]:
        out = out[: match[0]] + str(random.choice(_NUMBERS)).encode("utf-8", "surrogatepass") + out[match[1] :]
    return out


def lines(raw: bytes, random: np.random.Generator, other: bytes) -> bytes:
    """Lines dropped, repeated, swapped, joined, or taken from the other file."""
    parts = raw.split(b"\n")
    for _n in range(int(random.integers(1, 6))):
        i, j = (int(v) for v in random.integers(0, len(parts), 2))
        kind = random.integers(6)
        if kind == 0 and len(parts) > 1:
            del parts[i]
        elif kind == 1:
            parts[i:i] = [parts[j]] * int(random.choice((1, 2, 50)))
        elif kind == 2:
            parts[i], parts[j] = parts[j], parts[i]
        elif kind == 3:
            theirs = other[:100_000].split(b"\n")
            parts[i] = theirs[int(random.integers(len(theirs)))]
        elif kind == 4:
            parts[i] = parts[i] * int(random.choice((2, 300)))
        else:
            parts[i] = parts[i].replace(b" ", bytes([int(random.choice((9, 44, 59, 0, 10, 13, 160, 11, 12)))]))
    return b"\n".join(parts)


def characters(raw: bytes, random: np.random.Generator, _: bytes) -> bytes:
    """Signs that text readers trip over."""
    signs = (b"\0", b"\xff", b"\xc3\x28", b"\xe2\x80\xa8", b"\xef\xbb\xbf", b"\r", b"'", b'"', b"(", b"[", b"{", b"<",
             b"&", b"$", b"\\", b"%s", b"\x1a", b"\xf0\x9f\x92\xa5", b"\xed\xa0\x80", b"\x0b", b"\x85")  # fmt: skip
    out = raw
    for _n in range(int(random.integers(1, 5))):
        at = _at(random, len(out))
        sign = signs[int(random.integers(len(signs)))] * int(random.choice((1, 1, 3, 3000)))
        out = out[:at] + sign + out[at + int(random.integers(2)) :]
    return out


def recode(raw: bytes, random: np.random.Generator, _: bytes) -> bytes:
    return _texts(raw).encode(str(random.choice(("utf-16", "utf-16-le", "utf-8-sig", "utf-32"))))


ENTITIES = b'<!DOCTYPE x [<!ENTITY a "aaaaaaaaaa">' + b"".join(
    f'<!ENTITY {b} "{f"&{a};" * 10}">'.encode() for a, b in zip("abcdefgh", "bcdefghi", strict=True)
) + b']>'  # fmt: skip
EXTERNAL = b'<!DOCTYPE x [<!ENTITY i SYSTEM "file:///etc/passwd">]>'


def xml(raw: bytes, random: np.random.Generator, _: bytes) -> bytes:
    """Entities, deep nests, other attributes, other tags."""
    kind = random.integers(6)
    start = raw.find(b"?>") + 2
    if kind == 0:
        body = re.sub(rb">([^<]{1,30})<", b">&i;<", raw[start:], count=3)
        return raw[:start] + (ENTITIES if random.random() < 0.5 else EXTERNAL) + body
    tags = [m.span() for m in re.finditer(rb"<[^<>]{1,300}>", raw[:300_000])]
    if not tags:
        return characters(raw, random, b"")
    a, b = tags[int(random.integers(len(tags)))]
    if kind == 1:
        depth = int(random.choice((50, 3000, 100_000)))
        return raw[:a] + b"<n>" * depth + b"</n>" * depth + raw[a:]
    if kind == 2:
        return raw[:a] + raw[b:]
    if kind == 3:
        return raw[:a] + re.sub(rb'"[^"]*"', b'"' + str(random.choice(_NUMBERS)).encode() + b'"', raw[a:b]) + raw[b:]
    if kind == 4:
        return raw[:a] + raw[a:b] * 30 + raw[b:]
    c, d = tags[int(random.integers(len(tags)))]
    return raw[:a] + raw[c:d] + raw[b:]


def members(raw: bytes, random: np.random.Generator, other: bytes) -> bytes:
    """A zip file whose member is mutated, missing, there twice, a bomb, encrypted, or says another size."""
    try:
        with zipfile.ZipFile(io.BytesIO(raw)) as archive:
            held = {i.filename: archive.read(i) for i in archive.infolist()}
    except (zipfile.BadZipFile, zlib.error, OSError, NotImplementedError, RuntimeError, ValueError, EOFError):
        return set_bytes(raw, random, b"")
    name = list(held)[int(random.integers(len(held)))]
    kind = random.integers(7)
    if kind <= 2:
        held[name] = any_of(held[name], random, other, _MEMBER)
    elif kind == 3:
        del held[name]
        held["../../" + name if random.random() < 0.5 else name.upper()] = b"1 2\n3 4\n"
    elif kind == 4:
        held[name] = b""
    out = io.BytesIO()
    with zipfile.ZipFile(out, "w", zipfile.ZIP_DEFLATED) as archive:
        for key, body in held.items():
            archive.writestr(key, body)
        if kind == 5:
            archive.writestr("x" + name, planted())
    packed = bytearray(out.getvalue())
    if kind == 6:
        packed = bytearray(_bombed(name, bomb(), 200 * 2**20, int(random.choice((200 * 2**20, 100)))))
    if random.random() < 0.2:  # the directory says something else
        at = packed.rfind(b"PK\x01\x02")
        field = at + int(random.choice((8, 10, 16, 20, 24, 28, 42)))
        packed[field : field + 2] = int(random.choice((0, 1, 0x7FFF, 0xFFFF))).to_bytes(2, "little")
    return bytes(packed)


@cache
def _crc_of_zeros(megabytes: int) -> int:
    crc = 0
    for _ in range(megabytes):
        crc = zlib.crc32(bytes(2**20), crc)
    return crc


def _bombed(name: str, body: bytes, size: int, said: int) -> bytes:
    """A zip file of one member, deflated already, that holds `size` zeros and says that it holds `said`."""
    crc = _crc_of_zeros(size // 2**20)
    key = name.encode()
    facts = struct.pack("<HHHHHIIIHH", 20, 0, 8, 0, 0, crc, len(body), said, len(key), 0)
    head = b"PK\x03\x04" + facts + key + body
    entry = b"PK\x01\x02" + struct.pack("<H", 20) + facts + struct.pack("<HHHII", 0, 0, 0, 0, 0) + key
    return head + entry + b"PK\x05\x06" + struct.pack("<HHHHIIH", 0, 0, 1, 1, len(entry), len(head), 0)


def npy_header(raw: bytes, random: np.random.Generator, _: bytes) -> bytes:
    """Another text in the header of an npy file, some of it with objects behind it."""
    heads = (
        "{'descr': '|O', 'fortran_order': False, 'shape': (1,)}",
        "{'descr': '<f8', 'fortran_order': False, 'shape': (1000000, 1000000)}",
        "{'descr': '<f8', 'fortran_order': False, 'shape': (-1, 5)}",
        "{'descr': '<f8', 'fortran_order': False, 'shape': (0,)}",
        "{'descr': '<f8', 'fortran_order': False, 'shape': (9223372036854775807, 4)}",
        "{'descr': '<U1000000', 'fortran_order': False, 'shape': (1,)}",
        "{'descr': [('a', '<f4'), ('b', '|O')], 'fortran_order': True, 'shape': (1,)}",
        "{'descr': '<c16', 'fortran_order': True, 'shape': (2, 2)}",
        "{'descr': '<M8[ns]', 'fortran_order': True, 'shape': (2, 2)}",
        "{'descr': '<f8', 'fortran_order': False, 'shape': (" + "1," * 70 + ")}",
        "{'descr': '<f8', 'fortran_order': False, 'shape': (True,)}",
        "{'descr': '<f8', 'fortran_order': False, 'shape': 5}",
        "{'descr': 5, 'fortran_order': 0, 'shape': (2,)}",
        "[" * 3000,
        "__import__('os').system('touch $" + MARK + "')",
        "{" + "'a': 1," * 2000 + "}",
    )
    head = heads[int(random.integers(len(heads)))].encode()
    version = int(random.choice((1, 1, 2, 3, 9)))
    size = struct.pack("<H" if version == 1 else "<I", len(head))
    return b"\x93NUMPY" + bytes([version, 0]) + size + head + planted(2) + raw[-2000:]


def tiff_entry(raw: bytes, random: np.random.Generator, _: bytes) -> bytes:
    """A directory entry of a TIFF file becomes extreme, or the chain of directories a loop."""
    order = {b"II": "<", b"MM": ">"}.get(raw[:2])
    if order is None or len(raw) < 16:
        return set_integer(raw, random, b"")
    out = bytearray(raw)
    (at,) = struct.unpack_from(order + "I", out, 4)
    if at + 2 > len(out):
        return set_integer(raw, random, b"")
    (n,) = struct.unpack_from(order + "H", out, at)
    if at + 2 + 12 * n + 4 > len(out):
        return set_integer(raw, random, b"")
    if random.random() < 0.2:
        struct.pack_into(order + "I", out, at + 2 + 12 * n, int(random.choice((at, 4, 0xFFFFFFFF, 8))))
        return bytes(out)
    for _n in range(int(random.integers(1, 4))):
        entry = at + 2 + 12 * int(random.integers(n))
        where, form = ((0, "H"), (2, "H"), (4, "I"), (8, "I"))[int(random.integers(4))]
        value = int(
            random.choice((0, 1, 2, 3, 5, 12, 16, 256, 257, 258, 273, 277, 279, 0xFFFF, 0x7FFFFFFF, 0xFFFFFFFF, at))
        )
        struct.pack_into(order + form, out, entry + where, value & (0xFFFF if form == "H" else 0xFFFFFFFF))
    return bytes(out)


def packed_bomb(raw: bytes, random: np.random.Generator, _: bytes) -> bytes:
    """A gzip file of 200 MB of zeros behind what the file begins with."""
    import gzip

    try:
        head = gzip.decompress(raw) if raw[:2] == b"\x1f\x8b" else raw
    except (OSError, EOFError, zlib.error):
        head = raw
    return gzip.compress(head, 1, mtime=0) + gzip.compress(bytes(2**20), 9, mtime=0) * 200


Mutation = Callable[[bytes, np.random.Generator, bytes], bytes]
BINARY: tuple[Mutation, ...] = (
    flip_bits, flip_bits, set_bytes, set_integer, set_integer, set_float, cut, lengthen, drop, repeat, swap, splice,
    overlay, plant,
)  # fmt: skip
TEXT: tuple[Mutation, ...] = (
    numbers,
    numbers,
    numbers,
    lines,
    lines,
    characters,
    characters,
    recode,
    cut,
    splice,
    flip_bits,
)
_MEMBER: tuple[Mutation, ...] = (numbers, lines, characters, xml, cut, set_bytes)
SPECIAL: dict[str, tuple[Mutation, ...]] = {
    "xrdml": (xml, xml),
    "rasx": (members, members, members),
    "brml": (members, members, members),
    "npz": (members, members, members),
    "npy": (npy_header,),
    "tif": (tiff_entry, tiff_entry),
    "tiff": (tiff_entry, tiff_entry),
    "gz": (packed_bomb,),
    "prj": (packed_bomb,),
}


def any_of(raw: bytes, random: np.random.Generator, other: bytes, kinds: tuple[Mutation, ...]) -> bytes:
    """The bytes after one of the mutations."""
    if not raw:
        return raw
    return kinds[int(random.integers(len(kinds)))](raw, random, other)


def mutated(raw: bytes, ending: str, random: np.random.Generator, other: bytes) -> tuple[bytes, str]:
    """The bytes after one to three mutations that suit the file, and their names."""
    head = raw[:2000]
    text = sum(b < 9 or 13 < b < 32 for b in head) <= len(head) // 100
    kinds = (TEXT if text else BINARY) + SPECIAL.get(ending, ()) * 2
    names = []
    for _ in range(int(random.choice((1, 1, 1, 2, 3)))):
        if not raw:
            break
        kind = kinds[int(random.integers(len(kinds)))]
        raw = kind(raw, random, other)
        names.append(kind.__name__)
    return raw, "+".join(names)
