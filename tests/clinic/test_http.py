"""Setting up the clinic in the console, as browsers see it."""

from __future__ import annotations

import datetime as dt
import html
import re
from typing import Any

import pytest
import sqlalchemy as sa

from engage.audit.models import AuditEntry
from engage.audit.services import OPERATOR
from engage.booking import services as booking
from engage.clinic import queries, rules, services
from engage.clinic.models import Shift
from engage.clinic.rules import Hours
from engage.kernel import clock
from engage.kernel.db import tenant_scope, unit_of_work
from tests.booking.scenes import make_scene
from tests.contracts.callers import log_in_directly

DRAWER = {"HX-Request": "true", "HX-Target": "drawer-content"}
TOLD = {"by": OPERATOR, "now": dt.datetime(2026, 11, 20, tzinfo=dt.UTC)}
WEEK = "2030-03-04"  # a Monday


@pytest.fixture
def manager(app, chain):
    return log_in_directly(app, chain, "manager")


@pytest.fixture
def ours(chain):
    """Give what a question says of the chain: `ours(queries.stores)`."""

    def ask(query: Any, *arguments: Any, **named: Any) -> Any:
        with tenant_scope(chain.id), unit_of_work() as work:
            return query(work, *arguments, **named)

    return ask


def text_of(answer) -> str:
    return re.sub(r"\s+", " ", html.unescape(re.sub(r"<[^>]+>", " ", answer.text)))


def told(person) -> str:
    """Give what the next page says has just happened."""
    toasts = person.ask("GET", "/console/profile").text.split('id="toasts"')[1].split("<template")[0]
    return " ".join(re.findall(r"<p>(.*?)</p>", toasts))


def open_days(**changed: str) -> dict[str, str]:
    """Give the fields of a week that is open from nine to six with a break, on Sunday closed."""
    typed = {}
    for weekday in range(7):
        key = f"hours-{weekday}"
        typed |= {f"{key}-mode": "hours" if weekday < 6 else "closed", f"{key}-break": "yes"}
        typed |= {f"{key}-opens": "09:00", f"{key}-closes": "18:00"}
        typed |= {f"{key}-break_from": "12:00", f"{key}-break_to": "13:30"}
    return typed | changed


def store(**changed: str) -> dict[str, str]:
    typed = {
        "name": "康美口腔浦东店",
        "short_name": "浦东店",
        "slug": "pudong",
        "phone": "021-58000102",
        "address": "世纪大道 100 号",
        "transport": "地铁 2 号线\r\n4 号口",
        "latitude": "31.2153",
        "longitude": "121.4586",
        "zone": "Asia/Shanghai",
        "any_per_hour": "2",
    }
    return open_days() | typed | changed


# Stores


def test_a_store_is_added_at_the_end_of_the_list(manager, ours, chain):
    assert manager.ask("GET", "/console/stores/new").status_code == 200
    made = manager.ask("POST", "/console/stores/new", store())
    first, added = ours(queries.stores)
    assert (made.status_code, made.location) == (303, f"/console/stores/{added.id}/pictures")
    assert (first.id, added.slug, added.position) == (chain.store.id, "pudong", 1)
    assert (added.transport, str(added.latitude), added.any_per_hour) == (
        "地铁 2 号线\n4 号口",
        "31.215300",
        2,
    )
    hours = ours(queries.hours, [added.id])[added.id]
    assert hours[:2] == [Hours(0, 540, 720), Hours(0, 810, 1080)]
    assert len(hours) == 12
    listed = text_of(manager.ask("GET", "/console/stores"))
    assert "Mon–Sat 09:00–12:00, 13:30–18:00 Sun closed all day" in listed
    assert "Every day open around the clock" in listed
    assert "2 per hour" in listed


