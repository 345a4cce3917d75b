"""The waiting list on the phone (BK-17), and the pages that lead to it where no time is free."""

from __future__ import annotations

import datetime as dt
import re
import uuid
from collections.abc import Iterator
from pathlib import Path

import pytest
import sqlalchemy as sa
from flask import Flask

from engage.blueprints.patient import waiting_heads
from engage.booking import services
from engage.booking.models import Appointment, WaitingOffer, WaitingWish
from engage.booking.rules.waiting import ENDINGS
from engage.clinic.models import ItemStore
from engage.kernel import clock
from engage.kernel.db import tenant_scope, unit_of_work
from tests.booking.scenes import Scene
from tests.booking.wishes import noon
from tests.patient.phones import Phone, add_item, add_store, hidden, phone_of, take


@pytest.fixture
def at_noon(app: Flask, scene: Scene, phone: Phone, tmp_path: Path) -> Iterator[None]:
    """Let the clock show the scene's noon: offers are made in the day alone."""
    del app, phone  # they set the clock and log in by what it showed before
    before, file = clock._offset.file, tmp_path / "offset"
    file.write_text(str((noon(scene) - clock.real_now()).total_seconds()))
    clock.use_offset(file)
    yield
    clock.use_offset(before)


def form_of(phone: Phone, **changes: object) -> dict[str, object]:
    """Give the form as it stands when somebody fills nothing in."""
    day = clock.local(phone.scene.opens_at, phone.scene.chain.store.zone).date()
    return {
        "key": str(uuid.uuid4()),
        "store_id": phone.scene.chain.store.id,
        "doctor": str(phone.scene.doctor_id),
        "patient_id": phone.scene.patient_ids[phone.number],
        "part": "any",
        "weekdays": [str(number) for number in range(7)],
        "from_date": day.isoformat(),
        "to_date": (day + dt.timedelta(days=7)).isoformat(),
        **changes,
    }


def wait_for_a_time(phone: Phone) -> str:
    """Put the phone's patient on the list; gives the wish's page."""
    answer = phone.post("/waiting/new", **form_of(phone))
    assert answer.status_code == 303, answer.text
    return answer.location


def offered(scene: Scene) -> WaitingOffer:
    """Let a worker look through the list."""
    with tenant_scope(scene.chain.id), unit_of_work() as session:
        made = services.offer_next(session, scene.chain.store.id, now=clock.now())
        assert made is not None
        return made


def the_offer(page: str) -> str:
    found = re.search(r'name="offer" value="(\d+)"', page)
    assert found is not None
    return found[1]


def test_a_full_day_leads_to_the_list(phone: Phone) -> None:
    take(phone.scene, *range(6))
    page = phone.get(phone.times).text
    link = re.search(r'href="([^"]*/waiting/new[^"]*)"', page)
    assert link is not None
    form = phone.get(link[1].replace("&amp;", "&")).text
    assert "When could you come?" in form
    assert 'value="morning"' in form
    assert "王小红" in form


def test_who_waits_finds_it_among_the_visits(phone: Phone) -> None:
    page = wait_for_a_time(phone)
    assert "You are on the waiting list" in phone.get(page).text
    assert page in phone.get("/appointments").text


def test_sent_twice_it_is_one_wish(phone: Phone) -> None:
    form = form_of(phone)
    assert phone.post("/waiting/new", **form).location == phone.post("/waiting/new", **form).location


@pytest.mark.parametrize(
    ("changes", "said"),
    [
        ({"weekdays": []}, "Choose at least one day of the week."),
        ({"patient_id": ""}, "Please say who is coming."),
        ({"to_date": "2020-01-01"}, "The last day comes before the first."),
        ({"from_date": "2020-01-01", "to_date": "2020-01-05"}, "None of these days can be waited for."),
        ({"part": "night"}, "Please choose again."),
    ],
)
def test_what_is_wrong_is_said_and_what_was_typed_stays(
    phone: Phone, changes: dict[str, object], said: str
) -> None:
    answer = phone.post("/waiting/new", **form_of(phone, **changes))
    assert answer.status_code == 422
    assert said in answer.text
    assert form_of(phone)["doctor"] in answer.text


