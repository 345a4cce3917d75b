"""What a coupon says to people: its face and the sentence of its terms, made from the terms alone.

The words come through `say`, which translates a text of the catalogue; with it goes the language, which
decides how amounts, days and lists are written.
"""

from __future__ import annotations

import datetime as dt
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from decimal import Decimal
from typing import Final

from babel.dates import format_date
from babel.numbers import format_decimal, get_currency_precision, get_currency_symbol

from engage.coupons.rules import CASH, EXCHANGE, PERCENT, THRESHOLD, Terms
from engage.kernel.errors import N_

# As people at home write them; others have the sign that English gives them.
SIGNS: Final = {"CNY": "¥", "KRW": "₩"}
YUAN: Final = "元"
# In a preview, what nobody has typed yet.
OPEN: Final = "…"


@dataclass(frozen=True, slots=True)
class Speech:
    """In which words terms are told: the language, the chain's currency, names of stores and items."""

    say: Callable[[str], str]
    language: str
    currency: str
    stores: Mapping[int, str] = field(default_factory=dict)
    items: Mapping[int, str] = field(default_factory=dict)

    @property
    def is_chinese(self) -> bool:
        """Whether it is told in Chinese."""
        return self.language.startswith("zh")


@dataclass(frozen=True, slots=True)
class Face:
    """The large print of a coupon: `¥` 100, 8.5 `折`, or a name; and the line below it."""

    before: str
    figure: str
    after: str
    condition: str


def face(terms: Terms, speech: Speech) -> Face:
    """Give a coupon's large print."""
    condition = _condition(terms, speech)
    if terms.kind in {CASH, THRESHOLD}:
        return Face(_sign(speech), _number(terms.amount_minor, speech), "", condition)
    if terms.kind == PERCENT:
        figure, unit = _cut(terms.percent, speech)
        return Face("", figure, unit, condition)
    return Face("", _item(terms, speech), "", condition)


def sentence(terms: Terms, speech: Speech) -> str:
    """Give the sentence that the patient reads: benefit, where, for what, until when, with what else."""
    stackable = N_("together with other offers too") if terms.stackable else N_("not with other offers")
    parts = (_benefit(terms, speech), *limits(terms, speech), time(terms, speech), speech.say(stackable))
    return ("，" if speech.is_chinese else ", ").join(parts)


def limits(terms: Terms, speech: Speech) -> list[str]:
    """Say at which stores alone it is good, and for which items alone."""
    said = []
    if terms.store_ids:
        stores = _list(terms.store_ids, speech.stores, speech)
        said.append(_said(speech, N_("only at %(stores)s"), stores=stores))
    if terms.item_ids:
        items = _list(terms.item_ids, speech.items, speech)
        said.append(_said(speech, N_("only for %(items)s"), items=items))
    return said


def time(terms: Terms, speech: Speech) -> str:
    """Say how long it is good."""
    if terms.valid_days is not None:
        if terms.valid_days == 1:
            return speech.say(N_("valid until the day after receipt"))
        return _said(speech, N_("valid for %(days)s days after receipt"), days=terms.valid_days)
    last = _day(terms.valid_until, speech)
    if terms.valid_from is None:
        return _said(speech, N_("valid until %(last)s"), last=last)
    first = _day(terms.valid_from, speech)
    return _said(speech, N_("valid from %(first)s to %(last)s"), first=first, last=last)


def money(minor: int | None, speech: Speech) -> str:
    """Write an amount as a sentence does: 100 元, ¥100, ₩10,000; no zeros behind the point."""
    number, sign = _number(minor, speech), unit(speech)
    return f"{number} {sign}" if sign == YUAN else f"{sign}{number}"


def unit(speech: Speech) -> str:
    """Name what amounts are counted in: 元, ¥, ₩."""
    return YUAN if speech.is_chinese and speech.currency == "CNY" else _sign(speech)


def _benefit(terms: Terms, speech: Speech) -> str:
    amounts = {
        "amount": money(terms.amount_minor, speech),
        "minimum": money(terms.minimum_minor, speech),
    }
    if terms.kind == EXCHANGE:
        return _said(speech, N_("Good for %(item)s once"), item=_item(terms, speech))
    if terms.kind == PERCENT:
        cut = _joined(*_cut(terms.percent, speech), speech)
        if terms.minimum_minor:
            return _said(speech, N_("%(cut)s from %(minimum)s"), cut=cut, **amounts)
        return cut
    if terms.kind == THRESHOLD:
        return _said(speech, N_("%(amount)s off from %(minimum)s"), **amounts)
    return _said(speech, N_("%(amount)s off"), **amounts)


def _condition(terms: Terms, speech: Speech) -> str:
    if terms.kind == EXCHANGE:
        return speech.say(N_("once, with this coupon"))
    if terms.minimum_minor or terms.kind == THRESHOLD:
        return _said(speech, N_("from %(minimum)s"), minimum=money(terms.minimum_minor, speech))
    return speech.say(N_("no minimum"))


def _cut(percent: int | None, speech: Speech) -> tuple[str, str]:
    """Give what is taken off, and its unit: 8.5 折 for 85 to be paid, 15 % off."""
    if speech.is_chinese:
        return OPEN if percent is None else f"{percent / 10:g}", "折"
    return OPEN if percent is None else str(100 - percent), "% off"


def _joined(figure: str, unit: str, speech: Speech) -> str:
    return f"{figure} {unit}" if speech.is_chinese else f"{figure}{unit}"


def _item(terms: Terms, speech: Speech) -> str:
    return speech.items.get(terms.item_id or 0, OPEN)


def _list(ids: Iterable[int], names: Mapping[int, str], speech: Speech) -> str:
    """Name things in the clinic's order."""
    wanted = frozenset(ids)
    return ("、" if speech.is_chinese else ", ").join(name for one, name in names.items() if one in wanted)


def _day(day: dt.date | None, speech: Speech) -> str:
    if day is None:
        return OPEN
    pattern = "y年M月d日" if speech.is_chinese else "d MMM y"
    return format_date(day, pattern, locale="zh_Hans" if speech.is_chinese else "en")


def _number(minor: int | None, speech: Speech) -> str:
    if minor is None:
        return OPEN
    major = Decimal(minor).scaleb(-get_currency_precision(speech.currency))
    return format_decimal(major, format="#,##0.##", locale="en")


def _sign(speech: Speech) -> str:
    return SIGNS.get(speech.currency) or get_currency_symbol(speech.currency, locale="en")


def _said(speech: Speech, text: str, **parts: object) -> str:
    return speech.say(text) % parts
