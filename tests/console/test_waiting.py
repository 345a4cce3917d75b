"""The waiting list at the desk (BK-17): who waits, calling and offering, adding somebody."""

from __future__ import annotations

import datetime as dt
import re
import uuid

import sqlalchemy as sa
from flask import Flask

from engage.audit.services import Actor
from engage.booking import services
from engage.booking.models import Appointment, WaitingWish
from engage.booking.queries import waiting as queries
from engage.kernel import clock
from engage.kernel.db import tenant_scope, unit_of_work
from tests.booking.wishes import wanted
from tests.console.conftest import DRAWER, words
from tests.contracts.callers import log_in_directly

AT = "/console/waiting"
STAFF = Actor("staff", 7)
NAME = "王小红"


def wait(desk, **changes) -> int:
    """Put the first patient on the list; gives the wish's id."""
    with tenant_scope(desk.scene.chain.id), unit_of_work() as session:
        wish = wanted(desk.scene, **{"fan_id": None, **changes})
        return services.add_wish(
            session, wish, by=desk.scene.fan() if wish.fan_id else STAFF, now=clock.now()
        ).id


def posted(desk, path: str, **form):
    return desk.owner.ask("POST", path, form)


def form_of(desk, **changes) -> dict[str, object]:
    day = clock.local(desk.scene.opens_at, desk.scene.chain.store.zone).date()
    return {
        "key": str(uuid.uuid4()),
        "patient": desk.scene.patient_ids[0],
        "store_id": desk.scene.chain.store.id,
        "doctor_id": "",
        "item_id": "",
        "part": "any",
        "weekdays": [str(number) for number in range(7)],
        "from_date": day.isoformat(),
        "to_date": (day + dt.timedelta(days=7)).isoformat(),
        **changes,
    }


def test_the_list_says_who_waits_for_what(desk) -> None:
    wish = wait(desk)
    page = desk.owner.ask("GET", AT)
    assert f'href="{AT}/{wish}" data-drawer' in page.text
    assert all(
        word in words(page) for word in (NAME, "Whoever is free", "徐汇店", "Telephone", "On the list")
    )
    assert "Nothing ended lately" in words(desk.owner.ask("GET", f"{AT}?state=ended"))


def test_an_empty_list_says_why(desk) -> None:
    assert "Nobody is on the waiting list" in words(desk.owner.ask("GET", AT))


def test_the_desk_keeps_a_time_calls_and_books(desk) -> None:
    wish = wait(desk)
    sheet = desk.owner.client.get(f"{AT}/{wish}", headers=DRAWER).text
    time = re.search(r'name="time" value="([^"]+)"', sheet)
    assert time is not None
    assert posted(desk, f"{AT}/{wish}/offer", time=time[1]).status_code == 303
    again = posted(desk, f"{AT}/{wish}/offer", time=time[1])
    assert again.status_code == 422
    assert "waits for an answer already" in words(again)
    kept = desk.owner.ask("GET", f"{AT}/{wish}").text
    offer = re.search(r'name="offer" value="(\d+)"', kept)
    assert offer is not None
    answers = [posted(desk, f"{AT}/{wish}/answer", offer=offer[1], answer="yes") for _ in range(2)]
    assert [answer.status_code for answer in answers] == [303, 303]
    page = words(desk.owner.ask("GET", f"{AT}/{wish}"))
    assert "Booked" in page
    assert "See the appointment" in page


