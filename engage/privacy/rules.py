"""Merging, consent, copies and erasure as pure functions and tables."""

from __future__ import annotations

import datetime as dt
from collections.abc import Collection, Mapping
from typing import Any, Final

from engage.kernel import pinyin
from engage.kernel.errors import N_

QUEUE: Final = "privacy"

TASKS: Final = {
    "export": N_("Copy of all data"),
    "erase": N_("Erasure"),
    "files": N_("Removal of pictures"),
}

TASK_STATES: Final = {
    "waiting": N_("In progress"),
    "done": N_("Done"),
    "failed": N_("Failed"),
}

REQUESTS: Final = {"export": N_("A copy of the data"), "erase": N_("Erasure of the data")}

REQUEST_STATES: Final = {
    "waiting": N_("Waiting"),
    "done": N_("Done"),
    "declined": N_("Declined"),
}

# Why two charts may be one person's, the surest first.
REASONS: Final = {
    "phone_name": N_("Same phone, names that sound the same"),
    "phone_birthday": N_("Same phone and birthday"),
    "name_birthday": N_("Names that sound the same, same birthday"),
    "initials_birthday": N_("Same initials and birthday"),
}

# More charts than this under one key are no find: a number that the clinic types in for everybody.
TWINS_AT_MOST: Final = 20

# How long a copy can be fetched.
COPY_LIFE: Final = dt.timedelta(days=1)

NOTICE_LENGTH: Final = 4000

# Fields of a chart of which a merge lets people choose the value, with what they are called.
CHOICES: Final = {
    "name": N_("Name"),
    "phone": N_("Phone"),
    "email": N_("E-mail"),
    "sex": N_("Sex"),
    "birth_date": N_("Born"),
    "region": N_("Region"),
    "store_id": N_("Store"),
    "consultant_id": N_("Consultant"),
}


def known(chart: object) -> dict[str, Any]:
    """Give what a chart tells of the fields that a merge is about."""
    return {name: getattr(chart, name) for name in CHOICES}


def differing(keep: Mapping[str, Any], drop: Mapping[str, Any]) -> frozenset[str]:
    """Give the fields of which both charts know something, and not the same."""
    return frozenset(name for name in CHOICES if keep[name] and drop[name] and keep[name] != drop[name])


def filled(keep: Mapping[str, Any], drop: Mapping[str, Any]) -> frozenset[str]:
    """Give the fields that only the chart that goes knows."""
    return frozenset(name for name in CHOICES if drop[name] and not keep[name])


def own_fans(speaks_for: Mapping[int, Collection[int]], patient_ids: Collection[int]) -> frozenset[int]:
    """Give the fans who are the person: those who speak, and ever spoke, for nobody else.

    `speaks_for` are the charts of each fan, past ones too. A parent's WeChat is not the child's.
    """
    mine = set(patient_ids)
    return frozenset(fan_id for fan_id, charts in speaks_for.items() if charts and set(charts) <= mine)


def copy_expired(ready_at: dt.datetime, now: dt.datetime) -> bool:
    """Whether a copy is too old to be fetched."""
    return now >= ready_at + COPY_LIFE


def twin_keys(name: str, phone: str | None, birth_date: dt.date | None) -> dict[str, str]:
    """Give what a chart is compared by, by reason.

    Of a name its letters count, in no order: 王小红, 王晓红, Wang Xiaohong and Xiaohong Wang are one.
    """
    sound = _letters(pinyin.full(name))
    initials = _letters(pinyin.initials(name))
    parts = {
        "phone_name": (phone, sound),
        "phone_birthday": (phone, birth_date),
        "name_birthday": (sound, birth_date),
        "initials_birthday": (initials if len(initials) > 1 else "", birth_date),
    }
    return {reason: f"{reason} {one} {other}" for reason, (one, other) in parts.items() if one and other}


def _letters(text: str) -> str:
    return "".join(sorted(char for char in text.casefold() if char.isalnum()))
