"""Booking rules, special days, closures, visits outside and a doctor's month, as browsers see them."""

from __future__ import annotations

import datetime as dt
import html
import re

import pytest

from engage.audit.services import OPERATOR
from engage.booking import queries as booking
from engage.booking import services as bookings
from engage.booking.rules.terms import Terms
from engage.clinic import queries, services
from engage.clinic.rules import Period, Special
from engage.kernel import clock
from engage.kernel.db import tenant_scope, unit_of_work
from tests.booking.scenes import Scene, make_scene
from tests.contracts.callers import log_in_directly

ZONE = "Asia/Shanghai"
FAR = dt.timedelta(days=300)


@pytest.fixture
def scene(chain) -> Scene:
    return make_scene(chain)


@pytest.fixture
def manager(app, scene):
    return log_in_directly(app, scene.chain, "manager")


@pytest.fixture
def ours(scene):
    def ask(query, *arguments, **named):
        with tenant_scope(scene.chain.id), unit_of_work() as work:
            return query(work, *arguments, **named)

    return ask


@pytest.fixture
def visit(scene) -> int:
    """A visit in the scene's first slot: tomorrow at 18:00."""
    with tenant_scope(scene.chain.id), unit_of_work() as work:
        return bookings.book(work, scene.wish(), by=scene.fan(), now=clock.now()).id


def text_of(answer) -> str:
    return re.sub(r"\s+", " ", html.unescape(re.sub(r"<[^>]+>", " ", answer.text)))


def undo(person, answer) -> str:
    """Give the address that takes a change back, from the page after it."""
    page = person.ask("GET", answer.location)
    return html.unescape(re.search(r'action="(/console/[^"]*restore[^"]*|[^"]*/remove)"', page.text)[1])


def day_of(scene) -> dt.date:
    return clock.local(scene.opens_at, ZONE).date()


RULES = {
    "earliest": "09:00",
    "latest": "00:00",
    "notice_days": "1",
    "horizon_days": "30",
    "same_day": "yes",
    "change_until": "1440",
    "slot_minutes": "45",
    "self_booking": "yes",
}


def test_the_rules_of_a_store(manager, ours, scene):
    page = f"/console/stores/{scene.chain.store.id}/rules"
    assert "Booking rules" in text_of(manager.ask("GET", page))
    answer = manager.ask("POST", page, RULES)
    assert (answer.status_code, answer.location) == (303, page)
    assert ours(booking.terms, scene.chain.store.id) == Terms(
        earliest=540,
        notice_days=1,
        horizon_days=30,
        slot_minutes=45,
        change_until=dt.timedelta(days=1),
    )
    assert 'value="09:00"' in manager.ask("GET", page).text


@pytest.mark.parametrize(
    ("field", "value"),
    [
        ("latest", "08:00"),
        ("latest", "noon"),
        ("notice_days", "31"),
        ("horizon_days", "x"),
        ("change_until", "99999"),
    ],
)
def test_a_wrong_rule_is_told_beside_it(manager, scene, field, value):
    answer = manager.ask("POST", f"/console/stores/{scene.chain.store.id}/rules", RULES | {field: value})
    assert answer.status_code == 422
    assert f'id="error-{field}"' in answer.text or field == "change_until"


def test_a_special_day_and_its_undo(manager, ours, scene, visit):
    store_id, date = scene.chain.store.id, day_of(scene)
    month = f"/console/stores/{store_id}/days?month={date:%Y-%m}"
    day = f"/console/stores/{store_id}/days/{date}"
    assert "Special days" in text_of(manager.ask("GET", month))
    assert manager.ask("GET", day).status_code == 200
    key = f"hours-{date.weekday()}"
    answer = manager.ask("POST", day, {"name": "年会", f"{key}-mode": "closed"})
    assert answer.status_code == 303
    assert answer.location.startswith("/console/outside")
    listed = manager.ask("GET", answer.location)
    assert "1 visit outside open time" in text_of(manager.ask("GET", "/console/appointments?view=board"))
    assert "王小红" in listed.text
    assert "1 visit stands outside open time now. Nobody was cancelled." in text_of(listed)
    assert "年会" in manager.ask("GET", month).text
    assert ours(queries.special_days, store_id, date, date) == {date: Special("年会")}
    gone = manager.ask("POST", f"{day}/remove")
    assert gone.status_code == 303
    assert ours(queries.special_days, store_id, date, date) == {}
    manager.ask("POST", undo(manager, gone))
    assert ours(queries.special_days, store_id, date, date) == {date: Special("年会")}
    wrong = manager.ask(
        "POST", day, {f"{key}-mode": "hours", f"{key}-opens": "18:00", f"{key}-closes": "09:00"}
    )
    assert wrong.status_code == 422


