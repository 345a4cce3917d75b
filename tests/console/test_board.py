"""Moving on the board, the week, the sheet, whom a board is opened for; what is drawn grey and why (BK-8)."""

from __future__ import annotations

import datetime as dt
import html
import json
import re

import pytest

from engage.audit.services import OPERATOR
from engage.blueprints.console.appointments.slots import written
from engage.booking import services
from engage.clinic import services as clinic
from engage.kernel import clock
from engage.kernel.db import tenant_scope, unit_of_work
from tests.booking.scenes import SLOT, ZONE
from tests.console.conftest import list_of, words
from tests.contracts.callers import log_in_directly

AT = "/console/appointments"
PART = {"HX-Request": "true", "HX-Target": "day-body"}


def put(desk, visit, *, slot=1, version="1", caller=None, **changes):
    """Let a visit go on a free time of the board."""
    form = {
        "version": version,
        "store": str(desk.scene.chain.store.id),
        "doctor": str(desk.scene.doctor_id),
        "starts_at": written(desk.scene.opens_at + slot * SLOT),
        "back": f"{AT}?view=board&day={desk.day}",
        **changes,
    }
    return (caller or desk.owner).ask("POST", f"{AT}/{visit}/place", form)


def toasts(desk, answer):
    """Give what the page that an answer leads to says happened, and its undo."""
    page = desk.owner.client.get(answer.headers["Location"], headers=PART)
    (shown,) = re.findall(r'<div id="toasts".*', page.text, flags=re.DOTALL)
    undo = re.search(r'action="([^"]+/place[^"]*)"', shown)
    said = " ".join(html.unescape(re.sub(r"<[^>]+>", " ", shown)).split())
    return said, html.unescape(undo[1]) if undo else ""


# Moving


def test_a_visit_is_put_elsewhere_and_taken_back(desk):
    made = desk.book()
    answer = put(desk, made, slot=2)
    assert answer.status_code == 303
    assert answer.headers["Location"] == f"{AT}?view=board&day={desk.day}"
    assert desk.appointment(made).starts_at == desk.scene.opens_at + 2 * SLOT
    said, undo = toasts(desk, answer)
    assert "王小红 is now on" in said
    assert "19:00, 李明" in said
    assert desk.owner.ask("POST", undo).status_code == 303
    visit = desk.appointment(made)
    assert (visit.starts_at, visit.version) == (desk.scene.opens_at, 3)


def test_a_taken_time_springs_back_and_says_so(desk):
    made = desk.book()
    desk.book(starts_at=desk.scene.opens_at + SLOT, patient_id=desk.scene.patient_ids[1])
    said, undo = toasts(desk, put(desk, made))
    assert "just been taken" in said
    assert undo == ""
    assert desk.appointment(made).starts_at == desk.scene.opens_at


@pytest.mark.parametrize(
    ("changes", "sentence"),
    [
        ({"starts_at": "nonsense"}, "cannot be booked"),
        ({"doctor": "x"}, "cannot be booked"),
        ({"store": "999999"}, "cannot be booked"),
        ({"slot": 99}, "cannot be booked"),
        ({"version": "7"}, "changed meanwhile"),
        ({"version": "x"}, "changed meanwhile"),
    ],
)
def test_what_cannot_be_leaves_it_where_it_is(desk, changes, sentence):
    made = desk.book()
    said, _ = toasts(desk, put(desk, made, **changes))
    assert sentence in said
    assert desk.appointment(made).starts_at == desk.scene.opens_at


def test_a_patient_is_not_put_into_two_places(desk):
    made = desk.book(starts_at=desk.scene.opens_at + 2 * SLOT)
    desk.book(starts_at=desk.scene.opens_at, store_id=desk.other_store_id, doctor_id=desk.other_doctor_id)
    said, _ = toasts(desk, put(desk, made, slot=0))
    assert "another visit at that time" in said


