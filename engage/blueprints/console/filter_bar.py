"""Filters of people as chips, and in words: the same on the list of fans and in a campaign's plan."""

from __future__ import annotations

import datetime as dt
from collections.abc import Callable, Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final

from babel.dates import format_date
from flask_babel import get_locale, gettext, ngettext

from engage.accounts import queries as accounts
from engage.audiences.filters import EVERYBODY, PARTS, Filter, Span
from engage.blueprints.console.people_words import fan_called
from engage.blueprints.guard import Staff
from engage.clinic import queries as clinic
from engage.fans import choosing
from engage.kernel.db import Session
from engage.kernel.errors import N_
from engage.patients.rules import REGIONS, SEXES
from engage.qrcodes import queries as codes
from engage.tenancy import queries as tenancy
from engage.tenancy.rules import PERMISSIONS

LABELS: Final[Mapping[str, str]] = {
    "tags_any": N_("Any of the tags"),
    "tags_all": N_("All of the tags"),
    "tags_none": N_("None of the tags"),
    "sexes": N_("Sex"),
    "regions": N_("Region"),
    "birth_months": N_("Birthday in"),
    "store_ids": N_("Store"),
    "consultant_ids": N_("Consultant"),
    "agent_ids": N_("Dedicated agent"),
    "source_code_ids": N_("Came by"),
    "referrer_ids": N_("Sent by"),
    "referred": N_("Sent by another fan"),
    "contacted": N_("Last contact"),
    "visited": N_("Last visit"),
    "first_seen": N_("First seen"),
    "bound": N_("Patient bound"),
    "following": N_("Follows"),
    "account_id": N_("Official account"),
}

YES_NO: Final = {"yes": N_("Yes"), "no": N_("No")}
FOLLOWING: Final = {"": N_("Followers"), "no": N_("Those who left"), "any": N_("All")}

# What a span offers; others stand in addresses alone.
LATELY: Final = (7, 30, 90, 180, 365)
LONG_AGO: Final = (30, 90, 180, 365)
NEVER: Final = ("visited",)

# More than these are found by writing.
SEARCHED_FROM: Final = 10
# So many are named on a chip, the others counted.
NAMED: Final = 2

_A_YEAR: Final = 2000


@dataclass(frozen=True, slots=True)
class Option:
    """Something to choose: the value in the address and its words, below a heading if there is one."""

    value: str
    label: str
    group: str = ""


Options = Sequence[Option]


def bar(work: Session, asked: Filter, staff: Staff, *, leave_out: Collection[str] = ()) -> dict[str, Any]:
    """Give the chips of a filter, those that ask something first to be seen.

    `staff` is offered the stores they may see; `leave_out` names fields that the page does not offer.
    What there is nothing to choose of is not offered either.
    """
    offered = _offered(work, {store.id for store in staff.stores})
    given = _values(asked)
    parts = [
        _part(part.name, part.argument, offered[part.name], given.get(part.name, ()))
        for part in PARTS
        if part.name not in leave_out and (offered[part.name] or part.name in given)
    ]
    return {"parts": parts, "is_set": any(part["on"] for part in parts)}


def spoken(work: Session) -> Callable[[Filter], str]:
    """Read the names once; gives what writes filters as one line each."""
    offered = _offered(work, None)

    def say(asked: Filter) -> str:
        between = "；" if _is_chinese() else "; "
        told = [
            gettext("%(what)s: %(which)s", what=gettext(LABELS[name]), which=_comma().join(words))
            for name, values in _values(asked).items()
            if (words := _words(name, offered[name], values))
        ]
        return between.join(told) or str(gettext("All followers"))

    return say


def sentence(work: Session, asked: Filter) -> str:
    """Write what a filter asks as one line."""
    return spoken(work)(asked) if asked != EVERYBODY else str(gettext("All followers"))


def _values(asked: Filter) -> dict[str, list[str]]:
    """Give what is asked as values of an address, by field."""
    return {
        part.name: part.write(value)
        for part in PARTS
        if (value := getattr(asked, part.name)) != getattr(EVERYBODY, part.name)
    }