def test_holidays_of_a_country_stand_in_the_month(manager, scene):
    store_id = scene.chain.store.id
    page = f"/console/stores/{store_id}/days?month=2026-10"
    assert "National Day" not in manager.ask("GET", page).text
    fields = {"holiday_country": "CN", "on_holidays": "closed", "make_up_weekday": "0", "month": "2026-10"}
    assert manager.ask("POST", f"/console/stores/{store_id}/holidays", fields).location == page
    shown = text_of(manager.ask("GET", page))
    assert "National Day" in shown
    assert "Make-up working day" not in shown or "10 Oct" in shown


def closure(scene, **changed: str) -> dict[str, str]:
    date = day_of(scene).isoformat()
    return {
        "store": str(scene.chain.store.id),
        "doctor": "",
        "item": "",
        "how": "once",
        "weekday": "0",
        "from_day": date,
        "from_time": "17:00",
        "to_day": date,
        "to_time": "18:30",
        "reason": "停电检修",
    } | changed


def test_a_closure_is_added_changed_removed_and_restored(manager, ours, scene, visit):
    assert manager.ask("GET", "/console/closures/new").status_code == 200
    answer = manager.ask("POST", "/console/closures/new", closure(scene))
    assert answer.location.startswith("/console/outside")
    now = clock.now()
    (made,) = ours(queries.closures_between, None, now, now + FAR)
    page = f"/console/closures/{made.id}"
    assert "停电检修" in manager.ask("GET", "/console/closures").text
    assert 'value="18:30"' in manager.ask("GET", page).text
    weekly = closure(scene, how="weekly", to_day="", to_time="00:00", version="1")
    assert manager.ask("POST", page, weekly).status_code == 303
    assert manager.ask("POST", page, closure(scene, version="1")).status_code == 409
    (changed,) = ours(queries.closures_between, None, now, now + FAR)
    assert (changed.weekday, changed.from_minute, changed.to_minute) == (0, 1020, 1440)
    assert "every Monday 17:00–24:00" in text_of(manager.ask("GET", "/console/closures"))
    gone = manager.ask("POST", f"{page}/remove")
    assert ours(queries.closures_between, None, now, now + FAR) == []
    manager.ask("POST", undo(manager, gone))
    (again,) = ours(queries.closures_between, None, now, now + FAR)
    assert (again.weekday, again.from_minute, again.to_minute) == (0, 1020, 1440)
    assert manager.ask("POST", "/console/closures/restore?store_id=x").status_code == 404


def test_a_closure_to_midnight_is_shown_as_it_was_typed(manager, ours, scene):
    manager.ask("POST", "/console/closures/new", closure(scene, to_time="00:00"))
    now = clock.now()
    (made,) = ours(queries.closures_between, None, now, now + FAR)
    _, midnight = clock.day_bounds(day_of(scene), ZONE)
    assert made.ends_at == midnight
    assert f'value="{day_of(scene)}"' in manager.ask("GET", f"/console/closures/{made.id}").text


@pytest.mark.parametrize(
    ("field", "value"), [("store", "999999999"), ("from_time", "x"), ("to_time", "16:00"), ("from_day", "")]
)
def test_a_wrong_closure_is_told(manager, scene, field, value):
    assert manager.ask("POST", "/console/closures/new", closure(scene, **{field: value})).status_code in (
        404,
        422,
    )


def test_a_closure_stops_something(manager, scene):
    answer = manager.ask("POST", "/console/closures/new", closure(scene, store=""))
    assert answer.status_code == 422
    assert "Choose a store, a doctor or an item." in answer.text


def period(scene, **changed: str) -> dict[str, str]:
    return {
        "begin": "09:00",
        "end": "12:00",
        "store": str(scene.chain.store.id),
        "slot": "30",
        "per_slot": "2",
    } | changed