@pytest.mark.parametrize(
    ("field", "value", "sentence"),
    [
        ("name", "", "Please fill this in."),
        ("name", "x" * 31, "At most 30 characters."),
        ("short_name", "a\tb", "Please leave out special characters."),
        ("slug", "Pu dong", "2 to 30 small letters, digits and hyphens."),
        ("phone", "call us", "Digits, spaces, hyphens and brackets only."),
        ("latitude", "north", "Degrees as a number, such as 31.217840."),
        ("latitude", "91", "Degrees as a number, such as 31.217840."),
        ("latitude", "NaN", "Degrees as a number, such as 31.217840."),
        ("longitude", "", "Please give both coordinates or none."),
        ("zone", "Mars/Olympus", "Please choose a time zone."),
        ("any_per_hour", "two", "Please give a whole number."),
        ("any_per_hour", "61", "0 to 60 visits."),
        ("hours-0-closes", "08:00", "Monday: The break lies between opening and closing."),
        ("hours-1-opens", "9 o'clock", "Tuesday: Please give times such as 09:30."),
        ("hours-2-break_to", "18:00", "Wednesday: A store closes after it opens, on the same day."),
        ("hours-3-opens", "09:01", "Thursday: Please give times in steps of 5 minutes."),
    ],
)
def test_a_wrong_field_is_told_beside_it_and_what_was_typed_stays(manager, ours, field, value, sentence):
    answer = manager.ask("POST", "/console/stores/new", store(**{field: value}))
    assert answer.status_code == 422
    key = field.rpartition("-")[0] if field.startswith("hours") else field
    told = re.search(rf'id="error-{key}">.*?<span>(.*?)</span>', answer.text, re.DOTALL)
    assert html.unescape(told[1]) == sentence
    assert f'<a href="#field-{key}">' in answer.text
    assert 'value="世纪大道 100 号"' in answer.text
    assert len(ours(queries.stores)) == 1


def test_a_short_address_that_is_taken_is_told(manager, chain):
    answer = manager.ask("POST", "/console/stores/new", store(slug=chain.store.slug))
    assert answer.status_code == 409
    assert "Another store has this short address." in answer.text


def test_a_store_is_edited_and_the_form_shows_what_is_known(manager, ours, chain):
    path = f"/console/stores/{chain.store.id}/edit"
    page = manager.ask("GET", path).text
    assert page.count('value="whole" checked') == 7
    whole_and_late = {"hours-5-mode": "whole", "hours-4-closes": "00:00"}
    assert manager.ask("POST", path, store(latitude="", longitude="", **whole_and_late)).status_code == 303
    changed = ours(queries.store, chain.store.id)
    assert (changed.short_name, changed.slug, changed.latitude) == ("浦东店", chain.store.slug, None)
    hours = ours(queries.hours, [chain.store.id])[chain.store.id]
    assert hours[-3:] == [Hours(4, 540, 720), Hours(4, 810, 1440), Hours(5, 0, 1440)]
    page = manager.ask("GET", path).text
    assert 'name="hours-4-closes" value="00:00"' in page
    assert 'name="hours-4-break_from" value="12:00"' in page
    assert page.count('value="closed" checked') == page.count('value="whole" checked') == 1


def test_a_browser_that_sends_no_hours_closes_the_store(manager, ours, chain):
    """What is not there is not open: no form can leave a weekday out."""
    form = {key: value for key, value in store().items() if not key.startswith("hours")}
    assert manager.ask("POST", f"/console/stores/{chain.store.id}/edit", form).status_code == 303
    assert ours(queries.hours, [chain.store.id]) == {chain.store.id: []}


def test_stores_move_in_the_list(manager, ours):
    manager.ask("POST", "/console/stores/new", store())
    first, second = ours(queries.stores)
    for direction, order in (("up", [second.id, first.id]), ("down", [first.id, second.id])):
        moved = manager.ask("POST", f"/console/stores/{second.id}/move", {"direction": direction})
        assert moved.status_code == 303
        assert [one.id for one in ours(queries.stores)] == order


# Doctors


def test_a_doctor_is_added_and_the_roster_comes_next(manager, ours):
    form = {"name": "李明", "title": "主任医师", "introduction": "正畸\r\n种植", "bookable": "yes"}
    assert manager.ask("GET", "/console/doctors/new").status_code == 200
    made = manager.ask("POST", "/console/doctors/new", form)
    (doctor,) = ours(queries.doctors)
    assert (doctor.introduction, doctor.bookable) == ("正畸\n种植", True)
    assert made.location == f"/console/rosters/new?doctor={doctor.id}"
    assert f'<option value="{doctor.id}" selected>' in manager.ask("GET", made.location).text
    listed = text_of(manager.ask("GET", "/console/doctors"))
    assert "李明 主任医师 no shifts" in listed
    assert "Patients" in listed


