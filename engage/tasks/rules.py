"""Kinds of tasks and what may come of each, as tables."""

from __future__ import annotations

import datetime as dt
import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Final

from engage.kernel.errors import N_

STATES: Final = {"open": N_("To do"), "done": N_("Done"), "void": N_("No longer needed")}

# A task of a visit names it by this word.
APPOINTMENT: Final = "appointment"

# Somebody who takes a task keeps it from others for this long.
TAKEN_FOR: Final = dt.timedelta(minutes=15)
# Nobody answered: the task comes back after this long.
AGAIN_AFTER: Final = dt.timedelta(minutes=30)


@dataclass(frozen=True, slots=True)
class Outcome:
    """What may come of a task: how it is called, whether words are needed, and how its button looks."""

    label: str
    needs_note: bool = False
    tone: str = "plain"


@dataclass(frozen=True, slots=True)
class Kind:
    """A kind of task: its name, why it is there, what may come of it, and a script where it is a call."""

    label: str
    why: str
    outcomes: Mapping[str, Outcome]
    script: str = ""
    # Outcomes that follow from what is done elsewhere, and are no buttons.
    by_deed: frozenset[str] = field(default_factory=frozenset)

    @property
    def is_call(self) -> bool:
        """Whether somebody is to be called."""
        return bool(self.script)


_WILL_COME: Final = Outcome(N_("Will come"), tone="primary")
_REBOOKED: Final = Outcome(N_("Rebooked"))
_CANCELLED: Final = Outcome(N_("Does not want to come"), needs_note=True, tone="danger")
_NOT_REACHED: Final = Outcome(N_("Not reached, given up"), needs_note=True)
_BEFORE: Final = {
    "will_come": _WILL_COME,
    "rebooked": _REBOOKED,
    "cancelled": _CANCELLED,
    "not_reached": _NOT_REACHED,
}
_DEEDS: Final = frozenset({"rebooked"})

KINDS: Final[Mapping[str, Kind]] = {
    "call_confirm": Kind(
        N_("Will they come?"),
        N_("The visit is near and nobody has said that they will come."),
        _BEFORE,
        N_(
            "Hello, this is {store}. {patient} has a visit with {doctor} on {time}. "
            "Will that still suit you?\n{why}\n"
            "If not, let us find another time now."
        ),
        _DEEDS,
    ),
    "call_far": Kind(
        N_("Booked long ago"),
        N_("The visit was booked more than a month ahead. Such visits are forgotten most."),
        _BEFORE,
        N_(
            "Hello, this is {store}. Some time ago we booked a visit for {patient} with {doctor} on {time}. "
            "Does that still suit you?\n{why}\n"
            "If not, let us find another time now."
        ),
        _DEEDS,
    ),
    "call_new": Kind(
        N_("First visit"),
        N_("The patient has never been here. Tell them the way, whom to ask for and what to bring."),
        _BEFORE,
        N_(
            "Hello, this is {store}. Thank you for booking with us: {patient}, {time}, {doctor}. "
            "You find us at {address}.\n{transport}\n"
            "Please ask for {ask_for}. Please bring: {bring}.\n{why}\nMay we expect you?"
        ),
        _DEEDS,
    ),
    "call_no_show": Kind(
        N_("Did not come"),
        N_("The visit’s time is over and nobody has checked in. Call at once, and find another time."),
        {
            "rebooked": _REBOOKED,
            "coming_late": Outcome(N_("Is coming late"), tone="primary"),
            "not_coming": Outcome(N_("Does not come"), needs_note=True),
            "not_reached": _NOT_REACHED,
        },
        N_(
            "Hello, this is {store}. {patient} was expected at {time} with {doctor}. "
            "Is everything all right? Are you on your way?\n{why}\n"
            "If not today, let us find another time now."
        ),
        _DEEDS,
    ),
    "attendance_alarm": Kind(
        N_("Few visits are kept"),
        N_("Of the visits of the last 30 days at this store, three in four or fewer were kept."),
        {"looked_into": Outcome(N_("Looked into"), needs_note=True, tone="primary")},
    ),
}

CALLS: Final = tuple(name for name, kind in KINDS.items() if kind.is_call)

# What a script may hold, and what each stands for.
PLACEHOLDERS: Final = {
    "patient": N_("Patient"),
    "store": N_("Store"),
    "doctor": N_("Doctor"),
    "time": N_("Time"),
    "item": N_("Item"),
    "why": N_("Why the visit matters"),
    "address": N_("Address"),
    "transport": N_("How to get there"),
    "ask_for": N_("Whom to ask for"),
    "bring": N_("What to bring"),
}

SCRIPT_MAX: Final = 600
NOTE_MAX: Final = 200

_BRACES: Final = re.compile(r"\{([^{}]*)\}")
_SENTENCE: Final = re.compile(r"(?<=[.?!])[ ]+|(?<=[。？！])")


def unknown_placeholders(text: str) -> frozenset[str]:
    """Give what stands in braces of a script and cannot be filled in."""
    return frozenset(_BRACES.findall(text)) - frozenset(PLACEHOLDERS)


def said(text: str, values: Mapping[str, str]) -> str:
    """Give a script with its places filled in; a sentence about something that is not known is left out."""
    lines = []
    for line in text.splitlines():
        known = [
            part for part in _SENTENCE.split(line) if all(values.get(one) for one in _BRACES.findall(part))
        ]
        ended = "".join(part + (" " if part.isascii() else "") for part in known)
        lines.append(_BRACES.sub(lambda found: values[found[1]], ended).strip())
    return "\n".join(line for line in lines if line)