def test_a_doctors_day_is_edited_and_copied(manager, ours, scene, visit):
    date = day_of(scene)
    month = f"/console/doctors/{scene.doctor_id}/month?month={date:%Y-%m}"
    day = f"/console/doctors/{scene.doctor_id}/days/{date}"
    assert "18:00–21:00" in text_of(manager.ask("GET", month))
    assert 'value="18:00"' in manager.ask("GET", day).text
    answer = manager.ask("POST", day, period(scene))
    assert answer.location.startswith("/console/outside")  # the visit at 18:00
    expected = [Period(540, 720, scene.chain.store.id, 30, 2)]
    assert ours(services.periods_of, scene.doctor_id, date, date) == {date: expected}
    onto = date + dt.timedelta(days=7)
    copied = manager.ask(
        "POST",
        f"/console/doctors/{scene.doctor_id}/copy",
        {
            "what": "day",
            "source": str(date),
            "first": str(onto),
            "last": str(onto),
            "weekdays": str(onto.weekday()),
        },
    )
    assert copied.status_code == 303
    assert ours(services.periods_of, scene.doctor_id, onto, onto) == {onto: expected}
    week = {
        "what": "week",
        "source": str(date),
        "first": str(onto),
        "last": str(onto + dt.timedelta(days=20)),
    }
    assert manager.ask("POST", f"/console/doctors/{scene.doctor_id}/copy", week).status_code == 303
    found = ours(services.periods_of, scene.doctor_id, onto, onto + dt.timedelta(days=20))
    assert list(found.values()) == [expected] * 3
    wrong = manager.ask("POST", day, period(scene, end="08:00"))
    assert wrong.status_code == 422
    assert "A shift ends after it begins, on the same day." in wrong.text
    for lost in ({"first": "x"}, {"last": str(onto - dt.timedelta(days=1))}, {"last": "2199-01-01"}):
        assert manager.ask("POST", f"/console/doctors/{scene.doctor_id}/copy", week | lost).status_code == 422


def test_a_changed_day_and_a_copy_come_back(manager, ours, scene):
    date = day_of(scene)
    day = f"/console/doctors/{scene.doctor_id}/days/{date}"
    last = date + dt.timedelta(days=40)
    before = ours(services.periods_of, scene.doctor_id, date, last)
    changed = manager.ask("POST", day, period(scene))
    back = undo(manager, changed)
    copy = {"what": "week", "source": str(date), "first": str(date + dt.timedelta(days=7)), "last": str(last)}
    copied = manager.ask("POST", f"/console/doctors/{scene.doctor_id}/copy", copy)
    assert ours(services.periods_of, scene.doctor_id, date, last) != before
    assert manager.ask("POST", undo(manager, copied)).status_code == 303
    assert manager.ask("POST", back).status_code == 303
    assert ours(services.periods_of, scene.doctor_id, date, last) == before
    again = manager.ask("POST", day, period(scene, begin="18:00", end="21:00", per_slot="1"))
    assert "restore" not in manager.ask("GET", again.location).text  # nothing has changed
    for were in ("", "x", "eJwDAAAAAAE="):
        assert (
            manager.ask("POST", f"/console/doctors/{scene.doctor_id}/restore?were={were}").status_code == 422
        )


def seen_on(page) -> str:
    return html.unescape(re.search(r'name="seen" value="([^"]*)"', page.text)[1])


def test_who_comes_second_to_a_day_is_told_and_what_they_typed_stays(manager, ours, scene):
    date = day_of(scene)
    day = f"/console/doctors/{scene.doctor_id}/days/{date}"
    seen = seen_on(manager.ask("GET", day))
    assert manager.ask("POST", day, period(scene) | {"seen": seen}).status_code == 303
    first = ours(services.periods_of, scene.doctor_id, date, date)
    typed = period(scene, begin="13:00", end="15:00")
    refused = manager.ask("POST", day, typed | {"seen": seen})
    assert refused.status_code == 409
    assert "This day has been changed meanwhile." in refused.text
    assert "Now it is: 09:00–12:00 徐汇店." in text_of(refused)
    assert 'name="begin" value="13:00"' in refused.text
    assert ours(services.periods_of, scene.doctor_id, date, date) == first
    # Who has read it and saves again means it.
    assert manager.ask("POST", day, typed | {"seen": seen_on(refused)}).status_code == 303
    (after,) = ours(services.periods_of, scene.doctor_id, date, date)[date]
    assert (after.begin_minute, after.end_minute) == (780, 900)


