"""Bindings and profiles when two come at once; without the guards, both come through."""

from __future__ import annotations

import threading
import uuid
from collections import Counter
from collections.abc import Callable, Iterator

import pytest
import sqlalchemy as sa
from flask import Flask

from engage.audit.services import Actor
from engage.chat import services as chat
from engage.kernel import doorbell, ids, outbox
from engage.kernel.db import Session, tenant_scope, unit_of_work
from engage.kernel.outbox import OutboxRow
from engage.patients import queries, services, waiting
from engage.patients.models import Binding, BindTicket, Patient, ProfileSubmission
from engage.patients.services import Decision, submissions, tickets
from tests.chat.scenes import Talk, make_talk
from tests.concurrency.race import WAIT, race
from tests.conftest import Chain
from tests.patients.scenes import chart, prove

PHONE = "13600002468"


@pytest.fixture
def talk(chain: Chain, make_staff: Callable[..., str]) -> Iterator[Talk]:
    yield make_talk(chain, make_staff, fan_count=8)
    doorbell.connection().flushdb()


def made(talk: Talk, work: Callable[[Session], object]) -> object:
    """Do something, committed."""
    with tenant_scope(talk.chain.id), unit_of_work() as session:
        return work(session)


def counted(talk: Talk, model: type, *where: sa.ColumnElement[bool]) -> int:
    with tenant_scope(talk.chain.id), unit_of_work() as session:
        return session.scalar(sa.select(sa.func.count()).select_from(model).where(*where))


def outcomes(results: list[object]) -> dict[str, int]:
    return Counter(one if isinstance(one, str) else type(one).__name__ for one in results)


def shown(talk: Talk) -> tuple[int, str]:
    """Show a code of a new chart; gives the chart and the secret."""

    def show(session: Session) -> tuple[int, str]:
        patient = chart(session, "钱多多", None)
        return patient.id, tickets.make_ticket(session, patient.id, by_staff=talk.lina, now=talk.now)[1]

    return made(talk, show)


def scanning(talk: Talk, token: str, fan: int) -> Callable[[Session], str]:
    def call(session: Session) -> str:
        tickets.use_ticket(session, token, fan_id=talk.fan_ids[fan], now=talk.now)
        return "bound"

    return call


def test_a_code_scanned_by_eight_at_once_binds_one(app: Flask, talk: Talk) -> None:
    patient_id, token = shown(talk)
    results = race(app, talk.chain.id, [scanning(talk, token, fan) for fan in range(8)])
    assert outcomes(results) == {"bound": 1, "TicketUsed": 7}
    assert counted(talk, Binding, Binding.patient_id == patient_id) == 1


def test_control_a_code_that_is_read_and_then_written_binds_two(app: Flask, talk: Talk) -> None:
    patient_id, token = shown(talk)
    both = threading.Barrier(2)

    def scan(fan: int) -> Callable[[Session], str]:
        def call(session: Session) -> str:
            digest = BindTicket.token_digest == ids.digest(token)
            row = session.scalars(sa.select(BindTicket).where(digest)).one()
            both.wait(WAIT)
            if not waiting.may_still_use(row, talk.now):
                return "used"
            row.used_at, row.used_by_fan_id = talk.now, talk.fan_ids[fan]
            by = Actor("fan", talk.fan_ids[fan])
            services.bind(
                session, fan_id=talk.fan_ids[fan], patient_id=patient_id, how="scan", by=by, now=talk.now
            )
            return "bound"

        return call

    assert outcomes(race(app, talk.chain.id, [scan(0), scan(1)])) == {"bound": 2}
    assert counted(talk, Binding, Binding.patient_id == patient_id) == 2


def binding(talk: Talk, patient_id: int, staff_id: int) -> Callable[[Session], str]:
    def call(session: Session) -> str:
        told = {"how": "chat", "by": Actor("staff", staff_id), "now": talk.now}
        services.present(session, patient_id)
        services.bind(session, fan_id=talk.fan_ids[0], patient_id=patient_id, **told)
        return "bound"

    return call


def told(talk: Talk) -> int:
    """Count the messages that tell of a binding: one for each time the event was recorded."""
    event = (OutboxRow.event == "patients.bound", OutboxRow.handler.like("%tell_bound%"))
    return counted(talk, OutboxRow, *event)


def test_two_agents_bind_at_once_and_one_message_tells_it(app: Flask, talk: Talk) -> None:
    patient_id = made(talk, lambda session: chart(session, "钱多多", None).id)
    before = told(talk)
    calls = [binding(talk, patient_id, staff_id) for staff_id in (talk.lina, talk.wang) * 4]
    assert outcomes(race(app, talk.chain.id, calls)) == {"bound": 8}
    assert counted(talk, Binding, Binding.patient_id == patient_id) == 1
    assert told(talk) - before == 1


def test_control_looking_first_and_telling_then_tells_it_twice(app: Flask, talk: Talk) -> None:
    patient_id = made(talk, lambda session: chart(session, "钱多多", None).id)
    before, both = told(talk), threading.Barrier(2)

    def call(session: Session) -> str:
        is_there = queries.is_bound(session, talk.fan_ids[0], patient_id)
        both.wait(WAIT)
        if is_there:
            return "bound before"
        outbox.record(session, "patients.bound", now=talk.now, binding_id=1)
        return "bound"

    assert outcomes(race(app, talk.chain.id, [call, call])) == {"bound": 2}
    assert told(talk) - before == 2


