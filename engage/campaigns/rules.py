"""States of a campaign and of its recipients, what can be done with one and when it begins, as tables."""

from __future__ import annotations

import datetime as dt
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final

from engage.kernel.errors import N_

QUEUE: Final = "campaigns"

PUSH: Final = "push"
KINDS: Final = {PUSH: N_("Coupon to fans")}

STATES: Final = {
    "scheduled": N_("Scheduled"),
    "running": N_("Running"),
    "paused": N_("Paused"),
    "finished": N_("Finished"),
    "ended": N_("Ended early"),
    "missed": N_("Waits for you"),
}

# The colour family of a state, the same everywhere (faces).
TONES: Final = {
    "scheduled": "confirmed",
    "running": "waiting",
    "paused": "waiting",
    "finished": "good",
    "ended": "ended",
    "missed": "bad",
}

# Nothing more happens to a campaign in one of these.
OVER: Final = ("finished", "ended")

# It has not begun, and can be planned anew.
EDITABLE: Final = ("scheduled", "missed")

RECIPIENT_STATES: Final = ("pending", "granted", "skipped")

# Why a recipient got no coupon.
REASONS: Final[Mapping[str, str]] = {
    "out_of_stock": N_("No coupon was left."),
    "limited": N_("They already have as many of this coupon as one person may."),
    "closed": N_("The coupon is no longer given: it was withdrawn, or its last day is past."),
    "ended": N_("The campaign was ended before their turn."),
}

# Those of them that come of granting, as coupons name them.
REASONS_OF_GRANTING: Final = ("out_of_stock", "limited", "closed")

# How late a campaign still begins by itself; later, a person decides (CA-6).
LATE_AT_MOST: Final = dt.timedelta(hours=6)
AHEAD_AT_MOST: Final = dt.timedelta(days=366)

# How long the statements of a start or an end may take: of a million people they write a row each.
EVERYBODY_MS: Final = 120_000

# The message that tells of the coupon (NT-1).
NOTICE: Final = "coupon_arrived"
# States of a message that WeChat took.
TOLD: Final = ("sent", "delivered")

# What a grant of a campaign says of its cause.
CAUSE: Final = "campaign"


@dataclass(frozen=True, slots=True)
class Action:
    """What can be done with a campaign: from which states, to which.

    `label` and `tone` draw the button, `consequence` stands beside it.
    """

    from_states: tuple[str, ...]
    to: str
    label: str
    consequence: str
    tone: str = ""


# One table: it draws the buttons, and the services obey it.
ACTIONS: Final[Mapping[str, Action]] = {
    "pause": Action(
        ("running",),
        "paused",
        N_("Pause"),
        N_("Nobody gets anything more until you resume. What arrived stays."),
    ),
    "resume": Action(
        ("paused",),
        "running",
        N_("Resume"),
        N_("It goes on where it stopped. Nobody gets anything twice."),
        tone="primary",
    ),
    "start": Action(
        ("scheduled", "missed"),
        "running",
        N_("Start now"),
        N_("Coupons and messages go out at once."),
        tone="primary",
    ),
    "end": Action(
        ("scheduled", "running", "paused", "missed"),
        "ended",
        N_("End"),
        N_("Whoever has not had their turn gets nothing. This cannot be undone."),
        tone="danger",
    ),
}


def actions(state: str) -> Mapping[str, Action]:
    """Give what may be done with a campaign in a state, by name, in the order of buttons."""
    return {name: action for name, action in ACTIONS.items() if state in action.from_states}


def begins(starts_at: dt.datetime, now: dt.datetime) -> str:
    """Give the state of a campaign that is due: `running`, or `missed` where it would come too late."""
    return "running" if now - starts_at <= LATE_AT_MOST else "missed"


@dataclass(frozen=True, slots=True)
class Share:
    """How many of a whole, and how much of it in percent, rounded so that only all is 100."""

    count: int
    percent: int


def share(count: int, whole: int) -> Share:
    """Give a part of a whole; some are at least one percent, and not all at most 99."""
    if whole <= 0 or count <= 0:
        return Share(max(count, 0), 0)
    if count >= whole:
        return Share(count, 100)
    return Share(count, min(99, max(1, round(100 * count / whole))))