def test_a_day_that_was_emptied_meanwhile_is_told_too(manager, ours, scene):
    date = day_of(scene)
    day = f"/console/doctors/{scene.doctor_id}/days/{date}"
    seen = seen_on(manager.ask("GET", day))
    ours(services.remove_shift, scene.shift_id, by=OPERATOR, now=clock.now())
    refused = manager.ask("POST", day, period(scene) | {"seen": seen})
    assert (refused.status_code, "Now it is: nothing." in text_of(refused)) == (409, True)


def test_visits_outside_belong_to_appointments(manager):
    page = manager.ask("GET", "/console/outside").text
    (current,) = re.findall(r'<a href="([^"]*)" aria-current="page">', page.partition("</nav>")[0])
    assert current == "/console/appointments"


def test_new_shifts_begin_with_the_slots_of_their_store(manager, ours, scene):
    store_id, date = scene.chain.store.id, day_of(scene) + dt.timedelta(days=1)
    manager.ask("POST", f"/console/stores/{store_id}/rules", RULES)  # 45 minutes
    day = f"/console/doctors/{scene.doctor_id}/days/{date}"
    assert manager.ask("POST", day, period(scene, slot="")).status_code == 303
    (shift,) = ours(services.periods_of, scene.doctor_id, date, date)[date]
    assert shift.slot_minutes == 45
    later = date + dt.timedelta(days=1)
    roster = {
        "doctor": str(scene.doctor_id),
        "store": str(store_id),
        "weekdays": str(later.weekday()),
        "from_date": str(later),
        "to_date": str(later),
        "begin": "09:00",
        "end": "12:00",
        "slot_minutes": "",
        "per_slot": "1",
    }
    assert manager.ask("POST", "/console/rosters/new", roster).status_code == 303
    (shift,) = ours(services.periods_of, scene.doctor_id, later, later)[later]
    assert shift.slot_minutes == 45


def test_a_store_that_is_no_number_is_told(manager, scene):
    day = f"/console/doctors/{scene.doctor_id}/days/{day_of(scene)}"
    assert manager.ask("POST", day, period(scene, store="here")).status_code == 422
    assert manager.ask("POST", day, period(scene, store="", slot="")).status_code == 422


def test_another_store_is_not_touched_by_whom_it_is_not(app, ours, scene):
    with tenant_scope(scene.chain.id), unit_of_work() as work:
        other = services.create_store(
            work,
            slug="pudong",
            name="浦东店",
            short_name="浦东店",
            address="",
            zone=ZONE,
            position=1,
            by=OPERATOR,
            now=clock.now(),
        ).id
    theirs = log_in_directly(app, scene.chain, "manager", store_id=other)
    date = day_of(scene)
    day = f"/console/doctors/{scene.doctor_id}/days/{date}"
    before = ours(services.periods_of, scene.doctor_id, date, date)
    assert "18:00" not in theirs.ask("GET", day).text
    assert theirs.ask("POST", day, period(scene)).status_code == 422
    assert theirs.ask("POST", day, {}).status_code == 303
    assert ours(services.periods_of, scene.doctor_id, date, date) == before
    mine = scene.chain.store.id
    for path in (f"/console/stores/{mine}/rules", f"/console/stores/{mine}/days"):
        assert theirs.ask("GET", path).status_code == 403
    assert theirs.ask("POST", "/console/closures/new", closure(scene)).status_code == 422
    assert theirs.ask("POST", "/console/closures/new", closure(scene, store="")).status_code == 422
    assert theirs.ask("POST", "/console/closures/new", closure(scene, store=str(other))).status_code == 303


def test_pages_ask_as_much_for_many_stores_as_for_one(manager, scene, count_queries):
    pages = (
        f"/console/doctors/{scene.doctor_id}/month",
        f"/console/stores/{scene.chain.store.id}/days",
        "/console/closures",
        "/console/outside",
    )

    def asked() -> list[int]:
        counts = []
        for page in pages:
            with count_queries() as counted:
                assert manager.ask("GET", page).status_code == 200
            counts.append(counted.n)
        return counts

    asked()
    before = asked()
    with tenant_scope(scene.chain.id), unit_of_work() as work:
        for number in range(4):
            now = clock.now()
            services.create_store(
                work,
                slug=f"s{number}",
                name="店",
                short_name="店",
                address="",
                zone=ZONE,
                position=9,
                by=OPERATOR,
                now=now,
            )
            closing = services.ClosureDetails(doctor_id=scene.doctor_id, starts_at=now, ends_at=now + FAR)
            services.add_closure(work, closing, by=OPERATOR, now=now)
    assert asked() == before
