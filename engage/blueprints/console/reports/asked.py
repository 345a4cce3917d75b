"""What the address of the attendance report asks for: days, store, doctor, channel, item."""

from __future__ import annotations

import datetime as dt
from collections.abc import Collection, Mapping
from dataclasses import dataclass, replace
from typing import Any, Final

from flask import request, url_for

from engage.blueprints.addresses import read_day
from engage.blueprints.console.appointments.asked import read_id
from engage.booking.queries import Which
from engage.booking.rules import CHANNELS
from engage.booking.rules.attendance import LEADS, OUTCOMES, PERSONS
from engage.kernel.errors import N_
from engage.reporting.rules import MONTH, Days, to_yesterday

SPANS: Final = {"30": N_("30 days"), "90": N_("90 days"), "365": N_("A year")}
USUAL: Final = str(MONTH)
_LONGEST: Final = dt.timedelta(days=731)


@dataclass(frozen=True, slots=True)
class Asked:
    """What is counted; `span` is empty where days of one's own were chosen. 0 is: without one."""

    days: Days
    span: str
    store: int | None = None
    doctor: int | None = None
    item: int | None = None
    channel: str = ""
    lead: str = ""
    person: str = ""
    outcome: str = ""

    @classmethod
    def read(
        cls, *, today: dt.date, stores: Collection[int], doctors: Collection[int], items: Collection[int]
    ) -> Asked:
        """Read the address of this request; what is not known filters nothing."""
        words = request.args
        days, span = _days(words, today)
        return cls(
            days,
            span,
            store=read_id(words.get("store", ""), stores),
            doctor=read_id(words.get("doctor", ""), {*doctors, 0}),
            item=read_id(words.get("item", ""), {*items, 0}),
            channel=_one_of(words.get("channel", ""), CHANNELS),
            lead=_one_of(words.get("lead", ""), LEADS),
            person=_one_of(words.get("person", ""), PERSONS),
            outcome=_one_of(words.get("outcome", ""), OUTCOMES),
        )

    def kept(self) -> dict[str, str]:
        """Give what stands in the address; what is as usual is left out."""
        chosen = {
            "span": "" if self.span == USUAL else self.span,
            "from": "" if self.span else self.days.first.isoformat(),
            "until": "" if self.span else self.days.last.isoformat(),
            "channel": self.channel,
            "lead": self.lead,
            "person": self.person,
            "outcome": self.outcome,
        }
        numbers = {"store": self.store, "doctor": self.doctor, "item": self.item}
        found = {key: str(number) for key, number in numbers.items() if number is not None}
        return {key: value for key, value in chosen.items() if value} | found

    def url(self, view: str = "attendance", **changed: Any) -> str:
        """Give the address of the report, or of another `view`, with something changed."""
        arguments: dict[str, Any] = {**replace(self, **changed).kept()}
        return url_for(f"console_reports.{view}", **arguments)

    def which(self, zone: str, store_ids: frozenset[int] | None, *, now: dt.datetime) -> Which:
        """Give what is to be counted, at these stores at most."""
        begin, end = self.days.bounds(zone)
        return Which(
            begin,
            end,
            zone,
            now,
            store_ids if self.store is None else frozenset({self.store}),
            self.doctor,
            self.item,
            self.channel,
            self.lead,
            self.person,
            self.outcome,
        )

    @property
    def is_narrowed(self) -> bool:
        """Whether anything but the days narrows what is counted."""
        return bool(self.kept().keys() - {"span", "from", "until"})


def _days(words: Mapping[str, str], today: dt.date) -> tuple[Days, str]:
    one, other = read_day(words.get("from", "")), read_day(words.get("until", ""))
    if one and other:
        first, last = sorted((one, other))
        return Days(max(first, last - _LONGEST), last), ""
    span = words.get("span", USUAL)
    span = span if span in SPANS else USUAL
    return to_yesterday(today, int(span)), span


def _one_of(value: str, known: Collection[str]) -> str:
    return value if value in known else ""
