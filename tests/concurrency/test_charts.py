"""Changes of one chart, and its facts, when many come at once; without the guards something is lost."""

from __future__ import annotations

import threading
from collections import Counter
from collections.abc import Callable

import pytest
from flask import Flask

from engage.audit.services import OPERATOR
from engage.kernel.db import Session, tenant_scope, unit_of_work
from engage.patients import queries
from engage.patients.services import NewChart, bindings, charts, facts
from tests.concurrency.race import WAIT, race
from tests.conftest import Chain
from tests.patients.scenes import NOW, People, chart, make_people


@pytest.fixture
def people(chain: Chain) -> People:
    return make_people(chain)


@pytest.fixture
def patient_id(people: People) -> int:
    with tenant_scope(people.chain.id), unit_of_work() as session:
        return chart(session).id


def writing(patient_id: int, memo: str) -> Callable[[Session], str]:
    """Make a change by somebody who looked at the chart as it was made."""

    def call(session: Session) -> str:
        changed = NewChart("王小红", memo=memo)
        charts.change_chart(session, patient_id, changed, version=1, by=OPERATOR, now=NOW)
        return "saved"

    return call


def outcomes(results: list[object]) -> dict[str, int]:
    return Counter(one if isinstance(one, str) else type(one).__name__ for one in results)


def test_of_eight_who_change_a_chart_at_once_one_does(app: Flask, people: People, patient_id: int) -> None:
    results = race(app, people.chain.id, [writing(patient_id, f"{number}") for number in range(8)])
    assert outcomes(results) == {"saved": 1, "StaleChart": 7}
    with tenant_scope(people.chain.id), unit_of_work() as session:
        assert queries.patient(session, patient_id).version == 2


def test_control_a_chart_that_is_read_without_its_lock_is_changed_by_both(
    app: Flask, people: People, patient_id: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    both_have_looked = threading.Barrier(2)

    def look(session: Session, patient_id: int):
        found = queries.patient(session, patient_id)
        both_have_looked.wait(WAIT)
        return found

    monkeypatch.setattr(charts.queries, "locked", look)
    results = race(app, people.chain.id, [writing(patient_id, memo) for memo in ("一", "二")])
    assert outcomes(results) == {"saved": 2}


def rows(session: Session, patient_id: int) -> list:
    """Stand for a patient's visits: one for each fan who speaks for them."""
    return [NOW] * len(queries.fans_of(session, patient_id))


def facts_after(app: Flask, people: People, patient_id: int, *, first_waits_for_the_end: bool) -> int:
    """Let a first reaction read before somebody is bound, and write after that; give what the facts say.

    The second one reacts to the binding. Unless the first waits for its end, the first goes on as soon as
    the second is about to take the facts.
    """
    has_read, may_write = threading.Event(), threading.Event()

    def first(session: Session) -> None:
        facts.hold(session, patient_id)
        visits = rows(session, patient_id)
        has_read.set()
        assert may_write.wait(WAIT)
        facts.recompute(session, patient_id, visits, now=NOW)

    def second(_session: Session) -> None:
        assert has_read.wait(WAIT)
        with unit_of_work() as session:
            fan_id = people.fan_ids[0]
            bindings.bind(session, fan_id=fan_id, patient_id=patient_id, how="desk", by=OPERATOR, now=NOW)
        if not first_waits_for_the_end:
            may_write.set()
        with unit_of_work() as session:
            facts.hold(session, patient_id)
            facts.recompute(session, patient_id, rows(session, patient_id), now=NOW)
        may_write.set()

    assert race(app, people.chain.id, [first, second]) == [None, None]
    with tenant_scope(people.chain.id), unit_of_work() as session:
        return queries.facts(session, [patient_id])[patient_id].visits


def test_facts_computed_at_once_miss_nothing(app: Flask, people: People, patient_id: int) -> None:
    assert facts_after(app, people, patient_id, first_waits_for_the_end=False) == 1


def test_control_facts_that_are_not_held_are_overwritten_by_older_ones(
    app: Flask, people: People, patient_id: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(facts, "hold", lambda *_: None)
    assert facts_after(app, people, patient_id, first_waits_for_the_end=True) == 0
