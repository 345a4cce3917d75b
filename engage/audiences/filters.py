"""Who is meant, as a small typed structure: read from an address, kept as data, and asked of one person.

What it means in SQL is `queries.matching`; `holds` says the same in plain Python, and a property test
compares the two. Words of people are no part of it, for they stay out of addresses.
"""

from __future__ import annotations

import datetime as dt
import re
from collections.abc import Callable, Collection, Iterable, Mapping
from dataclasses import dataclass, fields, replace
from typing import Any, Final, Literal, cast

from engage.kernel.errors import Malformed
from engage.patients.rules import REGIONS, SEXES

VERSION: Final = 1

# More of one kind are no choice of a person's.
VALUES_AT_MOST: Final = 100
DAYS_AT_MOST: Final = 3660
_LARGEST_ID: Final = 2**63 - 1

When = Literal["within", "before", "never"]


@dataclass(frozen=True, slots=True)
class Span:
    """When something happened last: within so many days, longer ago than that, or (visits alone) never."""

    when: When
    days: int = 0

    @property
    def text(self) -> str:
        """Write it as it stands in addresses and data."""
        return "never" if self.when == "never" else f"{self.when}.{self.days}"

    def holds(self, at: dt.datetime | None, now: dt.datetime) -> bool:
        """Whether it is true of the last time."""
        if at is None or self.when == "never":
            return at is None and self.when == "never"
        return (at >= self.since(now)) == (self.when == "within")

    def since(self, now: dt.datetime) -> dt.datetime:
        """Give the moment from which on it counts as within."""
        return now - dt.timedelta(days=self.days)


@dataclass(frozen=True, slots=True)
class Filter:
    """Who is meant. What is empty asks nothing; the rest must all be true.

    `sexes`, `regions` and `birth_months` must be true of one and the same person for whom the fan speaks;
    what is unknown of a person matches nothing. `following` None means also those who left. `agent_ids`
    are dedicated agents of conversations, `referrer_ids` the fans who sent somebody.
    """

    tags_any: frozenset[int] = frozenset()
    tags_all: frozenset[int] = frozenset()
    tags_none: frozenset[int] = frozenset()
    sexes: frozenset[str] = frozenset()
    regions: frozenset[str] = frozenset()
    birth_months: frozenset[int] = frozenset()
    store_ids: frozenset[int] = frozenset()
    consultant_ids: frozenset[int] = frozenset()
    agent_ids: frozenset[int] = frozenset()
    source_code_ids: frozenset[int] = frozenset()
    referrer_ids: frozenset[int] = frozenset()
    referred: bool | None = None
    contacted: Span | None = None
    visited: Span | None = None
    first_seen: Span | None = None
    bound: bool | None = None
    following: bool | None = True
    account_id: int | None = None

    @property
    def asks_of_people(self) -> bool:
        """Whether something is asked of the persons for whom a fan speaks."""
        return bool(self.sexes or self.regions or self.birth_months)

    def changed(self, **values: Any) -> Filter:
        """Give another that differs in some fields."""
        return replace(self, **values)


EVERYBODY: Final = Filter()


@dataclass(frozen=True, slots=True)
class Person:
    """What audiences ask of somebody for whom a fan speaks; None is unknown."""

    sex: str | None = None
    region: str | None = None
    birth_month: int | None = None


@dataclass(frozen=True, slots=True)
class Facts:
    """What audiences ask of a fan."""

    fan_id: int
    account_id: int
    following: bool
    first_seen_at: dt.datetime
    last_seen_at: dt.datetime
    visited_at: dt.datetime | None = None
    store_id: int | None = None
    consultant_id: int | None = None
    agent_id: int | None = None
    source_code_id: int | None = None
    referrer_id: int | None = None
    tags: frozenset[int] = frozenset()
    bound: bool = False
    people: tuple[Person, ...] = ()


def holds(asked: Filter, of: Facts, *, now: dt.datetime) -> bool:
    """Whether a filter is true of a fan."""
    spans = (
        (asked.contacted, of.last_seen_at),
        (asked.visited, of.visited_at),
        (asked.first_seen, of.first_seen_at),
    )
    return (
        (asked.following is None or of.following == asked.following)
        and asked.account_id in {None, of.account_id}
        and (asked.bound is None or of.bound == asked.bound)
        and (not asked.tags_any or bool(asked.tags_any & of.tags))
        and asked.tags_all <= of.tags
        and not asked.tags_none & of.tags
        and _among(of.store_id, asked.store_ids)
        and _among(of.consultant_id, asked.consultant_ids)
        and _among(of.agent_id, asked.agent_ids)
        and _among(of.source_code_id, asked.source_code_ids)
        and _among(of.referrer_id, asked.referrer_ids)
        and (asked.referred is None or (of.referrer_id is not None) == asked.referred)
        and all(span is None or span.holds(at, now) for span, at in spans)
        and (not asked.asks_of_people or any(_is_meant(asked, person) for person in of.people))
    )


def _is_meant(asked: Filter, person: Person) -> bool:
    return (
        _among(person.sex, asked.sexes)
        and _among(person.region, asked.regions)
        and _among(person.birth_month, asked.birth_months)
    )


def _among(value: object, wished: Collection[object]) -> bool:
    return not wished or value in wished


