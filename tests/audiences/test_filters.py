"""Filters as words of an address and as data: read back what was written, refuse what nobody can mean."""

from __future__ import annotations

import datetime as dt

import pytest
from hypothesis import given
from hypothesis import strategies as st

from engage.audiences.filters import (
    EVERYBODY,
    PARTS,
    Facts,
    Filter,
    Person,
    Span,
    from_json,
    holds,
    parse,
    to_args,
    to_json,
)
from engage.kernel.errors import Malformed
from engage.patients.rules import REGIONS, SEXES

NOW = dt.datetime(2026, 11, 22, 16, 30, tzinfo=dt.UTC)  # past midnight in Shanghai
MANY = 101


def days_ago(days: float) -> dt.datetime:
    return NOW - dt.timedelta(days=days)


FAN = Facts(
    fan_id=1,
    account_id=5,
    following=True,
    first_seen_at=days_ago(100),
    last_seen_at=days_ago(7),
    visited_at=days_ago(30),
    store_id=2,
    consultant_id=9,
    agent_id=8,
    source_code_id=4,
    referrer_id=3,
    tags=frozenset({1, 2}),
    bound=True,
    people=(Person("f", "31", 3), Person("m", None, None)),
)
STRANGER = Facts(2, 5, following=True, first_seen_at=NOW, last_seen_at=NOW)

ids = st.frozensets(st.integers(1, 2**63 - 1), max_size=4)
spans = st.builds(Span, st.sampled_from(["within", "before"]), st.integers(1, 3660))
filters = st.builds(
    Filter,
    tags_any=ids,
    tags_all=ids,
    tags_none=ids,
    sexes=st.frozensets(st.sampled_from(sorted(SEXES))),
    regions=st.frozensets(st.sampled_from(sorted(REGIONS)), max_size=4),
    birth_months=st.frozensets(st.integers(1, 12), max_size=3),
    store_ids=ids,
    consultant_ids=ids,
    agent_ids=ids,
    source_code_ids=ids,
    referrer_ids=ids,
    referred=st.none() | st.booleans(),
    contacted=st.none() | spans,
    visited=st.none() | spans | st.just(Span("never")),
    first_seen=st.none() | spans,
    bound=st.none() | st.booleans(),
    following=st.none() | st.booleans(),
    account_id=st.none() | st.integers(1, 2**63 - 1),
)


@given(filters)
def test_what_is_written_is_read_back(asked: Filter) -> None:
    assert parse(to_args(asked)) == asked
    assert from_json(to_json(asked)) == asked


def test_asking_nothing_is_everybody_who_follows() -> None:
    assert parse([]) == EVERYBODY == from_json({"v": 1})
    assert to_args(EVERYBODY) == []


def test_arguments_of_the_page_and_empty_ones_are_left_alone() -> None:
    assert parse([("page", "abc"), ("sex", ""), ("order", "new"), ("tag", "7")]) == Filter(
        tags_any=frozenset({7})
    )


def test_every_field_stands_in_an_address_by_a_name_of_its_own() -> None:
    assert len({part.argument for part in PARTS}) == len(PARTS) == len(Filter.__dataclass_fields__)


@pytest.mark.parametrize(
    "pairs",
    [
        [("tag", "x")],
        [("tag", "0")],
        [("tag", "-1")],
        [("tag", "１")],
        [("tag", str(2**63))],
        [("tag", str(number)) for number in range(1, MANY + 1)],
        [("sex", "woman")],
        [("region", "99")],
        [("born", "13")],
        [("born", "0")],
        [("visited", "within")],
        [("visited", "within.0")],
        [("visited", "within.9999")],
        [("visited", "after.3")],
        [("visited", "never"), ("visited", "within.3")],
        [("seen", "never")],
        [("contacted", "never")],
        [("bound", "maybe")],
        [("follow", "1")],
        [("account", "1"), ("account", "2")],
        [("account", "1 or 1=1")],
    ],
)
def test_what_nobody_can_mean_is_refused(pairs: list[tuple[str, str]]) -> None:
    with pytest.raises(Malformed):
        parse(pairs)


@pytest.mark.parametrize(
    "kept", [{}, {"v": 2}, {"who": "all"}, {"v": 1, "words": ["x"]}, {"v": 1, "sexes": ["x"]}]
)
def test_data_of_another_kind_is_refused(kept: dict) -> None:
    with pytest.raises(Malformed):
        from_json(kept)


@pytest.mark.parametrize(
    ("asked", "meant"),
    [
        (Filter(), True),
        (Filter(following=False), False),
        (Filter(following=None), True),
        (Filter(account_id=6), False),
        (Filter(tags_any=frozenset({2, 3})), True),
        (Filter(tags_any=frozenset({3})), False),
        (Filter(tags_all=frozenset({1, 2})), True),
        (Filter(tags_all=frozenset({1, 3})), False),
        (Filter(tags_none=frozenset({3})), True),
        (Filter(tags_none=frozenset({2, 3})), False),
        (Filter(sexes=frozenset({"m"})), True),
        (Filter(sexes=frozenset({"f"}), regions=frozenset({"31", "32"})), True),
        (Filter(sexes=frozenset({"m"}), regions=frozenset({"31"})), False),  # no one person is both
        (Filter(birth_months=frozenset({3})), True),
        (Filter(store_ids=frozenset({2})), True),
        (Filter(agent_ids=frozenset({8})), True),
        (Filter(agent_ids=frozenset({9})), False),
        (Filter(referrer_ids=frozenset({3})), True),
        (Filter(referrer_ids=frozenset({4})), False),
        (Filter(referred=True), True),
        (Filter(referred=False), False),
        (Filter(store_ids=frozenset({3})), False),
        (Filter(contacted=Span("within", 7)), True),  # to the moment
        (Filter(contacted=Span("before", 7)), False),
        (Filter(contacted=Span("before", 6)), True),
        (Filter(visited=Span("within", 29)), False),
        (Filter(visited=Span("before", 29)), True),
        (Filter(visited=Span("never")), False),
        (Filter(first_seen=Span("before", 99)), True),
        (Filter(bound=False), False),
    ],
)
def test_whom_a_filter_means(asked: Filter, *, meant: bool) -> None:
    assert holds(asked, FAN, now=NOW) is meant


@pytest.mark.parametrize(
    ("asked", "meant"),
    [
        (Filter(sexes=frozenset(SEXES)), False),
        (Filter(regions=frozenset(REGIONS)), False),
        (Filter(birth_months=frozenset(range(1, 13))), False),
        (Filter(visited=Span("before", 1)), False),
        (Filter(visited=Span("never")), True),
        (Filter(tags_none=frozenset({1})), True),
        (Filter(bound=False), True),
    ],
)
def test_what_is_unknown_matches_nothing(asked: Filter, *, meant: bool) -> None:
    assert holds(asked, STRANGER, now=NOW) is meant