def test_a_doctor_is_edited(manager, ours):
    manager.ask("POST", "/console/doctors/new", {"name": "李明", "bookable": "yes"})
    (doctor,) = ours(queries.doctors)
    path = f"/console/doctors/{doctor.id}/edit"
    assert "checked" in manager.ask("GET", path).text
    wrong = manager.ask("POST", path, {"name": "", "introduction": "x" * 501})
    assert wrong.status_code == 422
    assert "Please fill this in." in wrong.text
    assert "501 / 500" in wrong.text
    assert manager.ask("POST", path, {"name": "李明明"}).status_code == 303
    assert [(one.name, one.bookable) for one in ours(queries.doctors)] == [("李明明", False)]
    assert "Desk only" in manager.ask("GET", "/console/doctors").text
    assert manager.ask("POST", f"{path[:-5]}/move", {"direction": "up"}).status_code == 303


# Items


@pytest.fixture
def category_id(manager, ours) -> int:
    manager.ask("POST", "/console/items/categories/new", {"name": "检查与预防"})
    (category,) = ours(queries.categories)
    return category.id


def item(category_id: int, **changed: Any) -> dict[str, Any]:
    return {"name": "洗牙", "category": str(category_id), "minutes": "45", "enabled": "yes"} | changed


def test_without_a_category_the_way_to_an_item_leads_over_one(manager):
    assert "No item yet" in manager.ask("GET", "/console/items").text
    assert manager.ask("GET", "/console/items/new").location == "/console/items/categories/new"
    assert "please add one first" in text_of(manager.ask("GET", "/console/items/categories/new"))


def test_an_item_is_added_edited_and_moved(manager, ours, chain, category_id):
    made = manager.ask("POST", "/console/items/new", item(category_id, stores=str(chain.store.id)))
    assert made.location == "/console/items"
    (added,) = ours(queries.items)
    assert (added.minutes, added.enabled) == (45, True)
    assert ours(queries.item_stores, [added.id]) == {added.id: {chain.store.id}}
    assert "洗牙 45 min 徐汇店" in text_of(manager.ask("GET", "/console/items"))
    path = f"/console/items/{added.id}"
    page = manager.ask("GET", f"{path}/edit").text
    assert f'name="stores" value="{chain.store.id}" checked' in page
    changed = item(category_id, name="超声洁牙")
    del changed["enabled"]
    assert manager.ask("POST", f"{path}/edit", changed).status_code == 303
    listed = text_of(manager.ask("GET", "/console/items"))
    assert "超声洁牙 45 min All stores Switched off" in listed
    assert manager.ask("POST", f"{path}/move", {"direction": "down"}).status_code == 303


@pytest.mark.parametrize(
    ("changed", "sentence"),
    [
        ({"name": ""}, "Please fill this in."),
        ({"minutes": "32"}, "5 to 480 minutes, in steps of 5."),
        ({"minutes": "500"}, "5 to 480 minutes, in steps of 5."),
        ({"minutes": ""}, "Please give a whole number."),
        ({"minutes": "9" * 30}, "5 to 480 minutes, in steps of 5."),
        ({"category": "0"}, "Please choose a category from the list."),
        ({"category": ""}, "Please choose a category from the list."),
        ({"stores": "0"}, "Please choose stores from the list."),
        ({"stores": "x"}, "Please choose stores from the list."),
    ],
)
def test_a_wrong_item_is_told(manager, ours, category_id, changed, sentence):
    answer = manager.ask("POST", "/console/items/new", item(category_id, **changed))
    assert answer.status_code == 422
    assert sentence in answer.text
    assert ours(queries.items) == []


def test_an_item_that_was_booked_is_only_switched_off(chain, manager, ours, category_id):
    for name in ("洗牙", "补牙"):
        manager.ask("POST", "/console/items/new", item(category_id, name=name, minutes="30"))
    booked, other = ours(queries.items)
    scene = make_scene(chain)
    with tenant_scope(chain.id), unit_of_work() as work:
        booking.book(work, scene.wish(item_id=booked.id), by=OPERATOR, now=clock.now())
    for one in (booked, other):
        assert manager.ask("POST", f"/console/items/{one.id}/remove").status_code == 303
    said = told(manager)
    assert "洗牙 was booked before, so it is only switched off." in said
    assert "补牙 is removed." in said
    assert [(one.name, one.enabled) for one in ours(queries.items)] == [("洗牙", False)]


