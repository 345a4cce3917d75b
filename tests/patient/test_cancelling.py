"""Visits are cancelled on the phone, and what follows is said."""

from __future__ import annotations

import datetime as dt

import pytest

from engage.booking import services
from engage.kernel import clock
from engage.kernel.db import tenant_scope, unit_of_work
from tests.patient.phones import (
    STAFF,
    Phone,
    appointments,
    begin_in,
    free,
    hidden,
    move,
    written,
)


def test_cancelling_asks_why_and_says_what_follows(phone: Phone):
    visit = phone.book(0)
    page = phone.get(f"{visit}/cancel").text
    local = clock.local(phone.scene.opens_at, phone.scene.chain.store.zone)
    assert f"Cancel {written(local)} {local:%H:%M}" in page
    assert f'href="{visit}/change"' in page
    answer = phone.post(f"{visit}/cancel", version=1, reason="ill", words="发烧")
    assert (answer.status_code, answer.location) == (303, visit)
    (made,) = appointments(phone.scene)
    assert (made.state, made.cancelled_by, made.late) == ("cancelled", "patient", False)
    assert made.cancel_reason == "I am ill or away · 发烧"
    assert phone.time(0) in free(phone.get(phone.times).text)


def test_a_cancelled_visit_is_booked_again_by_one_tap(phone: Phone):
    visit = phone.book(0)
    phone.post(f"{visit}/cancel", version=1)
    page = phone.get(visit).text
    assert "This visit is cancelled" in page
    assert f'action="{phone.times}"' in page
    assert hidden(page, "starts_at") == [phone.time(0)]
    again = phone.book(0)
    assert again != visit
    assert phone.get(f"{visit}/cancel").status_code == 409
    assert phone.get(f"{visit}/change").status_code == 409


def test_cancelling_twice_cancels_once(phone: Phone):
    visit = phone.book(0)
    assert [phone.post(f"{visit}/cancel", version=1).status_code for _tap in range(2)] == [303, 303]
    assert appointments(phone.scene)[0].version == 2


def test_a_visit_moved_meanwhile_is_not_cancelled_unseen(phone: Phone):
    visit = phone.book(0)
    move(phone, visit, 1)
    answer = phone.post(f"{visit}/cancel", version=1)
    assert answer.status_code == 409
    assert appointments(phone.scene)[0].state == "confirmed"


def test_a_late_cancellation_is_one_all_the_same(phone: Phone):
    visit = phone.book(0)
    begin_in(phone.scene, dt.timedelta(minutes=30))
    assert f"{visit}/change" not in phone.get(f"{visit}/cancel").text
    assert phone.post(f"{visit}/cancel", version=1).status_code == 303
    assert appointments(phone.scene)[0].late


@pytest.mark.parametrize("form", [{"version": "x"}, {"reason": "made up"}, {"words": "x" * 201}, {}])
def test_a_form_of_no_sense_cancels_nothing(phone: Phone, form: dict[str, str]):
    visit = phone.book(0)
    answer = phone.post(f"{visit}/cancel", **({"version": "1"} | form if form else {}))
    assert answer.status_code == 422
    assert appointments(phone.scene)[0].state == "confirmed"


def test_by_staff_it_reads_otherwise(phone: Phone):
    visit = phone.book(0)
    number = int(visit.rpartition("/")[2])
    with tenant_scope(phone.scene.chain.id), unit_of_work() as session:
        services.cancel(session, number, 1, "病了", by=STAFF, now=clock.now())
    page = phone.get(visit).text
    assert "We had to cancel this visit" in page
    assert "病了" not in page