@pytest.mark.usefixtures("at_noon")
def test_an_offer_is_shown_and_one_tap_books_it(phone: Phone) -> None:
    take(phone.scene, 0, 1, 2, 4, 5)
    wish = wait_for_a_time(phone)
    offered(phone.scene)
    page = phone.get(wish).text
    assert "A time is free for you" in page
    assert "until 12:30" in page
    assert "Free for you: please answer" in phone.get("/appointments").text
    answers = [phone.post(f"{wish}/accept", offer=the_offer(page)) for _ in range(2)]
    assert [answer.status_code for answer in answers] == [303, 303]
    assert answers[0].location == answers[1].location
    assert "Booked" in phone.get(answers[0].location).text
    assert "You have your time" in phone.get(wish).text
    with tenant_scope(phone.scene.chain.id), unit_of_work() as session:
        mine = sa.select(Appointment).where(Appointment.patient_id == phone.scene.patient_ids[0])
        assert len(session.scalars(mine).all()) == 1


@pytest.mark.usefixtures("at_noon")
def test_who_has_a_later_visit_is_asked_to_move_it(phone: Phone) -> None:
    take(phone.scene, 0, 1, 2, 4)
    visit = phone.book(5)
    wish = wait_for_a_time(phone)
    offered(phone.scene)
    page = phone.get(wish).text
    assert "Shall that visit move to this time?" in page
    assert "Book it as well, and keep both" in page
    sent = {name: hidden(page, name)[0] for name in ("instead", "version")}
    stale = phone.post(f"{wish}/accept", offer=the_offer(page), **{**sent, "version": 9})
    assert stale.status_code == 409
    answer = phone.post(f"{wish}/accept", offer=the_offer(page), **sent)
    assert (answer.status_code, answer.location) == (303, visit)
    with tenant_scope(phone.scene.chain.id), unit_of_work() as session:
        mine = sa.select(Appointment).where(Appointment.patient_id == phone.scene.patient_ids[0])
        (moved,) = session.scalars(mine).all()
        assert moved.starts_at == phone.scene.wish(slot=3).starts_at


def run_out(scene: Scene) -> None:
    """Let the time be over for which the offer is kept; nobody has written it down yet."""
    with tenant_scope(scene.chain.id), unit_of_work() as session:
        session.execute(sa.update(WaitingOffer).values(expires_at=clock.now() - dt.timedelta(minutes=1)))


@pytest.mark.usefixtures("at_noon")
def test_an_offer_that_ran_out_says_so_and_can_be_taken_while_it_is_free(phone: Phone) -> None:
    wish = wait_for_a_time(phone)
    offered(phone.scene)
    run_out(phone.scene)
    page = phone.get(wish).text
    assert "Your time is no longer kept" in page
    assert "We kept it until 11:59." in page
    assert "A time is free for you" not in page
    assert phone.post(f"{wish}/accept", offer=the_offer(page)).status_code == 303


@pytest.mark.usefixtures("at_noon")
def test_who_comes_too_late_for_an_offer_reads_what_became_of_it(phone: Phone) -> None:
    wish = wait_for_a_time(phone)
    offer = offered(phone.scene)
    run_out(phone.scene)
    with tenant_scope(phone.scene.chain.id), unit_of_work() as session:
        assert services.expire_offers(session, now=clock.now(), batch=10) == 1
    page = phone.get(wish).text
    at = clock.local(offer.starts_at, phone.scene.chain.store.zone)
    assert "Your time is no longer kept" in page
    assert f"{at:%H:%M} for you until 11:59. You are still on the waiting list." in page
    late = phone.post(f"{wish}/accept", offer=offer.id)
    assert late.status_code == 409
    assert "This offer is over." in late.text


@pytest.mark.parametrize(
    ("reason", "said"),
    [
        ("left", "You can book, or ask us again, whenever you like."),
        ("removed", "The clinic has taken it off."),
        ("over", "The days you could come are over."),
        ("unanswered", "Three times in a row we had no answer."),
    ],
)
def test_who_is_off_the_list_reads_why(phone: Phone, reason: str, said: str) -> None:
    wish = wait_for_a_time(phone)
    with tenant_scope(phone.scene.chain.id), unit_of_work() as session:
        session.execute(sa.update(WaitingWish).values(state="ended", reason=reason, ended_at=clock.now()))
    page = phone.get(wish).text
    assert "You are off the waiting list" in page
    assert said in page