def test_a_category_is_renamed_and_goes_when_it_is_empty(manager, ours, category_id):
    path = f"/console/items/categories/{category_id}"
    assert manager.ask("POST", f"{path}/edit", {"name": " "}).status_code == 422
    assert manager.ask("POST", f"{path}/edit", {"name": "治疗"}).status_code == 303
    assert 'value="治疗"' in manager.ask("GET", f"{path}/edit").text
    manager.ask("POST", "/console/items/new", item(category_id))
    assert manager.ask("POST", f"{path}/remove").location == f"{path}/edit"
    assert "There are items in this category." in told(manager)
    (added,) = ours(queries.items)
    manager.ask("POST", f"/console/items/{added.id}/remove")
    assert manager.ask("POST", f"{path}/move", {"direction": "up"}).status_code == 303
    assert manager.ask("POST", f"{path}/remove").location == "/console/items"
    assert ours(queries.categories) == []


def test_a_preset_that_was_removed_comes_back_by_undo(manager, ours):
    assert manager.ask("POST", "/console/items/complaints/new", {"text": ""}).status_code == 422
    manager.ask("POST", "/console/items/complaints/new", {"text": "牙疼"})
    (made,) = ours(queries.complaints)
    path = f"/console/items/complaints/{made.id}"
    assert manager.ask("POST", f"{path}/edit", {"text": "x" * 31}).status_code == 422
    manager.ask("POST", f"{path}/edit", {"text": "牙痛"})
    assert 'value="牙痛"' in manager.ask("GET", f"{path}/edit").text
    assert manager.ask("POST", f"{path}/move", {"direction": "up"}).status_code == 303
    manager.ask("POST", f"{path}/remove")
    assert ours(queries.complaints) == []
    undo = undo_of(manager.ask("GET", "/console/items"))
    manager.ask("POST", undo)
    assert [one.text for one in ours(queries.complaints)] == ["牙痛"]


def undo_of(page) -> str:
    """Give where a page's toast posts to take back what was done."""
    return html.unescape(
        re.search(r'data-toast>.*?<form method="post" action="([^"]+)"', page.text, re.DOTALL)[1]
    )


# Rosters


@pytest.fixture
def doctor_id(ours) -> int:
    return ours(services.create_doctor, name="李明", title="主任医师", position=0, **TOLD).id


def roster(chain, doctor_id: int, **changed: Any) -> dict[str, Any]:
    typed = {
        "doctor": str(doctor_id),
        "store": str(chain.store.id),
        "weekdays": ["0", "1", "2", "3", "4"],
        "from_date": WEEK,
        "to_date": "2030-03-10",
        "begin": "09:00",
        "end": "18:00",
        "has_break": "yes",
        "break_from": "12:00",
        "break_to": "13:30",
        "slot_minutes": "30",
        "per_slot": "2",
    }
    return typed | changed


def shifts(ours) -> list[str]:
    found = ours(lambda work: work.scalars(sa.select(Shift).order_by(Shift.starts_at)).all())
    local = [[clock.local(at, "Asia/Shanghai") for at in (one.starts_at, one.ends_at)] for one in found]
    return [f"{begin:%a %H:%M}–{end:%H:%M}" for begin, end in local]


def test_a_roster_is_added_and_its_week_is_shown(chain, manager, ours, doctor_id):
    added = manager.ask("POST", "/console/rosters/new", roster(chain, doctor_id))
    assert added.location == f"/console/rosters?doctor={doctor_id}&week={WEEK}"
    assert shifts(ours)[:3] == ["Mon 09:00–12:00", "Mon 13:30–18:00", "Tue 09:00–12:00"]
    page = manager.ask("GET", added.location)
    assert "10 shifts added." in page.text
    assert page.text.count('rowspan="12"') == 5  # three hours in quarters
    assert page.text.count('rowspan="18"') == 5
    assert "Roster of 李明" in page.text
    assert "Mon 4 Mar 2030 – Sun 10 Mar 2030" in text_of(page)
    assert "week=2030-02-25" in page.text
    assert "week=2030-03-11" in page.text
    everybody = text_of(manager.ask("GET", "/console/rosters?week=2030-03-07"))
    assert "李明 主任医师 09:00–12:00 徐汇店 13:30–18:00 徐汇店" in everybody
    assert "10 shifts added." not in everybody


