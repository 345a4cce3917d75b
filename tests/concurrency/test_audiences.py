"""Two reactions compute one fan at once: what was read first is not written last."""

from __future__ import annotations

import threading
from collections.abc import Mapping

import pytest
import sqlalchemy as sa
from flask import Flask

from engage.audiences import services
from engage.audiences.models import AudiencePerson
from engage.audit.services import OPERATOR
from engage.kernel.db import Session, tenant_scope, unit_of_work
from engage.patients import services as patients
from engage.patients.models import Patient
from engage.patients.services import NewChart
from tests.concurrency.race import WAIT
from tests.conftest import Chain
from tests.patients.scenes import NOW, People, make_people
from tests.running.processes import wait_for

WAITING = sa.text("select count(*) from pg_locks where locktype = 'advisory' and not granted")


@pytest.fixture
def people(chain: Chain) -> People:
    return make_people(chain, fan_count=1)


def bound(people: People) -> int:
    with unit_of_work() as session:
        chart = patients.create_chart(session, NewChart("李娜", sex="f"), by=OPERATOR, now=NOW)
        fan_id = people.fan_ids[0]
        patients.bind(session, fan_id=fan_id, patient_id=chart.id, how="desk", by=OPERATOR, now=NOW)
        return chart.id


def correct(chart_id: int) -> None:
    with unit_of_work() as session:
        session.execute(sa.update(Patient).where(Patient.id == chart_id).values(sex="m"))


def outcome(app: Flask, people: People, monkeypatch: pytest.MonkeyPatch, *, guarded: bool) -> set[str]:
    """Let one reaction read, then the chart change, then a second reaction run; gives what is kept."""
    has_read, goes_on = threading.Event(), threading.Event()
    read = services._kept

    def slowly(session: Session, fan_ids: list[int]) -> Mapping[int, set[services.Kept]]:
        found = read(session, fan_ids)
        if threading.current_thread().name == "first":
            has_read.set()
            assert goes_on.wait(WAIT)
        return found

    monkeypatch.setattr(services, "_kept", slowly)
    if not guarded:
        monkeypatch.setattr(services, "_hold", lambda _session, _fan_ids: None)

    def react() -> None:
        with app.app_context(), tenant_scope(people.chain.id), unit_of_work() as session:
            services.recompute(session, people.fan_ids)

    first, second = threading.Thread(target=react, name="first"), threading.Thread(target=react)
    with tenant_scope(people.chain.id):
        chart_id = bound(people)
        first.start()
        assert has_read.wait(WAIT)
        correct(chart_id)
        second.start()
        if guarded:
            with unit_of_work() as session:
                wait_for(lambda: session.scalar(WAITING), seconds=10)
        else:
            second.join(WAIT)
        goes_on.set()
        for thread in (first, second):
            thread.join(WAIT)
        with unit_of_work() as session:
            return set(session.scalars(sa.select(AudiencePerson.sex)))


def test_without_the_lock_an_old_reading_would_be_written_last(app, people, monkeypatch):
    """Control."""
    assert "f" in outcome(app, people, monkeypatch, guarded=False)


def test_of_two_reactions_the_later_one_holds(app, people, monkeypatch):
    assert outcome(app, people, monkeypatch, guarded=True) == {"m"}