def test_a_visit_that_is_over_cannot_be_put_elsewhere(desk):
    made = desk.book()
    desk.owner.ask("POST", f"{AT}/{made}/cancel", {"version": "1", "reason": "ill"})
    said, _ = toasts(desk, put(desk, made, version="2"))
    assert "cannot be done" in said


def test_a_visit_without_a_doctor_is_given_to_one(desk):
    at = desk.scene.opens_at + 2 * SLOT
    made = desk.book(store_id=desk.other_store_id, doctor_id=None, starts_at=at)
    there = {"store": str(desk.other_store_id), "doctor": str(desk.other_doctor_id)}
    put(desk, made, starts_at=written(at), **there)
    assert desk.appointment(made).doctor_id == desk.other_doctor_id
    put(desk, made, version="2", starts_at=written(at), **(there | {"doctor": "any"}))
    assert desk.appointment(made).doctor_id is None


def test_who_may_not_book_moves_nothing(app, desk):
    made, hidden = desk.book(), desk.book_elsewhere()
    doctor = log_in_directly(app, desk.scene.chain, "doctor")
    assert put(desk, made, caller=doctor).status_code == 403
    reception = log_in_directly(app, desk.scene.chain, "desk", store_id=desk.scene.chain.store.id)
    assert put(desk, hidden, caller=reception).status_code == 404
    there = {"store": str(desk.other_store_id), "doctor": str(desk.other_doctor_id)}
    put(desk, made, caller=reception, **there)
    assert desk.appointment(made).store_id == desk.scene.chain.store.id
    board = doctor.ask("GET", f"{AT}?view=board&day={desk.day}").text
    assert "data-move" not in board
    assert "data-targets" not in board


def test_the_way_back_leads_to_the_board_alone(desk):
    made = desk.book()
    for back in ("https://example.com/", f"//example.com{AT}?", f"{AT}@example.com", "/console/staff?", ""):
        assert put(desk, made, back=back).headers["Location"] == AT, back


# What the board shows


def test_the_board_tells_where_visits_may_go(desk):
    made = desk.book()
    page = desk.owner.ask("GET", f"{AT}?view=board&day={desk.day}").text
    assert f'data-move="{AT}/{made}/place" data-version="1"' in page
    (targets,) = [json.loads(html.unescape(found)) for found in re.findall(r"data-targets='([^']+)'", page)]
    assert [free for _, _, free, _ in targets] == [0, 1, 1, 1, 1, 1]
    assert targets[1][3] == written(desk.scene.opens_at + SLOT)
    assert targets[1][0] - targets[0][0] == targets[0][1] == 6


def test_a_part_of_the_page_comes_alone(desk):
    desk.book()
    page = desk.owner.client.get(f"{AT}?view=board&day={desk.day}", headers=PART)
    assert "<html" not in page.text
    assert page.text.count('id="day-body"') == 1
    assert "王小红" in words(page)


def test_closures_are_grey_and_say_why(desk):
    store = desk.scene.chain.store
    with tenant_scope(desk.scene.chain.id), unit_of_work() as session:
        wish = clinic.ClosureDetails(
            reason="培训",
            doctor_id=desk.scene.doctor_id,
            starts_at=desk.scene.opens_at + 2 * SLOT,
            ends_at=desk.scene.opens_at + 4 * SLOT,
        )
        clinic.add_closure(session, wish, by=OPERATOR, now=clock.now())
    page = desk.owner.ask("GET", f"{AT}?view=board&day={desk.day}&store={store.id}")
    assert re.search(r'class="closed"[^>]*><span>培训</span>', page.text)
    assert page.text.count('class="place"') == 4


# Time at another store


def elsewhere(desk, at):
    """Let the desk's doctor see the first patient at the other store."""
    with tenant_scope(desk.scene.chain.id), unit_of_work() as session:
        clinic.add_shift(
            session,
            doctor_id=desk.scene.doctor_id,
            store_id=desk.other_store_id,
            starts_at=at,
            ends_at=at + dt.timedelta(hours=1),
            slot_minutes=30,
            per_slot=1,
        )
    desk.book(store_id=desk.other_store_id, starts_at=at)


