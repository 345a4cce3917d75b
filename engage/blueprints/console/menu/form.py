"""What the menu's form holds, as it is typed and as it is read."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final

from flask import request

from engage.accounts.menus.rules import (
    COLUMNS,
    ENTRY_ID,
    KEPT,
    KINDS,
    LINK,
    LIST,
    ROWS,
    Entries,
    Entry,
    walk,
)
from engage.kernel.errors import Malformed

# Far more than any name, address or text that could be published.
MOST: Final = 4000
FIELDS: Final = ("name", "kind", "module", "url", "text")


def read(stored: Entries) -> tuple[Entry, ...]:
    """Read the form: entries stand in the order of the page, each below the top one before it.

    What is wrong with them is `rules.problems`' to say. `stored` is the draft: what was made at
    WeChat is told by it alone.

    Raises:
        Malformed: no page of ours sends this.
    """
    made = {entry.id: entry.made for entry in walk(stored) if entry.kind == KEPT}
    columns: list[tuple[Entry, list[Entry]]] = []
    known: set[str] = set()
    for value in request.form.getlist("entry"):
        level, _, entry_id = value.partition(":")
        if not ENTRY_ID.fullmatch(entry_id) or entry_id in known:
            raise Malformed
        known.add(entry_id)
        entry = _entry(entry_id, made)
        if level == "top":
            columns.append((entry, []))
        elif level == "sub" and columns:
            columns[-1][1].append(entry)
        else:
            raise Malformed
    if len(columns) > COLUMNS or any(len(rows) > ROWS for _top, rows in columns):
        raise Malformed
    return tuple(_with_rows(top, rows) for top, rows in columns)


def filled(entries: Entries) -> dict[str, Any]:
    """Give the form of entries, by the names of its fields."""
    form: dict[str, Any] = {}
    for entry in walk(entries):
        form |= {f"{name}-{entry.id}": getattr(entry, name) for name in FIELDS}
        form[f"on-{entry.id}"] = entry.is_on
    return form


def version() -> int:
    """Read the draft's version that the form was made from; what nobody wrote there is none."""
    typed = request.form.get("version", "")
    return int(typed) if typed.isascii() and typed.isdecimal() and len(typed) < 10 else 0


def _entry(entry_id: str, made: Mapping[str, Mapping[str, Any]]) -> Entry:
    typed = {name: request.form.get(f"{name}-{entry_id}", "").replace("\x00", "") for name in FIELDS}
    kind = typed["kind"]
    if kind not in KINDS or any(len(value) > MOST for value in typed.values()):
        raise Malformed
    if kind == KEPT and entry_id not in made:
        raise Malformed
    return Entry(
        id=entry_id,
        name=typed["name"].strip(),
        kind=kind,
        module=typed["module"],
        url=typed["url"].strip() if kind == LINK else "",
        text=typed["text"].replace("\r\n", "\n").strip(),
        is_on=f"on-{entry_id}" in request.form,
        made=made[entry_id] if kind == KEPT else {},
    )


def _with_rows(top: Entry, rows: list[Entry]) -> Entry:
    fields = {name: getattr(top, name) for name in Entry.__slots__}
    return Entry(**{**fields, "children": tuple(rows) if top.kind == LIST else ()})
