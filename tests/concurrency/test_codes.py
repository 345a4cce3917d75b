"""Codes and charts when many come at once; without the guards, more come through."""

from __future__ import annotations

import threading
from collections import Counter
from collections.abc import Callable

import pytest
import sqlalchemy as sa
from flask import Flask

from engage.audit.services import OPERATOR
from engage.kernel.db import Session, tenant_scope, unit_of_work
from engage.patients import queries
from engage.patients.models import Binding, Patient, PhoneCode, PhoneLimit
from engage.patients.rules import RIGHT, SPENT
from engage.patients.services import bindings, charts, codes
from tests.concurrency.race import WAIT, race
from tests.conftest import Chain
from tests.patients.scenes import CLINIC_WIFI, NOW, PHONE, People, ask, make_people, prove
from tests.running.processes import wait_for


@pytest.fixture
def people(chain: Chain) -> People:
    return make_people(chain, fan_count=8)


def counted(people: People, model: type) -> int:
    """Count the rows of a table."""
    with tenant_scope(people.chain.id), unit_of_work() as session:
        return session.scalar(sa.select(sa.func.count()).select_from(model))


def requesting(fan_id: int, phone: str = PHONE) -> Callable[[Session], str]:
    """Make a request of a code."""

    def call(session: Session) -> str:
        codes.request_code(session, fan_id=fan_id, phone=phone, address=CLINIC_WIFI, now=NOW)
        return "asked"

    return call


def outcomes(results: list[object]) -> dict[str, int]:
    """Count what came of the calls."""
    return Counter(one if isinstance(one, str) else type(one).__name__ for one in results)


def test_twenty_requests_at_once_send_one(app: Flask, people: People) -> None:
    results = race(app, people.chain.id, [requesting(people.fan_ids[number % 8]) for number in range(20)])
    assert outcomes(results) == {"asked": 1, "CodeTooSoon": 19}
    assert counted(people, PhoneCode) == 1