def handed_in(talk: Talk) -> ProfileSubmission:
    def hand_in(session: Session) -> ProfileSubmission:
        prove(session, talk.fan_ids[0], phone=PHONE, now=talk.now)
        return chat.hand_in(
            session,
            account_id=talk.account_id,
            fan_id=talk.fan_ids[0],
            typed={"name": "钱多多"},
            key=uuid.uuid4(),
            now=talk.now,
        )

    return made(talk, hand_in)


def creating(talk: Talk, row: ProfileSubmission, staff_id: int) -> Callable[[Session], str]:
    def call(session: Session) -> str:
        chat.create_from(session, Decision(row.id, row.version, staff_id), now=talk.now)
        return "made"

    return call


def rejecting(talk: Talk, row: ProfileSubmission) -> Callable[[Session], str]:
    def call(session: Session) -> str:
        decision = Decision(row.id, row.version, talk.wang)
        chat.reject(session, decision, "请补充", page_url="https://c.example/", now=talk.now)
        return "rejected"

    return call


def test_two_agents_decide_at_once_and_one_is_told_of_the_other(app: Flask, talk: Talk) -> None:
    row, before = handed_in(talk), counted(talk, Patient)
    calls = [creating(talk, row, talk.lina), creating(talk, row, talk.wang), rejecting(talk, row)]
    results = outcomes(race(app, talk.chain.id, calls))
    assert results["ProfileDecided"] == 2
    assert counted(talk, Patient) - before == results.get("made", 0)
    assert results.get("made", 0) + results.get("rejected", 0) == 1


def test_control_without_the_lock_two_charts_are_made(
    app: Flask, talk: Talk, monkeypatch: pytest.MonkeyPatch
) -> None:
    row, before, both = handed_in(talk), counted(talk, Patient), threading.Barrier(2)

    def looked_at(session: Session, decision: Decision) -> ProfileSubmission:
        found = waiting.submission(session, decision.submission_id)
        both.wait(WAIT)
        return found

    monkeypatch.setattr(submissions, "_taken", looked_at)
    results = race(app, talk.chain.id, [creating(talk, row, talk.lina), creating(talk, row, talk.wang)])
    assert outcomes(results) == {"made": 2}
    assert counted(talk, Patient) - before == 2


def handing_in(talk: Talk, key: uuid.UUID) -> Callable[[Session], str]:
    def call(session: Session) -> str:
        row = chat.hand_in(
            session,
            account_id=talk.account_id,
            fan_id=talk.fan_ids[0],
            typed={"name": "钱多多"},
            key=key,
            now=talk.now,
        )
        return f"version {row.version}"

    return call


def test_a_double_tap_hands_in_once(app: Flask, talk: Talk) -> None:
    made(talk, lambda session: prove(session, talk.fan_ids[0], phone=PHONE, now=talk.now))
    key = uuid.uuid4()
    results = race(app, talk.chain.id, [handing_in(talk, key) for _tap in range(6)])
    assert outcomes(results) == {"version 1": 6}
    assert counted(talk, ProfileSubmission) == 1


def test_two_profiles_of_one_fan_at_once_leave_one_that_waits(app: Flask, talk: Talk) -> None:
    made(talk, lambda session: prove(session, talk.fan_ids[0], phone=PHONE, now=talk.now))
    results = race(app, talk.chain.id, [handing_in(talk, uuid.uuid4()) for _tab in range(4)])
    assert outcomes(results) == {f"version {number}": 1 for number in range(1, 5)}
    assert counted(talk, ProfileSubmission) == 1


def reading_first(talk: Talk, key: uuid.UUID, read: threading.Barrier) -> Callable[[Session], str]:
    """Hand in as one would without an upsert: look for what waits, then write."""

    def call(session: Session) -> str:
        mine = (ProfileSubmission.fan_id == talk.fan_ids[0], ProfileSubmission.state == "waiting")
        found = session.scalar(sa.select(ProfileSubmission).where(*mine))
        read.wait(WAIT)
        if found is not None and found.key == key:
            return f"version {found.version}"
        if found is not None:
            found.version, found.key = found.version + 1, key
            session.flush()
            return f"version {found.version}"
        told = {
            "account_id": talk.account_id,
            "fan_id": talk.fan_ids[0],
            "key": key,
            "submitted_at": talk.now,
        }
        session.add(ProfileSubmission(**told, form_version=0, data="{}", state="waiting", version=1))
        session.flush()
        return "version 1"

    return call


def test_control_a_double_tap_that_looks_first_breaks_on_the_other(app: Flask, talk: Talk) -> None:
    key, read = uuid.uuid4(), threading.Barrier(2)
    results = race(app, talk.chain.id, [reading_first(talk, key, read) for _tap in range(2)])
    assert outcomes(results) == {"version 1": 1, "IntegrityError": 1}


def test_control_two_profiles_that_look_first_count_one_version_twice(app: Flask, talk: Talk) -> None:
    made(talk, lambda session: prove(session, talk.fan_ids[0], phone=PHONE, now=talk.now))
    made(talk, handing_in(talk, uuid.uuid4()))
    read = threading.Barrier(2)
    results = race(app, talk.chain.id, [reading_first(talk, uuid.uuid4(), read) for _tab in range(2)])
    assert outcomes(results) == {"version 2": 2}