@pytest.fixture
def away(desk):
    """A visit of the desk's doctor at the other store, after their hours here; gives the time."""
    at = desk.scene.opens_at + dt.timedelta(hours=3)
    elsewhere(desk, at)
    return at


def reception_of(app, desk):
    """Log somebody in who works at the first store alone."""
    return log_in_directly(app, desk.scene.chain, "desk", store_id=desk.scene.chain.store.id)


def test_time_at_another_store_is_drawn_as_taken(desk, away):
    page = desk.owner.ask("GET", f"{AT}?view=board&day={desk.day}&store={desk.scene.chain.store.id}").text
    (drawn,) = re.findall(r'<a class="away"[^>]*data-drawer[^>]*>.*?</a>', page, flags=re.DOTALL)
    told = html.unescape(drawn)
    assert "At 浦东店" in told
    assert "王小红" in told
    assert clock.local(away, ZONE).strftime("%H:%M") in told
    assert 'class="visit ' not in page
    assert "data-move" not in page


@pytest.mark.parametrize("view", ["view=board", "view=week", "view=week&doctor={doctor}"])
def test_whom_a_doctor_sees_elsewhere_is_not_told_to_others(app, desk, away, view):
    view = view.format(doctor=desk.scene.doctor_id)
    page = reception_of(app, desk).ask("GET", f"{AT}?{view}&day={desk.day}").text
    assert "At 浦东店" in page
    assert "王小红" not in page
    assert f"{away:%Y-%m-%dT%H:%M}" not in page


def test_a_day_at_another_store_alone_stands_in_the_week(desk):
    monday = desk.scene.opens_at + dt.timedelta(days=7 - dt.date.fromisoformat(desk.day).weekday())
    tuesday = monday + dt.timedelta(days=1)
    desk.shift(monday)
    elsewhere(desk, tuesday)
    page = desk.owner.ask("GET", f"{AT}?view=week&day={clock.local(monday, ZONE).date()}")
    assert page.text.count('<rect class="away"') == 1
    assert page.text.count('<span class="week-words">At 浦东店</span>') == 1
    alone = f"day={clock.local(tuesday, ZONE).date()}&amp;view=week&amp;doctor={desk.scene.doctor_id}"
    (led,) = (url for url in re.findall(r'href="([^"]*)"', page.text) if alone in url)
    assert "At 浦东店" in words(desk.owner.ask("GET", html.unescape(led)))


# The week


def test_the_week_of_all_doctors_counts_and_leads_on(desk):
    desk.book()
    page = desk.owner.ask("GET", f"{AT}?view=week&day={desk.day}")
    assert all(text in words(page) for text in ("李明", "1 booked", "5 free"))
    assert "周明慧" not in re.sub(r"(?s)^.*<tbody>|</tbody>.*$", "", page.text)
    assert re.search(rf'href="{AT}\?[^"]*view=board[^"]*doctor={desk.scene.doctor_id}"', page.text)
    assert page.text.count('<rect class="tone-confirmed"') == 1


def test_the_week_of_a_doctor_is_a_board_with_seven_columns(desk):
    made = desk.book()
    page = desk.owner.ask("GET", f"{AT}?view=week&day={desk.day}&doctor={desk.scene.doctor_id}")
    assert page.text.count('<section class="lane') == 7
    assert f'id="visit-{made}"' in page.text
    assert page.text.count('class="place"') == 5
    monday = dt.date.fromisoformat(desk.day)
    monday -= dt.timedelta(days=monday.weekday())
    assert f"day={monday - dt.timedelta(days=7)}" in _of_monday(desk, monday).text


def _of_monday(desk, monday):
    return desk.owner.ask("GET", f"{AT}?view=week&day={monday}")