def test_the_ceiling_of_an_address_holds_for_many_phones_at_once(
    app: Flask, people: People, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(codes.rules, "A_DAY_PER_ADDRESS", 5)
    calls = [requesting(people.fan_ids[0], f"1380000{number:04}") for number in range(20)]
    assert outcomes(race(app, people.chain.id, calls)) == {"asked": 5, "TooManyCodes": 15}


def test_the_ceiling_of_a_fan_holds_for_many_phones_at_once(
    app: Flask, people: People, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(codes.rules, "A_DAY_PER_FAN", 5)
    calls = [requesting(people.fan_ids[0], f"1380000{number:04}") for number in range(20)]
    assert outcomes(race(app, people.chain.id, calls)) == {"asked": 5, "TooManyCodes": 15}


class ReadThenWrite:
    """The control: `codes._count` that reads the limit, lets all read, and then writes it."""

    def __init__(self, callers: int) -> None:
        self.all_have_read = threading.Barrier(callers)

    def __call__(self, session: Session, what: str, today, *, most: int, apart=None, now) -> None:
        key = codes.sealing.index(what)
        if not what.startswith("phone"):
            return
        limit = session.get(PhoneLimit, (session.tenant_id, key))
        self.all_have_read.wait(WAIT)
        assert limit is None
        fresh = codes.insert(PhoneLimit).values(key=key, day=today, count=1, last_at=now)
        session.execute(fresh.on_conflict_do_nothing())


def test_control_a_limit_that_is_read_and_then_written_lets_all_through(
    app: Flask, people: People, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(codes, "_count", ReadThenWrite(callers=4))
    results = race(app, people.chain.id, [requesting(fan_id) for fan_id in people.fan_ids[:4]])
    assert outcomes(results) == {"asked": 4}
    assert counted(people, PhoneCode) == 4


def checking(fan_id: int, code: str) -> Callable[[Session], object]:
    """Make a try of a code."""
    return lambda session: codes.check_code(session, fan_id=fan_id, phone=PHONE, code=code, now=NOW)


def code_for(people: People) -> str:
    """Let the first fan ask for a code."""
    with tenant_scope(people.chain.id), unit_of_work() as session:
        return ask(session, people.fan_ids[0])


def test_the_same_code_used_at_once_is_right_once(app: Flask, people: People) -> None:
    code = code_for(people)
    results = race(app, people.chain.id, [checking(people.fan_ids[0], code)] * 8)
    assert Counter(results) == {RIGHT: 1, SPENT: 7}


def test_guesses_at_once_are_five_all_in_all(app: Flask, people: People) -> None:
    code = code_for(people)
    guesses = [f"{(int(code) + offset) % 1_000_000:06}" for offset in range(1, 21)]
    results = race(app, people.chain.id, [checking(people.fan_ids[0], guess) for guess in guesses])
    verdicts = Counter(result.outcome for result in results)
    assert verdicts == {"wrong": 5, "spent": 15}
    assert sorted(result.left for result in results if result.outcome == "wrong") == [0, 1, 2, 3, 4]


def test_control_a_code_that_is_read_before_it_is_used_is_right_twice(
    app: Flask, people: People, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Both find it unused before either has used it; the statement that tries it looks no more."""
    code = code_for(people)
    both_have_looked = threading.Barrier(2)

    def look(session: Session, latest, *, now):
        unused = session.execute(
            sa.select(PhoneCode.id, PhoneCode.code, PhoneCode.tries).where(PhoneCode.used_at.is_(None))
        ).one()
        both_have_looked.wait(WAIT)
        return unused

    monkeypatch.setattr(codes, "_try", look)
    results = race(app, people.chain.id, [checking(people.fan_ids[0], code)] * 2)
    assert Counter(results) == {RIGHT: 2}


def registering(fan_id: int) -> Callable[[Session], int]:
    """Make the registration of a fan with a name."""
    return lambda session: charts.chart_for_fan(session, fan_id, "王小红", how="phone", now=NOW).id


def all_prove(people: People, count: int) -> None:
    """Let fans prove the same phone, one after the other."""
    with tenant_scope(people.chain.id), unit_of_work() as session:
        for minute, fan_id in enumerate(people.fan_ids[:count]):
            prove(session, fan_id, now=NOW + minute * codes.rules.RESEND_AFTER)


def test_two_who_proved_one_phone_make_one_chart(app: Flask, people: People) -> None:
    all_prove(people, 8)
    results = race(app, people.chain.id, [registering(fan_id) for fan_id in people.fan_ids])
    assert len(set(results)) == 1
    assert (counted(people, Patient), counted(people, Binding)) == (1, 8)


def test_one_fan_tapping_twice_makes_one_relative(app: Flask, people: People) -> None:
    all_prove(people, 1)
    calls = [lambda session: charts.add_relative(session, people.fan_ids[0], "王明", now=NOW).id] * 6
    assert len(set(race(app, people.chain.id, calls))) == 1
    assert (counted(people, Patient), counted(people, Binding)) == (1, 1)


def test_who_binds_waits_for_a_chart_that_is_being_made(app: Flask, people: People) -> None:
    all_prove(people, 2)
    is_made = threading.Event()
    waiting = sa.text("select count(*) from pg_locks where locktype = 'advisory' and not granted")

    def register(session: Session) -> list[int]:
        made = charts.chart_for_fan(session, people.fan_ids[0], "王小红", how="phone", now=NOW)
        is_made.set()
        wait_for(lambda: session.scalar(waiting), seconds=10)
        return [made.id]

    def bind(session: Session) -> list[int]:
        is_made.wait(WAIT)
        return [chart.id for chart in bindings.bind_by_phone(session, people.fan_ids[1], now=NOW)]

    made, bound = race(app, people.chain.id, [register, bind])
    assert made == bound


def test_control_without_the_held_phone_each_makes_a_chart(
    app: Flask, people: People, monkeypatch: pytest.MonkeyPatch
) -> None:
    all_prove(people, 2)
    both_have_looked = threading.Barrier(2)
    find = queries.of_phone

    def look(session: Session, phone: str):
        found = find(session, phone)
        both_have_looked.wait(WAIT)
        return found

    monkeypatch.setattr(charts, "hold_phone", lambda _session, _phone: None)
    monkeypatch.setattr(queries, "of_phone", look)
    results = race(app, people.chain.id, [registering(fan_id) for fan_id in people.fan_ids[:2]])
    assert len(set(results)) == 2
    assert counted(people, Patient) == 2


def test_charts_made_at_once_have_numbers_without_gaps(app: Flask, people: People) -> None:
    def make(number: int) -> Callable[[Session], int]:
        new = charts.NewChart(name=f"病人{number}", source="desk")
        return lambda session: charts.create_chart(session, new, by=OPERATOR, now=NOW).number

    numbers = race(app, people.chain.id, [make(number) for number in range(16)])
    assert sorted(numbers) == list(range(1, 17))


def test_one_binding_however_many_bind(app: Flask, people: People) -> None:
    with tenant_scope(people.chain.id), unit_of_work() as session:
        new = charts.NewChart(name="王小红", phone=PHONE, source="desk")
        patient_id = charts.create_chart(session, new, by=OPERATOR, now=NOW).id
        fan_id = people.fan_ids[0]

    def bind(session: Session) -> int:
        return bindings.bind(
            session, fan_id=fan_id, patient_id=patient_id, how="desk", by=OPERATOR, now=NOW
        ).id

    results = race(app, people.chain.id, [bind] * 12)
    assert len(set(results)) == 1
    assert counted(people, Binding) == 1
