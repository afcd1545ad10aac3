"""Which key an action may have, and what becomes of the operator's own choice of keys. Knows no Qt.

A key is a text such as "Ctrl+Shift+H", as `QKeySequence.toString(PortableText)` writes it; "": none.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping

_MODIFIERS = ("Ctrl", "Alt", "Meta", "Shift")
_MOVING = frozenset(
    "Esc Return Enter Tab Backtab Backspace Del Ins Left Right Up Down Home End PgUp PgDown".split()  # noqa: SIM905
)
_EDITING = frozenset(f"Ctrl+{key}" for key in ("A", "C", "V", "X", "Y", "Z", "Shift+Z", "Backspace", "Del"))


def unfit(key: str) -> str:
    """Why no action may have this key, in words, or "": fields and lists need some for themselves."""
    if ", " in key:
        return f"{key}: one combination of keys, not several after one another"
    rest = key
    modifiers = set()
    while (first := rest.partition("+"))[1] and first[0] in _MODIFIERS:
        modifiers.add(first[0])
        rest = first[2]
    if key in _EDITING:
        return f"{key} edits text in fields"
    if modifiers <= {"Shift"} and (len(rest) == 1 or rest == "Space"):
        return f"{key} would be typed into fields: use it with Ctrl or Alt, or choose a function key"
    if modifiers <= {"Shift"} and rest in _MOVING:
        return f"{key} moves in fields and lists: use it with Ctrl or Alt"
    return ""


def refusal(id: str, key: str, keys: Mapping[str, str], names: Mapping[str, str], fixed: Collection[str]) -> str:
    """Why an action may not have a key, in words, or "".

    Args:
        id: of the action. key: the one wanted; "" to have none.
        keys: id -> key of every action now. names: id -> text of the action.
        fixed: ids of those that must have a key.
    """
    if not key:
        return f"{names[id]} must have a key: choose another one instead" if id in fixed else ""
    for other, has in keys.items():
        if has == key and other != id:
            return f"{key} is the key of {names[other]}: choose another, or change that one first"
    return unfit(key)


def settle(
    defaults: Mapping[str, str], wanted: Mapping[str, str], names: Mapping[str, str], fixed: Collection[str]
) -> tuple[dict[str, str], list[str]]:
    """Each action's key, and one line for each wish that was refused; the default stays then.

    Args:
        defaults: id -> key that it has from the start. wanted: id -> key that the operator gave it; those of actions
            that are not there are passed over. names, fixed: as for `refusal`.
    """
    accepted = {id: key for id, key in wanted.items() if id in defaults}
    lines = []
    while True:
        keys = {**defaults, **accepted}
        bad = next(((id, why) for id, key in accepted.items() if (why := refusal(id, key, keys, names, fixed))), None)
        if bad is None:
            return keys, lines
        id, why = bad
        if id in fixed and accepted[id] and not unfit(accepted[id]):
            others = [o for o, key in accepted.items() if key == accepted[id] and o != id]
            if others:  # what must have a key comes first
                id, why = others[0], refusal(others[0], accepted[others[0]], keys, names, fixed)
        del accepted[id]
        lines.append(f"key of {names[id]}: {why}")
