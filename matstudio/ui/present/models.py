"""Which model reads a stream, and which could."""

from __future__ import annotations

from dataclasses import dataclass

from matstudio.ui.live import MODELS_SILENT_S, Live


@dataclass(frozen=True)
class ModelLine:
    """What the button of a stream's model says.

    Args:
        text: the model and its version, or what becomes of it.
        level: "caution" where something is wrong.
        running: name of the model that reads the frames.
        offered: names that can be chosen.
        tip: the whole error, or "".
    """

    text: str
    level: str
    running: str
    offered: tuple[str, ...]
    tip: str = ""


def model_line(live: Live, stream: str) -> ModelLine:
    """What is known of a stream's model now."""
    facts = live.models.get(stream) or {}
    running, loading, error = (str(facts.get(key) or "") for key in ("model", "loading", "error"))
    offered = live.choices.get(stream, ())
    if "models" in live.heard and live.silence("models") > MODELS_SILENT_S:
        return ModelLine("no model host", "caution", running, (), "nothing is analysed")
    if loading:
        return ModelLine(f"loading {loading} …", "", running, offered)
    name = f"{running} {facts.get('version', '')}".strip() or "no model yet"
    return ModelLine(f"{name}, error" if error else name, "caution" if error else "", running, offered, error)
