"""Charts that may be one person's: found by phone, sound of the name and birthday, told apart by people."""

from __future__ import annotations

import datetime as dt

import pytest

from engage.audit.services import OPERATOR, Actor
from engage.kernel import clock
from engage.kernel.db import Session, unit_of_work
from engage.kernel.errors import NotFound
from engage.patients import queries as charts
from engage.patients import services as patients
from engage.patients.services import NewChart
from engage.privacy import queries, rules, services
from engage.tenancy import queries as tenancy
from tests.conftest import Chain
from tests.privacy.scenes import PHONE, chart, merge
from workers import events

BORN = dt.date(1990, 5, 1)


@pytest.fixture
def staff(scope: Chain, make_staff) -> Actor:
    """Somebody who decides."""
    make_staff(scope, "manager", "manager")
    with unit_of_work() as session:
        (staff_id,) = tenancy.all_names(session)
    return Actor("staff", staff_id)


def pairs(session: Session) -> dict[tuple[int, int], set[str]]:
    """Give who is suspected, and why."""
    return {(pair.first_id, pair.second_id): set(pair.reasons) for pair in queries.pairs(session, None).items}


def suspected() -> dict[tuple[int, int], set[str]]:
    """Let the reactions run, and give who is suspected."""
    events.drain()
    with unit_of_work() as session:
        return pairs(session)


@pytest.mark.parametrize(
    ("one", "other", "reasons"),
    [
        ({"name": "王小红"}, {"name": "王晓虹"}, {"phone_name"}),
        ({"name": "王小红"}, {"name": "Xiaohong Wang"}, {"phone_name"}),
        ({"name": "王小红", "birth_date": BORN}, {"name": "红红", "birth_date": BORN}, {"phone_birthday"}),
        (
            {"name": "王小红", "phone": None, "birth_date": BORN},
            {"name": "王晓红", "birth_date": BORN},
            {"name_birthday", "initials_birthday"},
        ),
        (
            {"name": "王小红", "phone": None, "birth_date": BORN},
            {"name": "王晓华", "phone": None, "birth_date": BORN},
            {"initials_birthday"},
        ),
        ({"name": "王小红"}, {"name": "李明"}, None),
        ({"name": "王小红", "phone": None}, {"name": "王小红", "phone": None}, None),
        ({"name": "王小红"}, {"name": "王小红", "phone": "13900005555"}, None),
    ],
)
def test_who_is_suspected(scope: Chain, one: dict, other: dict, reasons: set[str] | None) -> None:
    first, second = chart(**one), chart(**other)
    assert suspected() == ({} if reasons is None else {(first, second): reasons})


def test_a_family_with_one_phone_is_no_suspect(scope: Chain) -> None:
    for name in ("王建国", "李梅", "王小红"):
        chart(name, PHONE)
    assert suspected() == {}


def test_a_chart_that_is_changed_is_compared_anew(scope: Chain) -> None:
    first, second = chart("王小红"), chart("李明")
    assert suspected() == {}
    for name, expected in (("王晓红", {(first, second): {"phone_name"}}), ("李明", {})):
        with unit_of_work() as session:
            version = charts.patient(session, second).version
            new = NewChart(name=name, phone=PHONE)
            patients.change_chart(session, second, new, version=version, by=OPERATOR, now=clock.now())
        assert suspected() == expected


def test_two_persons_are_remembered_also_when_a_chart_changes_and_can_be_suspected_again(
    staff: Actor,
) -> None:
    first, second = chart("王小红"), chart("王晓红")
    suspected()
    for _ in range(2):
        with unit_of_work() as session:
            services.dismiss(session, second, first, by=staff, now=clock.now())
    with unit_of_work() as session:
        services.compare(session, first, now=clock.now())
    assert suspected() == {}
    with unit_of_work() as session:
        services.suspect_again(session, first, second, by=staff, now=clock.now())
        assert list(pairs(session)) == [(first, second)]


def test_who_is_not_suspected_cannot_be_told_apart(staff: Actor) -> None:
    with unit_of_work() as session, pytest.raises(NotFound):
        services.dismiss(session, 1, 2, by=staff, now=clock.now())


def test_merged_and_erased_charts_are_suspected_no_more(scope: Chain) -> None:
    one, two, three = (chart("王小红") for _ in range(3))
    assert len(suspected()) == 3
    with unit_of_work() as session:
        merge(session, one, two)
    assert list(suspected()) == [(one, three)]
    with unit_of_work() as session:
        services.erase(session, three, now=clock.now())
    assert suspected() == {}


def test_pages_follow_each_other_without_gap_or_repeat_in_few_statements(scope: Chain, count_queries) -> None:
    for number in range(queries.PAGE + 5):
        for _ in range(2):
            chart("王小红", f"1380000{number:04}")
    events.drain()
    with unit_of_work() as session:
        with count_queries() as counted:
            first = queries.pairs(session, None)
        assert counted.n == 1
        second = queries.pairs(session, first.next)
    seen = [(pair.first_id, pair.second_id) for pair in (*first.items, *second.items)]
    assert len(seen) == len(set(seen)) == queries.PAGE + 5
    assert second.next is None


def test_comparison_is_by_letters_in_no_order() -> None:
    keys = [rules.twin_keys(name, PHONE, None) for name in ("王小红", "Wang Xiaohong", "Xiaohong Wang")]
    assert keys[0] == keys[1] == keys[2]
    assert rules.twin_keys("王小红", None, None) == {}
