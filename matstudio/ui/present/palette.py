"""The command palette: which actions answer to what is typed, best first. Knows no Qt."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

_START, _WITHIN, _MENU, _TIP, _SCATTERED = 100, 70, 40, 25, 15
_WHOLE, _USABLE, _RECENT = 60, 8, 6
_SPREAD = 3


@dataclass(frozen=True)
class Entry:
    """One action.

    Args:
        id: of the action. text, menu, tip: its own.
        key: its shortcut, or "".
        why: why it cannot be used now, or "".
        on: whether it is on; None where it is nothing that is on or off.
    """

    id: str
    text: str
    menu: str
    tip: str = ""
    key: str = ""
    why: str = ""
    on: bool | None = None

    @property
    def place(self) -> str:
        """ "View › Theme"."""
        return self.menu.replace("/", " › ")


def find(query: str, entries: Sequence[Entry], recent: Sequence[str] = ()) -> list[Entry]:
    """The entries to which every word of `query` belongs, best first: what begins a word of the text before what is
    within it, that before menu and tip, and letters that only follow each other in the text last. Of equals those that
    were used last come first; without a query these come first, and what cannot be used comes last."""
    words = query.casefold().split()
    place = {id: i for i, id in enumerate(recent)}
    if not words:
        return sorted(entries, key=lambda e: (bool(e.why), place.get(e.id, len(place))))
    found = []
    for i, entry in enumerate(entries):
        scores = [_score(word, entry) for word in words]
        if all(scores):
            total = sum(scores) + _WHOLE * entry.text.casefold().startswith(" ".join(words))
            total += _USABLE * (not entry.why) + _RECENT * (entry.id in place)
            found.append((-total, place.get(entry.id, len(place)), len(entry.text), i, entry))
    return [entry for *_, entry in sorted(found, key=lambda f: f[:4])]


def _score(word: str, entry: Entry) -> int:
    """How well one word fits; 0: not at all."""
    text, menu, tip = entry.text.casefold(), entry.menu.casefold(), entry.tip.casefold()
    if _begins(word, text):
        return _START
    if word in text:
        return _WITHIN
    if _begins(word, menu):
        return _MENU
    if word in tip or word in menu or word == entry.key.casefold():
        return _TIP
    return _SCATTERED if _scattered(word, text) else 0


def _begins(word: str, text: str) -> bool:
    return text.startswith(word) or any(f"{gap}{word}" in text for gap in " /(-")


def _scattered(word: str, text: str) -> bool:
    """Whether the letters of a word follow each other in a text, from the beginning of one of its words on and not too
    far apart."""
    if len(word) < 2:
        return False
    starts = [i for i in range(len(text)) if text[i] == word[0] and (i == 0 or not text[i - 1].isalnum())]
    for start in starts:
        at = start
        for letter in word[1:]:
            at = text.find(letter, at + 1)
            if at < 0:
                break
        else:
            if at - start < _SPREAD * len(word):
                return True
    return False
