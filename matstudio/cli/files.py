"""Commands that take a file and need no run: info, formats, simulate, predict."""

from __future__ import annotations

import argparse
import json
import sys
import tempfile
from pathlib import Path

from matstudio.cli.main import UsageError


def info(arguments: argparse.Namespace) -> None:
    """Print what a file holds."""
    path = existing(arguments.file)
    from matstudio.instruments.readers.info import describe, format_text

    facts = describe(path)
    print(json.dumps(facts, indent=1, ensure_ascii=False) if arguments.json else format_text(facts))


def formats(arguments: argparse.Namespace) -> None:
    """Print which files of a folder open, as a table in Markdown, or renew that table in a document."""
    folder = existing(arguments.folder)
    if not folder.is_dir():
        raise UsageError(f"{folder}: a file, not a folder")
    out = writable(arguments.out) if arguments.out else None
    from matstudio.instruments.readers import survey

    def before() -> str:
        text = out.read_text(encoding="utf-8") if out is not None and out.exists() else ""
        if text and survey.BEGIN not in text:
            raise UsageError(f"{out}: exists already, without the line {survey.BEGIN}")
        return text

    before()

    def progress(done: int, total: int) -> None:
        print(f"\r{done}/{total} files", end="" if done < total else "\n", file=sys.stderr, flush=True)

    looks = survey.survey(folder, progress)
    if not looks:
        raise UsageError(f"{folder}: holds no file")
    table = survey.markdown(looks)
    if out is None:
        print(table)
        return
    new = out.with_name(f".{out.name}.new")
    new.write_text(survey.renew(before(), table), encoding="utf-8")
    new.replace(out)
    print(out)


def simulate(arguments: argparse.Namespace) -> None:
    """Write the signal of a structure as a NeXus file."""
    structure, out = existing(arguments.structure), writable(arguments.out)
    from matstudio.modalities.base import modalities
    from matstudio.recording.single import write_frame

    known = {kind: m for kind, m in modalities().items() if m.simulate}
    if arguments.modality not in known:
        raise UsageError(f"--modality {arguments.modality}: one of {', '.join(known)}")
    one = known[arguments.modality]
    try:
        frame = one.load(one.simulate)(structure)
    except Exception as error:  # noqa: BLE001  the border to pymatgen's readers, which raise all kinds
        raise UsageError(f"{structure}: {error}") from None
    write_frame(out, frame)
    axes = ", ".join(f"{a.name} {a.size} x {a.scale:.4g} {a.units}" for a in frame.axes)
    print(f"{out}: {frame.kind} {frame.data.shape}, {axes}")


def predict(arguments: argparse.Namespace) -> None:
    """Run a model over an evaluation set."""
    images, out = existing(arguments.set), writable(arguments.out)
    from matstudio.modalities.base import modality
    from matstudio.modalities.image.predict import predict_image

    model = modality(arguments.modality).inverse(arguments.model)

    def progress(done: int, total: int) -> None:
        print(f"\r{done}/{total}", end="" if done < total else "\n", file=sys.stderr, flush=True)

    denoised = writable(arguments.denoised) if arguments.denoised else None
    predict_image(images, out, progress=progress, inverse=model)
    print(arguments.out)
    if denoised is not None:
        from matstudio.modalities.image.denoise import denoise_set

        denoise_set(images, denoised, progress)
        print(arguments.denoised)


def existing(path: str) -> Path:
    """The path of a file that is there.

    Raises:
        UsageError: it is not.
    """
    found = Path(path)
    if not found.exists():
        raise UsageError(f"{path}: no such file")
    return found


def writable(path: str) -> Path:
    """A path that a file can be written to; what stands there already may be replaced.

    Raises:
        UsageError: it is a folder, its folder does not exist, or it cannot be written there.
    """
    if not path:
        raise UsageError("an empty path")
    out = Path(path)
    folder = out.absolute().parent
    if not folder.is_dir():
        raise UsageError(f"{out.parent}: no such folder")
    if out.is_dir():
        raise UsageError(f"{path}: a folder, not a file")
    try:
        if out.exists():
            with open(out, "ab"):
                pass
        else:
            with tempfile.TemporaryFile(dir=folder):
                pass
    except OSError as error:
        raise UsageError(f"{path}: cannot be written: {error.strerror}") from None
    return out
