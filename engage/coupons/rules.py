"""What a coupon's terms say, when it may be used, and how its code is written: pure functions and tables."""

from __future__ import annotations

import datetime as dt
import secrets
import unicodedata
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Final
from zoneinfo import ZoneInfo

from engage.kernel.errors import N_

CASH, THRESHOLD, PERCENT, EXCHANGE = "cash", "threshold", "percent", "exchange"
KINDS: Final = {
    CASH: N_("Cash off"),
    THRESHOLD: N_("Cash off from an amount"),
    PERCENT: N_("Percentage off"),
    EXCHANGE: N_("Exchange for an item"),
}

DRAFT, PUBLISHED, WITHDRAWN = "draft", "published", "withdrawn"
STATES: Final = {DRAFT: N_("Draft"), PUBLISHED: N_("Published"), WITHDRAWN: N_("Withdrawn")}
# The colour family of a state, the same everywhere (faces).
TONES: Final = {DRAFT: "waiting", PUBLISHED: "good", WITHDRAWN: "ended"}

HELD, REDEEMED, VOIDED = "held", "redeemed", "voided"
GRANT_STATES: Final = (HELD, REDEEMED, VOIDED)

# How a grant stands at a moment: its state, and what the clock makes of it.
EXPIRED, NOT_YET, OTHER_STORE = "expired", "not_yet", "other_store"
STANDINGS: Final = {
    HELD: N_("Usable"),
    NOT_YET: N_("Not valid yet"),
    REDEEMED: N_("Used"),
    EXPIRED: N_("Expired"),
    VOIDED: N_("Void"),
}
STANDING_TONES: Final = {
    HELD: "confirmed",
    NOT_YET: "waiting",
    REDEEMED: "good",
    EXPIRED: "ended",
    VOIDED: "bad",
}

NAME_LENGTH: Final = 20
MOST_MINOR: Final = 100_000_00
MOST_STOCK: Final = 1_000_000
MOST_DAYS: Final = 3650

# Of letters and digits that look alike, at most one: 0 O D Q, 1 I L, 2 Z, 5 S, 6 G, 8 B, U V.
ALPHABET: Final = "ACEFGHJKMNPRTUWXY3479"
CODE_LENGTH: Final = 12
GROUP: Final = 4


@dataclass(frozen=True, slots=True)
class Terms:
    """What a coupon gives, and under which conditions; no store and no item means all.

    `percent` is what remains to be paid: 85 is 15 % off. Dates are days of the chain's calendar, both
    included. `valid_days` counts from the day after the coupon was received.
    """

    kind: str
    amount_minor: int | None = None
    minimum_minor: int | None = None
    percent: int | None = None
    item_id: int | None = None
    store_ids: frozenset[int] = frozenset()
    item_ids: frozenset[int] = frozenset()
    stackable: bool = False
    valid_from: dt.date | None = None
    valid_until: dt.date | None = None
    valid_days: int | None = None

    def as_data(self) -> dict[str, Any]:
        """Write the terms as they are stored."""
        return {
            "kind": self.kind,
            "amount_minor": self.amount_minor,
            "minimum_minor": self.minimum_minor,
            "percent": self.percent,
            "item_id": self.item_id,
            "store_ids": sorted(self.store_ids),
            "item_ids": sorted(self.item_ids),
            "stackable": self.stackable,
            "valid_from": self.valid_from.isoformat() if self.valid_from else None,
            "valid_until": self.valid_until.isoformat() if self.valid_until else None,
            "valid_days": self.valid_days,
        }

    @classmethod
    def of_data(cls, data: Mapping[str, Any]) -> Terms:
        """Read terms as they were stored."""
        return cls(
            kind=data["kind"],
            amount_minor=data["amount_minor"],
            minimum_minor=data["minimum_minor"],
            percent=data["percent"],
            item_id=data["item_id"],
            store_ids=frozenset(data["store_ids"]),
            item_ids=frozenset(data["item_ids"]),
            stackable=data["stackable"],
            valid_from=_date(data["valid_from"]),
            valid_until=_date(data["valid_until"]),
            valid_days=data["valid_days"],
        )


