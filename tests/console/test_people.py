"""A person in the drawer, what happened to them in words, and finding them."""

from __future__ import annotations

import datetime as dt
import html
import re

import pytest
import sqlalchemy as sa

from engage.audit.models import AuditEntry
from engage.blueprints.console.timeline import SENTENCES
from engage.kernel import clock
from engage.kernel.db import tenant_scope, unit_of_work
from engage.patients import services as patients
from engage.reactions import HANDLERS, timeline
from tests.booking.scenes import SLOT
from tests.console.conftest import DRAWER, words
from tests.contracts.callers import log_in_directly
from tests.patient.phones import written

PEOPLE = "/console/people"
PHONE = "13800004321"


def note(desk, patient_id, kind, **about):
    with tenant_scope(desk.scene.chain.id), unit_of_work() as session:
        patients.note(
            session,
            kind=kind,
            at=clock.now(),
            cause=f"{kind}-{patient_id}",
            patient_id=patient_id,
            **{"subject_id": patient_id, **about},
        )


def note_visit(desk, kind, appointment_id):
    """Let the reaction tell of a visit as it does after the event."""
    payload = {
        "event": kind,
        "event_id": f"{kind}-{appointment_id}",
        "at": clock.now().isoformat(),
        "appointment_id": appointment_id,
    }
    with tenant_scope(desk.scene.chain.id), unit_of_work() as session:
        timeline.note_visit(session, payload, now=clock.now())


def happened(page):
    (shown,) = re.findall(r'<ol class="timeline">.*?</ol>', page.text, flags=re.DOTALL)
    return " ".join(html.unescape(re.sub(r"<[^>]+>", " ", shown)).split())


def test_who_it_is_without_the_whole_phone(desk):
    patient_id = desk.patient("欧阳娜娜", PHONE)
    page = desk.owner.client.get(f"{PEOPLE}/{patient_id}", headers=DRAWER)
    assert all(text in words(page) for text in ("欧阳娜娜", "138****4321", "No. 3", "Front desk"))
    assert f'action="{PEOPLE}/{patient_id}/phone"' in page.text
    assert PHONE not in page.text
    assert "<html" not in page.text
    assert "No WeChat is bound" in words(page)
    assert f'href="/console/appointments/new?patient={patient_id}"' in page.text
    assert f"/console/messages?person={patient_id}" in page.text


def test_a_look_is_audited(desk):
    patient_id = desk.scene.patient_ids[0]
    for _ in range(2):
        desk.owner.ask("GET", f"{PEOPLE}/{patient_id}")
    looks = desk.read(
        lambda session: session.execute(
            sa.select(AuditEntry.actor_id, AuditEntry.subject_kind, AuditEntry.subject_id).where(
                AuditEntry.action == "patient.viewed"
            )
        ).all()
    )
    assert looks == [(desk.owner.id, "patient", patient_id)] * 2


def test_who_speaks_for_a_patient(desk):
    page = desk.owner.ask("GET", f"{PEOPLE}/{desk.scene.patient_ids[0]}")
    assert re.search(r"Fan \w{4,} At the desk, since \d{4}-", words(page))


def test_visits_of_ones_own_stores_alone_are_shown(app, desk):
    patient_id = desk.scene.patient_ids[0]
    here = desk.book()
    there = desk.book_elsewhere(patient_id=patient_id, starts_at=desk.scene.opens_at + 2 * SLOT)
    for made in (here, there):
        note_visit(desk, "booking.booked", made)
    everything = desk.owner.ask("GET", f"{PEOPLE}/{patient_id}")
    assert everything.text.count(f'href="/console/appointments/{there}" data-drawer') == 2
    assert "周明慧 · 浦东店" in happened(everything)
    reception = log_in_directly(app, desk.scene.chain, "desk", store_id=desk.scene.chain.store.id)
    seen = reception.ask("GET", f"{PEOPLE}/{patient_id}")
    assert f"/console/appointments/{here}" in seen.text
    assert f"/console/appointments/{there}" not in seen.text
    assert "浦东店" not in seen.text
    assert "Booked a visit" in happened(seen)


def test_every_entry_has_its_sentence_without_leftovers(desk):
    patient_id = desk.scene.patient_ids[0]
    told = ""
    for number, kind in enumerate(SENTENCES, start=1):
        note(desk, patient_id, kind, source="desk", how="phone")
        if number % 10 == 0 or number == len(SENTENCES):  # a page shows so many, the latest first
            told += happened(desk.owner.ask("GET", f"{PEOPLE}/{patient_id}"))
    assert "%" not in told
    assert all(
        text in told
        for text in ("A WeChat user bound: By phone", "Chart made: Front desk", "Did not come", "Checked in")
    )


def test_a_kind_that_has_no_sentence_is_called_by_its_name(desk):
    patient_id = desk.scene.patient_ids[0]
    note(desk, patient_id, "loyalty.points_given")
    assert "loyalty.points_given" in happened(desk.owner.ask("GET", f"{PEOPLE}/{patient_id}"))


def test_all_that_is_noted_has_a_sentence():
    noted = {
        event
        for event, handlers in HANDLERS.items()
        if any(handler.__module__ == timeline.__name__ for handler in handlers)
    }
    assert noted == set(SENTENCES)


def test_a_sentence_keeps_the_time_of_then(desk):
    made = desk.book()
    note_visit(desk, "booking.booked", made)
    then = desk.scene.opens_at.astimezone(dt.timezone(dt.timedelta(hours=8)))
    told = happened(desk.owner.ask("GET", f"{PEOPLE}/{desk.scene.patient_ids[0]}"))
    assert f"Booked {written(then.date())} 18:00 · 李明 · 徐汇店" in told


@pytest.mark.parametrize(
    ("role", "status"), [("desk", 200), ("doctor", 200), ("marketer", 403), ("accountant", 403)]
)
def test_roles(app, desk, role, status):
    patient_id = desk.scene.patient_ids[0]
    person = log_in_directly(app, desk.scene.chain, role)
    assert person.ask("GET", f"{PEOPLE}/{patient_id}").status_code == status
    found = person.ask("POST", "/console/search", {"q": "王"})
    assert (f"{PEOPLE}/{patient_id}" in found.text) is (status == 200)


@pytest.mark.parametrize("asked", ["欧阳", "娜娜", "oynn", PHONE, "4321", "3"])
def test_search_finds_a_person(desk, asked):
    patient_id = desk.patient("欧阳娜娜", PHONE)
    found = desk.owner.ask("POST", "/console/search", {"q": asked})
    assert f'href="{PEOPLE}/{patient_id}"' in found.text
    assert PHONE not in found.text.replace(f"“{asked}”", "")


def test_more_history_costs_no_more_queries(desk, count_queries):
    patient_id = desk.scene.patient_ids[0]

    def cost():
        with count_queries() as counting:
            desk.owner.ask("GET", f"{PEOPLE}/{patient_id}")
        return counting.n

    note_visit(desk, "booking.booked", desk.book())
    few = cost()
    for slot in (1, 2, 3):
        note_visit(desk, "booking.booked", desk.book(starts_at=desk.scene.opens_at + slot * SLOT))
    assert cost() == few
    assert few <= 20