def test_the_desk_moves_a_later_visit(desk) -> None:
    with tenant_scope(desk.scene.chain.id), unit_of_work() as session:
        later = services.book(session, desk.scene.wish(slot=4), by=STAFF, now=clock.now()).id
    wish = wait(desk)
    time = f"{desk.scene.doctor_id} {desk.scene.opens_at.isoformat()}"
    assert posted(desk, f"{AT}/{wish}/offer", time=time).status_code == 303
    sheet = desk.owner.ask("GET", f"{AT}/{wish}").text
    assert "Says yes: move that visit here" in sheet
    sent = dict(re.findall(r'name="(offer|instead|version)" value="(\d+)"', sheet))
    assert posted(desk, f"{AT}/{wish}/answer", **sent, answer="yes").status_code == 303
    (visit,) = desk.read(lambda session: session.scalars(sa.select(Appointment)).all())
    assert (visit.id, visit.starts_at) == (later, desk.scene.opens_at)


def test_who_says_no_stays_and_can_be_taken_off(desk) -> None:
    wish = wait(desk)
    time = f"{desk.scene.doctor_id} {desk.scene.opens_at.isoformat()}"
    assert posted(desk, f"{AT}/{wish}/offer", time=time).status_code == 303
    with tenant_scope(desk.scene.chain.id), unit_of_work() as session:
        made = queries.open_offer(session, wish)
        assert made is not None
        offer = made.id
    assert posted(desk, f"{AT}/{wish}/answer", offer=offer, answer="no").status_code == 303
    assert posted(desk, f"{AT}/{wish}/answer", offer=offer, answer="yes").status_code == 422
    assert posted(desk, f"{AT}/{wish}/remove").status_code == 303
    assert NAME not in words(desk.owner.ask("GET", AT))
    ended = words(desk.owner.ask("GET", f"{AT}?state=ended"))
    assert "Taken off the list by staff" in ended


def test_somebody_is_added_once_and_asked_by_wechat_where_they_have_it(desk) -> None:
    assert f'value="{desk.scene.patient_ids[0]}"' in posted(desk, f"{AT}/patients", q=NAME).text
    form = form_of(desk)
    first, again = posted(desk, f"{AT}/new", **form), posted(desk, f"{AT}/new", **form)
    assert (first.status_code, first.location) == (303, again.location)
    (made,) = desk.read(lambda session: session.scalars(sa.select(WaitingWish)).all())
    assert made.fan_id == desk.scene.fan_ids[0]
    alone = posted(desk, f"{AT}/new", **form_of(desk, patient=desk.patient("孙七", "13800000000")))
    assert alone.status_code == 303
    assert "Telephone" in words(desk.owner.ask("GET", AT))


def test_what_is_wrong_is_said_beside_its_field(desk) -> None:
    for changes, said in (
        ({"patient": ""}, "Please say who is coming."),
        ({"weekdays": []}, "Choose at least one day of the week."),
        ({"from_date": "2020-01-01", "to_date": "2020-01-02"}, "None of these days can be waited for."),
    ):
        answer = posted(desk, f"{AT}/new", **form_of(desk, **changes))
        assert answer.status_code == 422
        assert said in words(answer)


def test_a_store_of_others_is_not_seen(app: Flask, desk) -> None:
    wish = wait(desk)
    person = log_in_directly(app, desk.scene.chain, "desk", store_id=desk.other_store_id)
    assert person.ask("GET", f"{AT}/{wish}").status_code == 404
    assert NAME not in words(person.ask("GET", AT))
    for what in ("offer", "answer", "remove"):
        assert person.ask("POST", f"{AT}/{wish}/{what}", {}).status_code == 404
    assert person.ask("POST", f"{AT}/new", form_of(desk)).status_code in {403, 404}


def test_who_may_not_book_sees_nothing_of_it(app: Flask, desk) -> None:
    marketer = log_in_directly(app, desk.scene.chain, "marketer")
    assert marketer.ask("GET", AT).status_code == 403


def test_the_list_costs_the_same_however_long(desk, count_queries) -> None:
    def cost() -> int:
        with count_queries() as counted:
            assert desk.owner.ask("GET", AT).status_code == 200
        return counted.n

    wait(desk)
    first = cost()
    wait(desk)
    wait(desk, patient_id=desk.scene.patient_ids[1])
    assert cost() == first