def test_every_row_of_the_week_has_a_cell_for_every_day(chain, manager, doctor_id):
    """Cells that reach down leave no cell below them, or the table falls apart."""
    odd = {"begin": "06:10", "end": "20:55", "break_from": "12:05", "break_to": "12:15"}
    added = manager.ask("POST", "/console/rosters/new", roster(chain, doctor_id, **odd))
    body = re.search(
        r"roster-hours.*?<tbody>(.*?)</tbody>", manager.ask("GET", added.location).text, re.DOTALL
    )
    rows = re.findall(r"<tr.*?</tr>", body[1], re.DOTALL)
    reaching = [0] * 7
    for row in rows:
        cells = iter(re.findall(r'<td[^>]*?(?:rowspan="(\d+)")?>', row))
        reaching = [left - 1 if left else int(next(cells) or 1) - 1 for left in reaching]
        assert next(cells, None) is None
    assert reaching == [0] * 7
    assert len(rows) == 15 * 4  # from six to nine


def test_a_roster_added_again_tells_what_was_there_and_what_stands_in_the_way(
    chain, manager, ours, doctor_id
):
    early = roster(chain, doctor_id, weekdays=["0"], end="12:00")
    late = roster(chain, doctor_id, begin="10:00", end="13:00")
    del early["has_break"], late["has_break"]
    for form, sentence in (
        (early, "1 shift added."),
        (late, "4 shifts added. Another shift stands in the way on Mon 4 Mar 2030."),
        (late, "0 shifts added. 4 were there already. Another shift stands in the way on Mon 4 Mar 2030."),
    ):
        assert manager.ask("POST", "/console/rosters/new", form).status_code == 303
        assert told(manager) == sentence
    assert len(shifts(ours)) == 5


@pytest.mark.parametrize(
    ("changed", "sentence"),
    [
        ({"doctor": "0"}, "Please choose a doctor from the list."),
        ({"store": ""}, "Please choose a store from the list."),
        ({"weekdays": []}, "Choose at least one weekday."),
        ({"from_date": "soon"}, "Please choose a date."),
        ({"from_date": "0001-01-01", "to_date": "0001-01-07"}, "Please choose a date."),
        ({"from_date": "9999-12-25", "to_date": "9999-12-31"}, "Please choose a date."),
        ({"weekdays": ["x"]}, "Choose at least one weekday."),
        ({"to_date": "2030-03-03"}, "The last day comes before the first."),
        ({"to_date": "2032-03-03"}, "At most a year at once."),
        ({"begin": "9"}, "Please give a time such as 09:30."),
        ({"break_from": "08:00"}, "The break lies between the beginning and the end."),
        ({"begin": "09:01"}, "Please give times in steps of 5 minutes."),
        ({"slot_minutes": "12"}, "5 to 240 minutes, in steps of 5."),
        ({"slot_minutes": "240"}, "The shift is shorter than one visit."),
        ({"per_slot": "0"}, "1 to 20 patients."),
    ],
)
def test_a_wrong_roster_is_told_and_adds_nothing(chain, manager, ours, doctor_id, changed, sentence):
    answer = manager.ask("POST", "/console/rosters/new", roster(chain, doctor_id, **changed))
    assert answer.status_code == 422
    assert sentence in answer.text
    assert shifts(ours) == []


def test_a_shift_beyond_opening_hours_is_marked(chain, manager, ours, doctor_id):
    manager.ask("POST", f"/console/stores/{chain.store.id}/edit", store(**{"hours-1-mode": "closed"}))
    added = manager.ask("POST", "/console/rosters/new", roster(chain, doctor_id, end="19:00"))
    week = text_of(manager.ask("GET", added.location))
    assert week.count("Store closed") == 4  # both shifts of Tuesday, in the grid and in the list for phones
    assert week.count("Open 13:30–18:00") == 8
    (monday, *_) = ours(queries.shifts, doctor_id, begin=at(13, 30), end=at(19))
    page = text_of(manager.ask("GET", f"/console/rosters/{monday.id}"))
    assert "The store is open 13:30–18:00 in this shift; only that can be booked." in page


def at(hour: int, minute: int = 0) -> dt.datetime:
    return rules.moment(dt.date.fromisoformat(WEEK), hour * 60 + minute, "Asia/Shanghai")