def parse(pairs: Iterable[tuple[str, str]]) -> Filter:
    """Read the filter of an address, as `request.args.items(multi=True)` gives it.

    Names that are none of ours belong to the page and are left alone.

    Raises:
        Malformed: a value is none that the name can have.
    """
    given: dict[str, list[str]] = {}
    for name, text in pairs:
        if name in _BY_ARGUMENT and text:
            given.setdefault(name, []).append(text)
    return Filter(**{part.name: part.read(given[part.argument]) for part in PARTS if part.argument in given})


def to_args(asked: Filter) -> list[tuple[str, str]]:
    """Write a filter as names and values of an address, always in the same order."""
    return [
        (part.argument, text)
        for part in PARTS
        if (value := getattr(asked, part.name)) != getattr(EVERYBODY, part.name)
        for text in part.write(value)
    ]


def to_json(asked: Filter) -> dict[str, Any]:
    """Write a filter as data to be kept: what is asked, by the names of the fields."""
    kept: dict[str, Any] = {"v": VERSION}
    for argument, text in to_args(asked):
        kept.setdefault(_BY_ARGUMENT[argument].name, []).append(text)
    return kept


def from_json(kept: Mapping[str, Any]) -> Filter:
    """Read a filter that was kept.

    Raises:
        Malformed: it is none of this version, or holds what no filter asks.
    """
    if kept.get("v") != VERSION or kept.keys() - _BY_NAME.keys() - {"v"}:
        raise Malformed
    return Filter(**{name: _BY_NAME[name].read(texts) for name, texts in kept.items() if name != "v"})


def _one(texts: list[str]) -> str:
    if len(texts) != 1:
        raise Malformed
    return texts[0]


def _id(text: str) -> int:
    if not re.fullmatch(r"[1-9][0-9]{0,18}", text, re.ASCII) or int(text) > _LARGEST_ID:
        raise Malformed
    return int(text)


def _month(text: str) -> int:
    if not re.fullmatch(r"[1-9]|1[0-2]", text, re.ASCII):
        raise Malformed
    return int(text)


def _sex(text: str) -> str:
    if text not in SEXES:
        raise Malformed
    return text


def _region(text: str) -> str:
    if text not in REGIONS:
        raise Malformed
    return text


def _span(texts: list[str]) -> Span:
    found = re.fullmatch(r"(within|before)\.([1-9][0-9]{0,3})|never", _one(texts), re.ASCII)
    if found is None:
        raise Malformed
    if found[0] == "never":
        return Span("never")
    if int(found[2]) > DAYS_AT_MOST:
        raise Malformed
    return Span(cast("When", found[1]), int(found[2]))


def _seen(texts: list[str]) -> Span:
    span = _span(texts)
    if span.when == "never":
        raise Malformed
    return span


_YES_NO: Final[Mapping[str, bool]] = {"yes": True, "no": False}
_FOLLOWING: Final[Mapping[str, bool | None]] = {"yes": True, "no": False, "any": None}


def _word(words: Mapping[str, bool | None]) -> Callable[[list[str]], bool | None]:
    def read(texts: list[str]) -> bool | None:
        text = _one(texts)
        if text not in words:
            raise Malformed
        return words[text]

    return read


def _write_word(words: Mapping[str, bool | None]) -> Callable[[Any], list[str]]:
    return lambda value: [text for text, meaning in words.items() if meaning is value]


def _several(read_one: Callable[[str], Any]) -> Callable[[list[str]], frozenset[Any]]:
    def read(texts: list[str]) -> frozenset[Any]:
        if len(texts) > VALUES_AT_MOST:
            raise Malformed
        return frozenset(map(read_one, texts))

    return read


def _write_several(values: Collection[Any]) -> list[str]:
    return [str(value) for value in sorted(values)]


@dataclass(frozen=True, slots=True)
class Part:
    """How a field of a filter stands in an address: the argument's name, reading and writing."""

    name: str
    argument: str
    read: Callable[[list[str]], Any]
    write: Callable[[Any], list[str]]


def _set(name: str, argument: str, read_one: Callable[[str], Any]) -> Part:
    return Part(name, argument, _several(read_one), _write_several)


# One table: it reads and writes addresses and data, in this order.
PARTS: Final = (
    _set("tags_any", "tag", _id),
    _set("tags_all", "tag_all", _id),
    _set("tags_none", "tag_none", _id),
    _set("sexes", "sex", _sex),
    _set("regions", "region", _region),
    _set("birth_months", "born", _month),
    _set("store_ids", "store", _id),
    _set("consultant_ids", "consultant", _id),
    _set("agent_ids", "agent", _id),
    _set("source_code_ids", "source", _id),
    _set("referrer_ids", "referrer", _id),
    Part("referred", "sent", _word(_YES_NO), _write_word(_YES_NO)),
    Part("contacted", "contacted", _seen, lambda span: [span.text]),
    Part("visited", "visited", _span, lambda span: [span.text]),
    Part("first_seen", "seen", _seen, lambda span: [span.text]),
    Part("bound", "bound", _word(_YES_NO), _write_word(_YES_NO)),
    Part("following", "follow", _word(_FOLLOWING), _write_word(_FOLLOWING)),
    Part("account_id", "account", lambda texts: _id(_one(texts)), lambda value: [str(value)]),
)

_BY_ARGUMENT: Final = {part.argument: part for part in PARTS}
_BY_NAME: Final = {part.name: part for part in PARTS}

if set(_BY_NAME) != {field.name for field in fields(Filter)}:
    raise TypeError("each field of a filter stands in the table, and nothing else")
