"""What changes on the phones when one menu takes another's place."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from engage.accounts.menus.rules import LIST, Entries, Entry, key_of, shown

ADDED, REMOVED, RENAMED, CHANGED, MOVED = "added", "removed", "renamed", "changed", "moved"


@dataclass(frozen=True, slots=True)
class Place:
    """An entry with the list it stands in; at the top there is none."""

    entry: Entry
    parent: Entry | None


@dataclass(frozen=True, slots=True)
class Change:
    """One thing that becomes different; what is added has no `was`, what is removed no `becomes`."""

    kind: str
    was: Place | None
    becomes: Place | None


def between(old: Entries, new: Entries) -> list[Change]:
    """Give what changes from one menu to another, in the order of the new one, then what goes away.

    An entry that is switched off is not on the phones, as if it were not there. Equal menus have no
    difference, and menus without a difference look and do the same.
    """
    before, after = _places(shown(old)), _places(shown(new))
    moved = _moved(before, after)
    found: list[Change] = []
    for entry_id, place in after.items():
        was = before.get(entry_id)
        if was is None:
            found.append(Change(ADDED, None, place))
            continue
        if was.entry.name != place.entry.name:
            found.append(Change(RENAMED, was, place))
        if does(was.entry) != does(place.entry):
            found.append(Change(CHANGED, was, place))
        if entry_id in moved:
            found.append(Change(MOVED, was, place))
    found += [Change(REMOVED, place, None) for entry_id, place in before.items() if entry_id not in after]
    return found


def does(entry: Entry) -> tuple[object, ...]:
    """Give what an entry does, to be compared."""
    if entry.kind == LIST:
        return (LIST,)
    if key_of(entry):
        return (entry.kind, entry.module, entry.text)
    return (entry.kind, entry.module, entry.url, sorted(entry.made.items(), key=str))


def _places(entries: Entries) -> dict[str, Place]:
    found: dict[str, Place] = {}
    for entry in entries:
        found[entry.id] = Place(entry, None)
        if entry.kind == LIST:
            found |= {child.id: Place(child, entry) for child in entry.children}
    return found


def _moved(before: Mapping[str, Place], after: Mapping[str, Place]) -> set[str]:
    """Give who stands in another list, or in another order among those who stayed: as few as possible."""
    stayed: dict[str, list[str]] = {}
    moved: set[str] = set()
    for entry_id, place in after.items():
        was = before.get(entry_id)
        if was is None:
            continue
        if _id(was.parent) != _id(place.parent):
            moved.add(entry_id)
        else:
            stayed.setdefault(_id(place.parent), []).append(entry_id)
    order = {entry_id: number for number, entry_id in enumerate(before)}
    for ids in stayed.values():
        kept = _rising([order[entry_id] for entry_id in ids])
        moved |= {entry_id for number, entry_id in enumerate(ids) if number not in kept}
    return moved


def _id(parent: Entry | None) -> str:
    return parent.id if parent else ""


def _rising(numbers: Sequence[int]) -> set[int]:
    """Give the positions of a longest rising row of numbers."""
    longest: list[list[int]] = []  # of those that end at each position
    for position, number in enumerate(numbers):
        before = [row for row in longest if numbers[row[-1]] < number]
        longest.append([*_longest(before), position])
    return set(_longest(longest))


def _longest(rows: Sequence[list[int]]) -> list[int]:
    return max(rows, key=lambda row: len(row), default=[])