def test_a_shift_is_removed_and_comes_back_by_undo(chain, manager, ours, doctor_id):
    manager.ask("POST", "/console/rosters/new", roster(chain, doctor_id, weekdays=["0"]))
    first, _second = ours(queries.shifts, doctor_id, begin=at(9), end=at(18))
    path = f"/console/rosters/{first.id}"
    shown = text_of(manager.ask("GET", path))
    assert "Mon 4 Mar 2030, 09:00–12:00" in shown
    assert "Booked 0 appointments" in shown
    gone = manager.ask("POST", f"{path}/remove")
    assert gone.location == f"/console/rosters?doctor={doctor_id}&week={WEEK}"
    assert shifts(ours) == ["Mon 13:30–18:00"]
    undo = undo_of(manager.ask("GET", gone.location))
    again = manager.ask("POST", undo)
    assert re.fullmatch(r"/console/rosters/\d+", again.location)
    assert shifts(ours) == ["Mon 09:00–12:00", "Mon 13:30–18:00"]
    (back, _) = ours(queries.shifts, doctor_id, begin=at(9), end=at(18))
    assert (back.slot_minutes, back.per_slot) == (first.slot_minutes, first.per_slot)
    assert manager.ask("POST", f"{path}/remove").status_code == 404


def test_a_shift_comes_not_back_where_another_stands_now(chain, manager, ours, doctor_id):
    manager.ask("POST", "/console/rosters/new", roster(chain, doctor_id, weekdays=["0"]))
    first, _second = ours(queries.shifts, doctor_id, begin=at(9), end=at(18))
    gone = manager.ask("POST", f"/console/rosters/{first.id}/remove")
    undo = undo_of(manager.ask("GET", gone.location))
    form = roster(chain, doctor_id, weekdays=["0"], begin="10:00", end="13:00", slot_minutes="15")
    del form["has_break"]
    manager.ask("POST", "/console/rosters/new", form)
    refused = manager.ask("POST", undo)
    assert refused.status_code == 409
    assert "The doctor has another shift at that time." in refused.text


def test_an_undo_whose_day_has_no_such_shift_finds_none(chain, manager, ours, doctor_id):
    asked = roster(chain, doctor_id, weekdays=["5"], to_date=WEEK)
    del asked["has_break"]
    assert manager.ask("POST", "/console/rosters/restore", asked).status_code == 404
    assert shifts(ours) == []


def test_in_the_drawer_a_removal_answers_into_the_drawer(chain, manager, ours, doctor_id):
    manager.ask("POST", "/console/rosters/new", roster(chain, doctor_id, weekdays=["0"]))
    told(manager)
    first, _second = ours(queries.shifts, doctor_id, begin=at(9), end=at(18))
    shown = manager.client.get(f"/console/rosters/{first.id}", headers=DRAWER)
    assert "<html" not in shown.text
    gone = manager.client.post(
        f"/console/rosters/{first.id}/remove", data={"csrf_token": manager.csrf}, headers=DRAWER
    )
    assert "<html" not in gone.text
    assert 'hx-swap-oob="beforeend"' in gone.text
    assert "/console/rosters/restore?" in gone.text


def test_what_stays_booked_is_counted(chain, manager, ours):
    scene = make_scene(chain)
    with tenant_scope(chain.id), unit_of_work() as work:
        booking.book(work, scene.wish(), by=OPERATOR, now=clock.now())
    page = manager.ask("GET", f"/console/rosters/{scene.shift_id}")
    assert "Booked 1 appointment" in text_of(page)
    assert "1 appointment stays booked." in text_of(page)
    week = manager.ask("GET", f"/console/rosters?doctor={scene.doctor_id}&week={scene.opens_at:%Y-%m-%d}")
    assert "1 booked" in text_of(week)
    assert manager.ask("POST", f"/console/rosters/{scene.shift_id}/remove").status_code == 303
    assert ours(lambda work: work.scalar(sa.text("select count(*) from appointment"))) == 1


# Managers of one store


@pytest.fixture
def elsewhere(ours) -> int:
    """Give a store that the manager of the first one has nothing to do with."""
    made = {"slug": "pudong", "name": "浦东", "short_name": "浦东店", "address": "世纪大道", "position": 1}
    return ours(services.create_store, **made, zone="Asia/Shanghai", **TOLD).id