def test_every_ending_is_told() -> None:
    assert set(waiting_heads.ENDED) == set(ENDINGS)


@pytest.mark.usefixtures("at_noon")
def test_who_declines_stays_and_an_old_page_says_that_it_is_over(phone: Phone) -> None:
    wish = wait_for_a_time(phone)
    offered(phone.scene)
    offer = the_offer(phone.get(wish).text)
    assert phone.post(f"{wish}/decline", offer=offer).status_code == 303
    assert "You are on the waiting list" in phone.get(wish).text
    late = phone.post(f"{wish}/accept", offer=offer)
    assert late.status_code == 409
    assert "This offer is over." in late.text


def done_elsewhere(scene: Scene, item_id: int) -> None:
    """Let another store alone do an item."""
    elsewhere = add_store(scene.chain)
    with tenant_scope(scene.chain.id), unit_of_work() as session:
        session.add(ItemStore(item_id=item_id, store_id=elsewhere))


@pytest.mark.usefixtures("at_noon")
def test_what_the_store_does_no_longer_is_not_booked_and_leads_on(phone: Phone) -> None:
    item = add_item(phone.scene.chain, minutes=30)
    wish = phone.post("/waiting/new", **form_of(phone, item_id=item)).location
    offered(phone.scene)
    offer = the_offer(phone.get(wish).text)
    done_elsewhere(phone.scene, item)
    answer = phone.post(f"{wish}/accept", offer=offer)
    assert answer.status_code == 409
    assert "This can no longer be booked" in answer.text
    assert f'href="{phone.base}/booking"' in answer.text
    assert phone.times in answer.text
    assert "A time is free for you" in phone.get(wish).text


def test_an_item_of_other_stores_is_refused_beside_it(phone: Phone) -> None:
    item = add_item(phone.scene.chain, minutes=30)
    done_elsewhere(phone.scene, item)
    answer = phone.post("/waiting/new", **form_of(phone, item_id=item))
    assert answer.status_code == 422
    beside = answer.text.partition('id="error-item_id"')[2]
    assert "The store does not offer this item." in beside


def test_who_leaves_is_off_the_list(phone: Phone) -> None:
    wish = wait_for_a_time(phone)
    assert phone.post(f"{wish}/leave").status_code == 303
    page = phone.get(wish).text
    assert "You are off the waiting list" in page
    assert wish not in phone.get("/appointments").text


@pytest.mark.usefixtures("at_noon")
def test_another_fan_finds_nothing(app: Flask, phone: Phone) -> None:
    other = phone_of(app, phone.scene, 1)
    wish = wait_for_a_time(phone)
    offered(phone.scene)
    offer = the_offer(phone.get(wish).text)
    assert other.get(wish).status_code == 404
    for what in ("accept", "decline", "leave"):
        assert other.post(f"{wish}/{what}", offer=offer).status_code == 404
    theirs = wait_for_a_time(other)
    assert other.post(f"{theirs}/accept", offer=offer).status_code == 404
    assert (
        phone.post("/waiting/new", **form_of(phone, patient_id=phone.scene.patient_ids[1])).status_code == 404
    )


def test_the_soonest_times_are_one_tap_away(phone: Phone) -> None:
    page = phone.get(f"/booking/{phone.scene.chain.store.id}").text
    assert "Soon, in one tap" in page
    assert f'value="{phone.time(0)}"' in page


def test_the_usual_time_is_named(phone: Phone) -> None:
    with tenant_scope(phone.scene.chain.id), unit_of_work() as session:
        made = services.book(session, phone.scene.wish(slot=1), by=phone.scene.fan(), now=clock.now())
        made.state = "completed"
        made.starts_at -= dt.timedelta(days=7)
        made.ends_at -= dt.timedelta(days=7)
    assert "your usual time" in phone.get(f"/booking/{phone.scene.chain.store.id}").text


def test_no_wish_makes_the_pages_ask_more(phone: Phone, count_queries) -> None:
    def cost() -> int:
        with count_queries() as counted:
            assert phone.get("/appointments").status_code == 200
        return counted.n

    wait_for_a_time(phone)
    first = cost()
    wait_for_a_time(phone)
    wait_for_a_time(phone)
    assert cost() == first
    with tenant_scope(phone.scene.chain.id), unit_of_work() as session:
        assert len(session.scalars(sa.select(WaitingWish)).all()) == 3