def _part(name: str, argument: str, options: Options, given: Sequence[str]) -> dict[str, Any]:
    known = {option.value for option in options}
    extra = [Option(value, _unlisted(name, value)) for value in given if value not in known]
    shown = [*options, *extra]
    words = _words(name, shown, given)
    return {
        "argument": argument,
        "label": gettext(LABELS[name]),
        "many": isinstance(getattr(EVERYBODY, name), frozenset),
        "on": bool(given),
        "words": _comma().join(words[:NAMED]) + (f" +{len(words) - NAMED}" if len(words) > NAMED else ""),
        "searched": len(shown) > SEARCHED_FROM,
        "groups": _grouped(shown, given or [""]),
    }


def _grouped(options: Iterable[Option], given: Collection[str]) -> list[dict[str, Any]]:
    groups: dict[str, list[dict[str, Any]]] = {}
    for option in options:
        one = {"value": option.value, "label": option.label, "checked": option.value in given}
        groups.setdefault(option.group, []).append(one)
    return [{"label": label, "options": of_it} for label, of_it in groups.items()]


def _words(name: str, options: Options, given: Iterable[str]) -> list[str]:
    """Name what was chosen, in the order in which it is offered."""
    chosen = set(given)
    named = [option.label for option in options if option.value in chosen]
    return named + [_unlisted(name, value) for value in sorted(chosen - {option.value for option in options})]


def _unlisted(name: str, value: str) -> str:
    """Name a value that is not offered (any more): a fan, a span of other days, or what was deleted."""
    if name == "referrer_ids":
        return fan_called(None, int(value))
    when, _dot, days = value.partition(".")
    return _span(Span(when, int(days))) if when in {"within", "before"} else str(gettext("Deleted"))  # type: ignore[arg-type]


def _offered(work: Session, store_ids: Collection[int] | None) -> Mapping[str, Options]:
    tags = [Option(str(row.id), row.name, row.group) for row in choosing.tags(work)]
    return {
        "tags_any": tags,
        "tags_all": tags,
        "tags_none": tags,
        "sexes": _worded(SEXES),
        "regions": _worded(REGIONS),
        "birth_months": [Option(str(month), _month(month)) for month in range(1, 13)],
        "store_ids": _stores(work, store_ids),
        **_of_staff(work),
        "source_code_ids": [Option(str(code_id), name) for code_id, name in codes.choices(work)],
        "referrer_ids": (),  # there are too many: whom a fan sent is led to from the fan
        "referred": _worded(YES_NO),
        **{name: list(_spans(never=name in NEVER)) for name in ("contacted", "visited", "first_seen")},
        "bound": _worded(YES_NO),
        "following": _worded(FOLLOWING),
        "account_id": _accounts(work),
    }


def _worded(words: Mapping[str, str]) -> Options:
    return [Option(value, gettext(word)) for value, word in words.items()]


def _stores(work: Session, store_ids: Collection[int] | None) -> Options:
    return [
        Option(str(store.id), store.short_name)
        for store in clinic.stores(work)
        if store_ids is None or store.id in store_ids
    ]


def _of_staff(work: Session) -> Mapping[str, Options]:
    """Offer who looks after fans, and who answers them."""
    names = tenancy.all_names(work)
    grants = tenancy.grants_of(work, names)
    roles = {staff_id: {grant.role for grant in grants.get(staff_id, ())} for staff_id in names}
    return {
        field: [Option(str(staff_id), name) for staff_id, name in names.items() if roles[staff_id] & wanted]
        for field, wanted in (("consultant_ids", {"consultant"}), ("agent_ids", PERMISSIONS["chats.answer"]))
    }


def _accounts(work: Session) -> Options:
    """Offer the accounts, where there are several."""
    connected = accounts.accounts(work)
    return [Option(str(account.id), account.name) for account in connected] if len(connected) > 1 else []


def _spans(*, never: bool) -> Iterator[Option]:
    spans = [Span("within", days) for days in LATELY] + [Span("before", days) for days in LONG_AGO]
    for span in [*spans, Span("never")] if never else spans:
        yield Option(span.text, _span(span))


def _span(span: Span) -> str:
    if span.when == "never":
        return str(gettext("Never"))
    if span.when == "within":
        return str(ngettext("In the last day", "In the last %(num)s days", span.days))
    return str(ngettext("More than a day ago", "More than %(num)s days ago", span.days))


def _month(month: int) -> str:
    return format_date(dt.date(_A_YEAR, month, 1), "LLLL", locale=get_locale())


def _is_chinese() -> bool:
    return str(get_locale()).startswith("zh")


def _comma() -> str:
    return "、" if _is_chinese() else ", "