@pytest.fixture
def local(app, chain, elsewhere):
    """A manager of the first store alone."""
    return log_in_directly(app, chain, "manager", store_id=chain.store.id)


def test_a_manager_of_one_store_changes_that_one_alone(chain, local, ours, elsewhere):
    listed = local.ask("GET", "/console/stores").text
    assert "浦东" not in listed
    assert not any(
        way in listed for way in ("/console/stores/new", "/move", "/console/doctors", "/console/items")
    )
    for method in ("GET", "POST"):
        assert local.ask(method, f"/console/stores/{elsewhere}/edit", store()).status_code == 403
        assert local.ask(method, "/console/stores/new", store(slug="third")).status_code == 403
    assert local.ask("POST", f"/console/stores/{elsewhere}/move", {"direction": "up"}).status_code == 403
    assert (
        local.ask("POST", f"/console/stores/{chain.store.id}/edit", store(phone="021-1")).status_code == 303
    )
    assert [one.phone for one in ours(queries.stores)] == ["021-1", ""]


@pytest.mark.parametrize("path", ["doctors", "items", "items/categories", "items/complaints"])
def test_what_all_stores_share_is_not_for_a_manager_of_one(local, path):
    assert local.ask("GET", f"/console/{path}/new").status_code == 403
    assert local.ask("POST", f"/console/{path}/new", {"name": "新", "text": "新"}).status_code == 403


def test_a_manager_of_one_store_keeps_its_roster_alone(chain, manager, local, ours, doctor_id, elsewhere):
    there = roster(chain, doctor_id, store=str(elsewhere), weekdays=["0"])
    assert "浦东店" not in local.ask("GET", "/console/rosters/new").text
    refused = local.ask("POST", "/console/rosters/new", there)
    assert (refused.status_code, shifts(ours)) == (422, [])
    manager.ask("POST", "/console/rosters/new", there)
    first, _second = ours(queries.shifts, doctor_id, begin=at(9), end=at(18))
    path = f"/console/rosters/{first.id}"
    assert f"{path}/remove" not in local.ask("GET", path).text
    assert local.ask("POST", f"{path}/remove").status_code == 403
    assert len(shifts(ours)) == 2
    here = roster(chain, doctor_id, weekdays=["1"])
    assert local.ask("POST", "/console/rosters/new", here).status_code == 303


def test_a_week_without_shifts_says_what_to_do(manager):
    page = manager.ask("GET", "/console/rosters?week=2031-01-01&doctor=nobody").text
    assert "Nobody is on the roster this week" in page
    assert "This week" in page
    assert "No doctor yet" in manager.ask("GET", "/console/rosters/new").text


# All of it


def test_each_change_stands_in_the_trail_with_who_made_it(chain, manager, ours, doctor_id, category_id):
    manager.ask("POST", f"/console/stores/{chain.store.id}/edit", store())
    manager.ask("POST", "/console/rosters/new", roster(chain, doctor_id))
    of_the_manager = sa.select(AuditEntry.action).where(AuditEntry.actor_id == manager.id)
    actions = ours(lambda work: set(work.scalars(of_the_manager)))
    assert {"item_category.created", "store.updated", "roster.added"} <= actions


@pytest.mark.parametrize("path", ["stores", "doctors", "items", "rosters", "rosters?doctor=first"])
def test_a_longer_list_asks_no_more_of_the_database(
    app, chain, manager, ours, doctor_id, category_id, count_queries, path
):
    path = f"/console/{path.replace('first', str(doctor_id))}{'&' if '?' in path else '?'}week={WEEK}"

    def asked() -> int:
        with count_queries() as counted:
            assert manager.client.get(path).status_code == 200
        return counted.n

    manager.ask("GET", path)
    before = asked()
    for number in range(3):
        manager.ask("POST", "/console/stores/new", store(slug=f"more-{number}"))
        manager.ask("POST", "/console/doctors/new", {"name": f"医生{number}"})
        manager.ask("POST", "/console/items/new", item(category_id, name=f"项目{number}"))
        manager.ask("POST", "/console/items/complaints/new", {"text": f"主诉{number}"})
    for one in ours(queries.doctors):
        manager.ask("POST", "/console/rosters/new", roster(chain, one.id))
    told(manager)
    assert asked() == before <= 12
