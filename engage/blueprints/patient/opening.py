"""Opening hours in words, and the ways to a store: telephone and map."""

from __future__ import annotations

import datetime as dt
from collections.abc import Iterable, Sequence
from itertools import groupby
from typing import TYPE_CHECKING, Any
from urllib.parse import urlencode

from babel.dates import get_day_names
from flask_babel import get_locale, gettext

from engage.clinic.rules import DAY, Hours
from engage.kernel import clock

if TYPE_CHECKING:
    from engage.clinic.models import Store

# Where Tencent's map knows the way; elsewhere it shows empty land.
CHINA = frozenset({"Asia/Shanghai", "Asia/Urumqi", "Asia/Hong_Kong", "Asia/Macau"})


def card(store: Store, hours: Sequence[Hours], *, url: str, now: dt.datetime) -> dict[str, Any]:
    """Give a store as a list shows it."""
    weekday = clock.local(now, store.zone).weekday()
    return {
        "url": url,
        "name": store.name,
        "address": store.address,
        "hours": gettext("Today %(hours)s", hours=of_day(hours, weekday)),
        "open": any(one.weekday == weekday for one in hours),
    }


def of_day(hours: Iterable[Hours], weekday: int) -> str:
    """Write when a store is open on a weekday: 09:00–12:00, 13:00–18:00."""
    stretches = [one for one in hours if one.weekday == weekday]
    if not stretches:
        return str(gettext("closed all day"))
    if [(one.opens, one.closes) for one in stretches] == [(0, DAY)]:
        return str(gettext("open around the clock"))
    return ", ".join(f"{_clock(one.opens)}–{_clock(one.closes)}" for one in stretches)


def of_week(hours: Sequence[Hours]) -> list[dict[str, str]]:
    """Write a week; neighbouring days with the same hours stand in one line."""
    named = get_day_names("abbreviated", locale=get_locale())
    by_words = groupby(range(7), key=lambda weekday: of_day(hours, weekday))
    spans = [(words, list(days)) for words, days in by_words]
    return [
        {"days": "–".join(dict.fromkeys((named[days[0]], named[days[-1]]))), "hours": words}
        for words, days in spans
    ]


def call_url(store: Store) -> str:
    """Give the link that dials a store; nothing where no telephone is known."""
    digits = "".join(char for char in store.phone if char.isdigit() or char == "+")
    return f"tel:{digits}" if digits else ""


def route_url(store: Store) -> str:
    """Give the map with the way to a store; nothing where it has neither address nor coordinates."""
    place = None if store.latitude is None else f"{store.latitude},{store.longitude}"
    if not place and not store.address:
        return ""
    if store.zone not in CHINA:
        question = {"api": 1, "query": store.address or place}
        return f"https://www.google.com/maps/search/?{urlencode(question)}"
    if place is None:
        return f"https://apis.map.qq.com/uri/v1/search?{urlencode({'keyword': store.address})}"
    marker = f"coord:{place};title:{_plain(store.name)};addr:{_plain(store.address)}"
    return f"https://apis.map.qq.com/uri/v1/marker?{urlencode({'marker': marker})}"


def _clock(minute: int) -> str:
    return f"{minute // 60:02}:{minute % 60:02}"


def _plain(text: str) -> str:
    """Leave out what separates the parts of a marker."""
    return text.translate(str.maketrans(";:|", "   "))