def test_an_empty_week_says_so(desk):
    for query in ("", f"&doctor={desk.scene.doctor_id}"):
        page = desk.owner.ask("GET", f"{AT}?view=week&day=2024-02-29{query}")
        assert "Nobody is on duty" in words(page)


@pytest.mark.parametrize("view", ["view=board", "view=week", "view=week&doctor={doctor}"])
def test_a_fuller_board_costs_no_more_queries(desk, count_queries, view):
    view = view.format(doctor=desk.scene.doctor_id)

    def cost():
        with count_queries() as counting:
            assert desk.owner.ask("GET", f"{AT}?{view}&day={desk.day}").status_code == 200
        return counting.n

    desk.book()
    few = cost()
    with tenant_scope(desk.scene.chain.id), unit_of_work() as session:
        for number in range(3):
            doctor = clinic.create_doctor(
                session, name=f"医生{number}", title="", position=number, by=OPERATOR, now=clock.now()
            )
            clinic.add_shift(
                session,
                doctor_id=doctor.id,
                store_id=desk.scene.chain.store.id,
                starts_at=desk.scene.opens_at,
                ends_at=desk.scene.opens_at + dt.timedelta(hours=2),
                slot_minutes=10,
                per_slot=2,
            )
    desk.book(starts_at=desk.scene.opens_at + SLOT, patient_id=desk.scene.patient_ids[1])
    assert cost() == few
    assert few <= 22


# Whom it is for, and the sheet


def test_a_person_is_carried_over_to_every_free_place(desk):
    patient_id = desk.patient("张伟")
    page = desk.owner.ask("GET", f"{AT}?view=board&day={desk.day}&patient={patient_id}")
    assert "Booking for 张伟" in words(page)
    assert len(re.findall(rf'class="place"[^>]*patient={patient_id}', page.text)) == 6
    assert f"view=list&amp;patient={patient_id}" in page.text or f"patient={patient_id}" in page.text
    assert "Booking for" not in words(desk.owner.ask("GET", f"{AT}?view=board&day={desk.day}&patient=999999"))
    assert desk.owner.ask("GET", f"{AT}?view=board&patient=x").status_code == 200


def test_the_sheet_holds_each_doctors_day(app, desk):
    made, gone = desk.book(complaint="牙疼", note="叫张护士"), desk.book_elsewhere()
    cancelled = desk.book(starts_at=desk.scene.opens_at + 3 * SLOT)
    desk.owner.ask("POST", f"{AT}/{cancelled}/cancel", {"version": "1", "reason": "ill"})
    page = desk.owner.ask("GET", f"{AT}/sheet?day={desk.day}")
    told = words(page)
    assert all(text in told for text in ("李明", "18:00–18:30", "牙疼 · 叫张护士", "1 appointment"))
    assert "19:30" not in told
    assert made != gone
    reception = log_in_directly(app, desk.scene.chain, "desk", store_id=desk.scene.chain.store.id)
    assert "周明慧" not in words(
        reception.ask("GET", f"{AT}/sheet?day={desk.day}&store={desk.other_store_id}")
    )
    assert "nothing to print" in words(desk.owner.ask("GET", f"{AT}/sheet?day=2024-02-29"))


def test_a_day_of_yesterday_shows_when_it_was_open(desk):
    begin = clock.now() - dt.timedelta(days=2)
    begin = begin.replace(hour=4, minute=0, second=0, microsecond=0)
    desk.shift(begin)
    with tenant_scope(desk.scene.chain.id), unit_of_work() as session:
        wish = desk.scene.wish(starts_at=begin)
        services.book(session, wish, by=desk.scene.fan(), now=begin - dt.timedelta(days=1))
    day = clock.local(begin, ZONE).date()
    page = desk.owner.ask("GET", f"{AT}?view=board&day={day}")
    assert "王小红" in list_of(page)
    assert 'class="open"' in page.text
    assert 'class="place"' not in page.text
