"""What holds of channel codes: their limits, when a scene is used again, when a ticket is renewed."""

from __future__ import annotations

import datetime as dt
import secrets
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final

from engage.kernel.errors import N_

TICKETS: Final = "tickets"
BUNDLES: Final = "bundles"

STORE, PROMOTION = "store", "promotion"
KINDS: Final = {STORE: N_("Store code"), PROMOTION: N_("Promotion code")}

ACTIVE, RETIRED = "active", "retired"
STATES: Final = {ACTIVE: N_("In use"), RETIRED: N_("Retired")}

TICKET_STATES: Final = ("pending", "made", "failed", "dropped")
BUNDLE_STATES: Final = ("pending", "ready", "failed", "gone")

# Why WeChat made no code; what is not named is shown as it came.
REASONS: Final[Mapping[str, str]] = {
    "set_up": N_(
        "WeChat does not let this account make codes. Look at the account’s check-up, then try again."
    ),
    "refused": N_("WeChat refused to make this code. Try again, or make another one."),
    "silent": N_("WeChat has not answered for hours. Try again."),
}

# WeChat §6: permanent codes of an account are scarce and never deleted, temporary ones last thirty days.
PERMANENT_AT_MOST: Final = 100_000
LONGEST_LIFE: Final = dt.timedelta(days=30)
USED_UP: Final = 40053

# A temporary code is made anew this long before its last ends, so that a day without WeChat harms nobody.
RENEW_BEFORE: Final = dt.timedelta(days=3)

# A permanent code that nobody scanned for so long after it was retired may lead somewhere else.
REST: Final = dt.timedelta(days=90)

NAME_LENGTH: Final = 40
CAPTION_LENGTH: Final = 24
NOTE_LENGTH: Final = 500
TAGS_AT_MOST: Final = 20

# Small letters and digits that nobody takes for another; twelve of them are never guessed or met twice.
_LETTERS: Final = "abcdefghjkmnpqrstuvwxyz23456789"
_SCENE_LETTERS: Final = 12

# Up to so many pictures come at once; more are made by a worker, and are kept for a day.
PICTURES_AT_ONCE: Final = 20
PICTURES_AT_MOST: Final = 500
BUNDLE_LIFE: Final = dt.timedelta(hours=24)


def new_scene() -> str:
    """Give a scene that no other code has: what WeChat tells us of a scan (1–64 characters, WeChat §6)."""
    return "c" + "".join(secrets.choice(_LETTERS) for _ in range(_SCENE_LETTERS))


def is_reusable(retired_at: dt.datetime | None, last_scan_at: dt.datetime | None, now: dt.datetime) -> bool:
    """Whether a permanent code's scene may lead to another one: retired, and left alone for `REST`."""
    if retired_at is None:
        return False
    return now - max(retired_at, last_scan_at or retired_at) >= REST


def renewed_at(expires_at: dt.datetime) -> dt.datetime:
    """Give when a temporary code is made anew."""
    return expires_at - RENEW_BEFORE


def life_left(expires_at: dt.datetime | None, now: dt.datetime) -> str:
    """Give how a picture stands: `lasting` without an end, `fine`, `ending` within `RENEW_BEFORE`, `over`."""
    if expires_at is None:
        return "lasting"
    if expires_at <= now:
        return "over"
    return "ending" if expires_at - now <= RENEW_BEFORE else "fine"


@dataclass(frozen=True, slots=True)
class Funnel:
    """How many people came how far, of those who scanned in a time; each step holds the next.

    `bound` speak for a patient; `booked` have a visit that was booked after their first scan, and
    `came` to one of these. `new` of the people began to follow by the scan.
    """

    scans: int = 0
    people: int = 0
    new: int = 0
    bound: int = 0
    booked: int = 0
    came: int = 0

    @property
    def old(self) -> int:
        """Who followed before."""
        return self.people - self.new


# The people behind each number of the funnel.
STEPS: Final[Mapping[str, str]] = {
    "people": N_("Persons"),
    "new": N_("New fans"),
    "old": N_("Followed before"),
    "bound": N_("Bound"),
    "booked": N_("Booked"),
    "came": N_("Arrived"),
}


def per_person(cost_minor: int | None, people: int) -> int | None:
    """Give what a person cost, in whole minor units, rounded half up; None where nothing can be said."""
    if cost_minor is None or people <= 0:
        return None
    return (2 * cost_minor + people) // (2 * people)
