"""Who is the same person (ADR 0013): rules as pure functions, for limits and for what people are counted by.

A fan is a person on one account; a person may be several fans, and a fan speaks for several patients.
What is known of a fan gives keys; whoever shares a key is the same person. A key holds an id or a keyed
index, never a name or a number, so that it may be stored beside what was given.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final

FAN: Final = "fan"
PATIENT: Final = "patient"
UNIONID: Final = "unionid"
PHONE: Final = "phone"

# What a thing is counted by → the keys that count once the fan speaks for a patient, and before.
# To follow and to scan is an act of one WeChat on one account until it is known whose it is.
PERSON: Final = frozenset({FAN, PATIENT, UNIONID, PHONE})
PURPOSES: Final[Mapping[str, tuple[frozenset[str], frozenset[str]]]] = {
    "registration": (PERSON, PERSON),
    "binding": (PERSON, PERSON),
    "profile": (PERSON, PERSON),
    "follow": (PERSON, frozenset({FAN})),
    "scan": (PERSON, frozenset({FAN})),
}


@dataclass(frozen=True, slots=True)
class Known:
    """What is known of a fan now: `unionid` and `phones` (those it has proven) as keyed indexes."""

    fan_id: int
    unionid: str | None = None
    phones: frozenset[str] = frozenset()
    patient_ids: frozenset[int] = frozenset()


def keys(known: Known, purpose: str = "binding") -> frozenset[str]:
    """Give what a person is recognised by for a purpose: `patient:1`, `unionid:…`, `phone:…`, `fan:7`.

    More becomes known, and nothing is forgotten by it: what was counted under an earlier key still counts.
    """
    bound, unbound = PURPOSES[purpose]
    counting = bound if known.patient_ids else unbound
    found = {
        FAN: {str(known.fan_id)},
        PATIENT: set(map(str, known.patient_ids)),
        UNIONID: {known.unionid} if known.unionid else set(),
        PHONE: set(known.phones),
    }
    return frozenset(f"{kind}:{value}" for kind in counting for value in found[kind])


def same(one: Known, other: Known, purpose: str = "binding") -> bool:
    """Whether two fans are the same person, as far as one can know."""
    return not keys(one, purpose).isdisjoint(keys(other, purpose))
