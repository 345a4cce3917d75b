"""What WeChat tells of a menu, in the one shape in which menus are compared, and as entries of ours."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from typing import Any, Final

from engage.accounts.menus.rules import (
    AGENTS,
    COLUMNS,
    KEPT,
    LINK,
    LIST,
    MODULE,
    MODULES,
    NAME_BYTES,
    REPLY,
    ROWS,
    Entries,
    Entry,
    walk,
)

Wire = list[dict[str, Any]]

# Of these WeChat may tell more than it was given.
_TOLD: Final = {"view": ("type", "name", "url"), "click": ("type", "name", "key")}


def shape(buttons: object) -> Wire:
    """Give buttons in one shape, whether as they are sent, or as WeChat's site tells them (WeChat §7)."""
    if isinstance(buttons, Mapping):
        buttons = buttons.get("list")
    if not isinstance(buttons, list):
        return []
    return [_one(button) for button in buttons if isinstance(button, Mapping)]


def shown_by(answer: Mapping[str, Any]) -> Wire:
    """Give the menu in an answer of `get_current_selfmenu_info`; nothing where it is switched off."""
    info = answer.get("selfmenu_info")
    is_open = bool(answer.get("is_menu_open"))
    return shape(info.get("button")) if is_open and isinstance(info, Mapping) else []


def digest(wire: Wire) -> str:
    """Give what two equal menus have in common."""
    written = json.dumps(shape(wire), sort_keys=True, ensure_ascii=False)
    return hashlib.sha256(written.encode()).hexdigest()


NONE: Final = digest([])


def entries_of(wire: Wire, pages: str, known: Entries) -> tuple[Entry, ...]:
    """Give a menu of WeChat's as entries of ours; those that were ours before keep their ids.

    An entry is known again by what it does, else by its name; no two take the same id.
    """
    return _Reading(pages, known).entries(shape(wire))


def _one(button: Mapping[str, Any]) -> dict[str, Any]:
    children = shape(button.get("sub_button"))
    if children:
        return {"name": str(button.get("name", "")), "sub_button": children}
    names = _TOLD.get(str(button.get("type"))) or [name for name in button if name != "sub_button"]
    return {name: button[name] for name in names if name in button}


class _Reading:
    """One reading of a menu: which of the known entries are still to be recognised."""

    def __init__(self, pages: str, known: Entries) -> None:
        self.pages = pages
        self.left = {entry.id: entry for entry in walk(known)}

    def entries(self, wire: Wire, path: str = "") -> tuple[Entry, ...]:
        most = ROWS if path else COLUMNS
        return tuple(self._entry(button, f"{path}{number}") for number, button in enumerate(wire[:most]))

    def _entry(self, button: Mapping[str, Any], path: str) -> Entry:
        fields = self._fields(button)
        same = self._recognised(fields, button)
        entry_id = same.id if same else _new_id(button, path)
        if same:
            self.left.pop(same.id)
            fields = {**fields, "text": fields.get("text") or same.text}
        children = self.entries(button.get("sub_button", []), f"{path}-")
        name = str(button.get("name", ""))[: NAME_BYTES[False]]
        return Entry(entry_id, name, **fields, children=children)

    def _recognised(self, fields: Mapping[str, Any], button: Mapping[str, Any]) -> Entry | None:
        key = str(button.get("key", ""))
        by_key = self.left.get(key.removeprefix("r:")) if key.startswith("r:") else None
        if by_key and by_key.kind == REPLY:
            return by_key
        alike = [entry for entry in self.left.values() if entry.kind == fields["kind"]]
        does = [
            entry for entry in alike if all(getattr(entry, name) == value for name, value in fields.items())
        ]
        named = [
            entry for entry in (does if fields["kind"] != LIST else alike) if entry.name == button.get("name")
        ]
        if fields["kind"] in (LIST, KEPT, REPLY):
            return next(iter(named), None)
        return next(iter([*named, *does]), None) or next(
            (entry for entry in alike if entry.name == button.get("name")), None
        )

    def _fields(self, button: Mapping[str, Any]) -> dict[str, Any]:
        kind, key = button.get("type"), str(button.get("key", ""))
        if "sub_button" in button:
            return {"kind": LIST}
        if kind == "view":
            return self._of_address(str(button.get("url", "")))
        if kind == "click" and key == AGENTS:
            return {"kind": MODULE, "module": AGENTS}
        if kind == "click" and key.startswith("r:") and key.removeprefix("r:") in self.left:
            return {"kind": REPLY}
        if kind == "text":  # the website's own fixed reply
            return {"kind": REPLY, "text": str(button.get("value", ""))}
        return {"kind": KEPT, "made": dict(button)}

    def _of_address(self, url: str) -> dict[str, Any]:
        for name, module in MODULES.items():
            if module.path and url == f"{self.pages}/{module.path}":
                return {"kind": MODULE, "module": name}
        return {"kind": LINK, "url": url}


def _new_id(button: Mapping[str, Any], path: str) -> str:
    told = json.dumps([path, button], sort_keys=True, ensure_ascii=False)
    return f"w-{hashlib.sha256(told.encode()).hexdigest()[:16]}"
