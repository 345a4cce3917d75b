"""Reading visits, and a visit as a calendar file."""

from __future__ import annotations

import datetime as dt

import pytest
from icalendar import Calendar

from engage.audit.services import OPERATOR, Actor
from engage.booking import calendar, queries, services
from engage.booking.calendar import Entry
from engage.kernel import clock
from engage.kernel.db import Session
from engage.kernel.errors import NotFound
from engage.patients import services as patients
from tests.booking.scenes import SLOT, Scene

DESK = Actor("staff", 7)


def test_a_visit_is_shown_to_fans_of_its_patient_alone(scene: Scene, session: Session) -> None:
    made = services.book(session, scene.wish(fan_id=None, channel="desk"), by=DESK, now=clock.now())
    mine, other = scene.fan_ids
    assert queries.appointment(session, made.id, fan_id=mine) is made
    for appointment_id, fan_id in ((made.id, other), (made.id + 1, mine)):
        with pytest.raises(NotFound):
            queries.appointment(session, appointment_id, fan_id=fan_id)
        with pytest.raises(NotFound):
            queries.row(session, appointment_id, fan_id=fan_id)
    patients.unbind(session, fan_id=mine, patient_id=made.patient_id, by=OPERATOR, now=clock.now())
    with pytest.raises(NotFound):
        queries.appointment(session, made.id, fan_id=mine)


def test_a_fan_sees_the_visits_of_all_their_patients(scene: Scene, session: Session, count_queries) -> None:
    now, told = clock.now(), {"by": OPERATOR, "now": clock.now()}
    patients.bind(session, fan_id=scene.fan_ids[0], patient_id=scene.patient_ids[1], how="desk", **told)
    made = [
        services.book(session, scene.wish(fan=fan, slot=slot), by=DESK, now=now).id
        for fan, slot in ((0, 2), (1, 1), (0, 0))
    ]
    coming, past = queries.of_fan(session, scene.fan_ids[0], now=now, limit=10)
    assert ([row.id for row in coming], list(past)) == (made[::-1], [])
    later = scene.opens_at + 2 * SLOT
    session.commit()
    with count_queries() as counted:
        coming, past = queries.of_fan(session, scene.fan_ids[0], now=later, limit=10)
    assert [row.id for row in coming] == [made[0]]
    assert [row.id for row in past] == [made[1], made[2]]
    assert counted.n == 7
    patient_id = scene.patient_ids[0]
    everywhere = queries.of_patient(session, patient_id, store_ids=None, limit=9)
    assert [row.patient_id for row in everywhere] == [patient_id] * 2
    here = frozenset({scene.chain.store.id})
    assert len(queries.of_patient(session, patient_id, store_ids=here, limit=9)) == 2
    assert queries.of_patient(session, patient_id, store_ids=frozenset(), limit=9) == []


def test_a_row_has_its_names(scene: Scene, session: Session) -> None:
    made = services.book(session, scene.wish(), by=scene.fan(), now=clock.now())
    row = queries.row(session, made.id)
    assert (row.patient_name, row.doctor, row.store, row.item) == ("王小红", "李明", "徐汇店", "")


def test_the_day_shows_the_stores_one_sees(scene: Scene, session: Session) -> None:
    made = services.book(session, scene.wish(), by=scene.fan(), now=clock.now())
    begin, end = scene.opens_at - SLOT, scene.opens_at + SLOT

    def shown(stores: frozenset[int] | None, **options: object) -> list[int]:
        found = queries.between(session, begin=begin, end=end, store_ids=stores, **options)
        return [row.id for row in found]

    assert shown(None) == shown(frozenset({scene.chain.store.id})) == [made.id]
    assert shown(frozenset()) == shown(frozenset({0})) == []
    assert shown(None, doctor_id=scene.doctor_id, states=["confirmed"]) == [made.id]
    assert shown(None, doctor_id=0) == shown(None, states=["cancelled"]) == []
    assert queries.between(session, begin=begin, end=scene.opens_at, store_ids=None) == []


def test_days_are_counted_in_the_zone_of_the_clinic(scene: Scene, session: Session) -> None:
    made = services.book(session, scene.wish(), by=scene.fan(), now=clock.now())
    span = {"begin": scene.opens_at - SLOT, "end": scene.opens_at + SLOT, "store_ids": None}
    date = scene.opens_at.date()
    assert queries.counts_by_day(session, zone="Asia/Shanghai", **span) == {date: 1}
    assert queries.counts_by_day(session, zone="Pacific/Kiritimati", **span) == {
        date + dt.timedelta(days=1): 1
    }
    services.cancel(session, made.id, 1, "", by=scene.fan(), now=clock.now())
    assert queries.counts_by_day(session, zone="Asia/Shanghai", **span) == {}


TEN = dt.datetime(2026, 11, 23, 10, tzinfo=dt.timezone(dt.timedelta(hours=8)))


def entry(**changes: object) -> Entry:
    told = {
        "tenant_id": 1,
        "appointment_id": 42,
        "version": 3,
        "state": "confirmed",
        "starts_at": TEN,
        "ends_at": TEN + SLOT,
        "summary": "康美口腔 徐汇店",
        "place": "淮海中路 999 号",
    }
    return Entry(**{**told, **changes})


def test_a_visit_as_a_calendar_file() -> None:
    file = Calendar.from_ical(calendar.ics(entry(), now=TEN))
    assert file["METHOD"] == "PUBLISH"
    (event,) = file.walk("VEVENT")
    assert event["UID"] == "appointment-1-42@engage"
    assert (event["SEQUENCE"], event["STATUS"], event["LOCATION"]) == (3, "CONFIRMED", "淮海中路 999 号")
    assert event["DTSTART"].to_ical() == b"20261123T020000Z"
    (alarm,) = file.walk("VALARM")
    assert alarm["TRIGGER"].dt == -dt.timedelta(hours=2)


def test_a_cancelled_visit_is_struck_out() -> None:
    file = Calendar.from_ical(calendar.ics(entry(state="cancelled", version=4), now=TEN))
    (event,) = file.walk("VEVENT")
    assert (event["STATUS"], event["SEQUENCE"]) == ("CANCELLED", 4)
    assert file.walk("VALARM") == []
