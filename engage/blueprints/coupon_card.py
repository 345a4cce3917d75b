"""A coupon as both faces draw it: the card of `templates/patient/coupons/card.html`, in words."""

from __future__ import annotations

import datetime as dt
import unicodedata
from typing import Any, Final

from babel.dates import format_date
from flask_babel import gettext

from engage.blueprints.faces import language
from engage.clinic import queries as clinic
from engage.coupons import rules, wording
from engage.coupons.queries import Held
from engage.coupons.rules import Terms
from engage.coupons.wording import Speech
from engage.kernel import clock
from engage.kernel.db import Session
from engage.tenancy import queries as tenancy

# A coupon that ends so soon says so.
SOON: Final = dt.timedelta(days=3)
# Longer print is set smaller, to stay on the stub; a Chinese character counts twice.
LONG, LONGEST = 4, 6


def speech(work: Session) -> Speech:
    """Give the words of this answer, with the names of the clinic's stores and items, in its order."""
    return Speech(
        say=gettext,
        language=language(),
        currency=tenancy.tenant(work).currency,
        stores={store.id: store.short_name for store in clinic.stores(work)},
        items={item.id: item.name for item in clinic.items(work)},
    )


def card(name: str, terms: Terms, words: Speech) -> dict[str, Any]:
    """Give what the card shows of a coupon nobody holds yet."""
    face = wording.face(terms, words)
    return {
        "name": name,
        "before": face.before,
        "figure": face.figure,
        "after": face.after,
        "size": _size(f"{face.before}{face.figure}"),
        "condition": _capital(face.condition),
        "sentence": _capital(wording.sentence(terms, words)),
        "limits": [_capital(limit) for limit in wording.limits(terms, words)],
        "until": _capital(wording.time(terms, words)),
        "is_soon": False,
        "standing": None,
        "url": "",
    }


def held_card(held: Held, words: Speech, *, zone: str, now: dt.datetime) -> dict[str, Any]:
    """Give what the card shows of a coupon in somebody's account."""
    standing = held.standing(now)
    return card(held.name, held.terms, words) | {
        "until": _until(held, standing, zone=zone, now=now),
        "is_soon": standing == rules.HELD and held.valid_until - now <= SOON,
        "standing": {
            "key": standing,
            "label": gettext(rules.STANDINGS[standing]),
            "tone": rules.STANDING_TONES[standing],
            "is_over": standing not in {rules.HELD, rules.NOT_YET},
        },
    }


def last_day(held: Held, zone: str) -> dt.date:
    """Give the last day on which it may be used, by the chain's calendar."""
    return (clock.local(held.valid_until, zone) - dt.timedelta(microseconds=1)).date()


def dated(value: dt.date, today: dt.date) -> str:
    """Write a day without its weekday, with the year where that is another one."""
    patterns = ("M月d日", "y年M月d日") if language() == "zh_Hans" else ("d MMM", "d MMM y")
    return format_date(value, patterns[value.year != today.year], locale=language())


def _size(printed: str) -> str:
    wide = sum(2 if unicodedata.east_asian_width(char) in "WF" else 1 for char in printed)
    return "longest" if wide > LONGEST else "long" if wide > LONG else "short"


def _capital(text: str) -> str:
    """Begin with a capital letter, where the language has them."""
    return text[:1].upper() + text[1:]


def _until(held: Held, standing: str, *, zone: str, now: dt.datetime) -> str:
    today, last = clock.local(now, zone).date(), last_day(held, zone)
    if standing == rules.REDEEMED and held.redeemed_at is not None:
        used = clock.local(held.redeemed_at, zone).date()
        return str(gettext("Used on %(day)s", day=dated(used, today)))
    if standing == rules.EXPIRED:
        return str(gettext("Expired on %(day)s", day=dated(last, today)))
    if standing == rules.NOT_YET:
        first = clock.local(held.valid_from, zone).date()
        return str(gettext("Valid from %(day)s", day=dated(first, today)))
    if standing == rules.HELD and last == today:
        return str(gettext("Today is the last day"))
    if standing == rules.HELD and last == today + dt.timedelta(days=1):
        return str(gettext("Until tomorrow"))
    return str(gettext("Valid until %(day)s", day=dated(last, today)))