def problems(terms: Terms) -> Mapping[str, str]:
    """Say what is wrong with terms: a sentence for each field; nothing if they hold together."""
    found = {**_benefit(terms), **_time(terms)}
    if terms.kind not in KINDS:
        found["kind"] = N_("Please choose a kind.")
    return found


def _benefit(terms: Terms) -> dict[str, str]:
    found = {}
    if terms.kind in {CASH, THRESHOLD} and not _is_amount(terms.amount_minor):
        found["amount"] = N_("Please give an amount above 0.")
    if terms.kind == THRESHOLD and not _is_amount(terms.minimum_minor):
        found["minimum"] = N_("Please give an amount above 0.")
    if terms.kind == PERCENT and not (terms.percent is not None and 1 <= terms.percent <= 99):
        found["percent"] = N_("1 to 99: what remains to be paid of 100.")
    if terms.kind == EXCHANGE and terms.item_id is None:
        found["item"] = N_("Please choose an item from the list.")
    if not found and terms.kind == THRESHOLD and (terms.minimum_minor or 0) <= (terms.amount_minor or 0):
        found["minimum"] = N_("The bill must be larger than what is taken off.")
    return found


def _time(terms: Terms) -> dict[str, str]:
    if (terms.valid_days is None) == (terms.valid_until is None):
        return {"valid_days": N_("Either days after receipt, or a last day.")}
    if terms.valid_days is not None and not 1 <= terms.valid_days <= MOST_DAYS:
        return {"valid_days": N_("1 to 3650 days.")}
    if terms.valid_until and terms.valid_from and terms.valid_until < terms.valid_from:
        return {"valid_until": N_("The last day lies before the first.")}
    return {}


def _is_amount(minor: int | None) -> bool:
    return minor is not None and 0 < minor <= MOST_MINOR


def validity(terms: Terms, granted_at: dt.datetime, zone: str) -> tuple[dt.datetime, dt.datetime]:
    """Give from when until when a coupon received at `granted_at` may be used; the end is not in it.

    It ends with a local day: the last of its dates, or the `valid_days`-th after the one of receipt.
    """
    if terms.valid_until is not None:
        begins = _midnight(terms.valid_from, zone) if terms.valid_from else granted_at
        return max(begins, granted_at), _midnight(terms.valid_until + dt.timedelta(days=1), zone)
    received = granted_at.astimezone(ZoneInfo(zone)).date()
    return granted_at, _midnight(received + dt.timedelta(days=1 + (terms.valid_days or 0)), zone)


def is_over(terms: Terms, now: dt.datetime, zone: str) -> bool:
    """Whether one received now could not be used any more."""
    _begins, ends = validity(terms, now, zone)
    return ends <= now


def standing(state: str, valid_from: dt.datetime, valid_until: dt.datetime, now: dt.datetime) -> str:
    """Give how a grant stands: one of STANDINGS."""
    if state != HELD:
        return state
    if now >= valid_until:
        return EXPIRED
    return HELD if now >= valid_from else NOT_YET


def usable(standing_now: str, terms: Terms, store_id: int) -> str | None:
    """Say why a grant cannot be redeemed at a store; None if it can."""
    if standing_now != HELD:
        return standing_now
    return OTHER_STORE if terms.store_ids and store_id not in terms.store_ids else None


def new_code() -> str:
    """Make a code nobody can guess."""
    return "".join(secrets.choice(ALPHABET) for _ in range(CODE_LENGTH))


def grouped(code: str) -> str:
    """Write a code as people read it aloud: three groups of four."""
    return " ".join(code[start : start + GROUP] for start in range(0, len(code), GROUP))


def read_code(typed: str) -> str:
    """Read a code as it was typed or scanned: any spacing, any case, wide letters too."""
    plain = unicodedata.normalize("NFKC", typed).upper()
    return "".join(char for char in plain if char.isalnum())


def _midnight(day: dt.date, zone: str) -> dt.datetime:
    return dt.datetime.combine(day, dt.time(), ZoneInfo(zone)).astimezone(dt.UTC)


def _date(text: str | None) -> dt.date | None:
    return dt.date.fromisoformat(text) if text else None
