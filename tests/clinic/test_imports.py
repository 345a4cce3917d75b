"""Rosters and special days from Excel and CSV: every wrong line is named, all or nothing is taken over."""

from __future__ import annotations

import contextlib
import datetime as dt
import html
import io
import random
import re
import zipfile

import openpyxl
import pytest
import sqlalchemy as sa

from engage.audit.services import OPERATOR
from engage.booking import services as bookings
from engage.booking.rules.terms import Terms
from engage.clinic import queries, services, tables
from engage.clinic.errors import NoTable
from engage.clinic.models import Shift
from engage.clinic.rules import Period, Special
from engage.clinic.rules.imports import read_date, read_days, read_minute, read_rosters
from engage.kernel import clock
from engage.kernel.db import tenant_scope, unit_of_work
from tests.booking.scenes import Scene, make_scene
from tests.contracts.callers import log_in_directly

HEAD = "医生,门店,日期,开始,结束,每段分钟,每段人数"
DOCTORS, STORES = {"李明": 1}, {"徐汇店": 2, "浦东店": 3}
SLOTS = {2: 40, 3: 30}
DATE = dt.date(2030, 3, 4)


def csv_of(*lines: str, head: str = HEAD) -> bytes:
    return "\r\n".join([head, *lines]).encode()


@pytest.mark.parametrize(
    ("text", "minute"),
    [
        ("9:30", 570),
        ("09:30", 570),
        ("09：30", 570),
        ("09:30:00", 570),
        ("24:00", None),
        ("9.30", None),
        ("9:60", None),
    ],
)
def test_times(text, minute):
    assert read_minute(text) == minute


def test_midnight_as_an_end():
    assert (read_minute("24:00", ends=True), read_minute("00:00", ends=True)) == (1440, 1440)


@pytest.mark.parametrize(
    ("text", "date"),
    [
        ("2030-03-04", DATE),
        ("2030/3/4", DATE),
        ("2030年3月4日", DATE),
        ("2030.3.4", DATE),
        ("4.3.2030", None),
        ("2030-02-30", None),
        ("9999-01-01", None),
    ],
)
def test_dates(text, date):
    assert read_date(text) == date


@pytest.mark.parametrize(
    ("line", "sentence"),
    [
        ("王,徐汇店,2030-03-04,9:00,12:00,30,1", "No doctor has this name."),
        ("李明,静安店,2030-03-04,9:00,12:00,30,1", "No store of yours has this name."),
        ("李明,徐汇店,4 March,9:00,12:00,30,1", "No date, such as 2026-11-22."),
        ("李明,徐汇店,2030-03-04,nine,12:00,30,1", "No time, such as 09:30."),
        ("李明,徐汇店,2030-03-04,12:00,9:00,30,1", "A shift ends after it begins, on the same day."),
        ("李明,徐汇店,2030-03-04,9:01,12:00,30,1", "Please give times in steps of 5 minutes."),
        ("李明,徐汇店,2030-03-04,9:00,12:00,x,1", "Please give a whole number."),
        ("李明,徐汇店,2030-03-04,9:00,12:00,30,21", "1 to 20 patients."),
        ("李明,徐汇店,2030-03-04,9:00,9:15,30,1", "The shift is shorter than one visit."),
        (
            "李明,浦东店,2030-03-04,13:00,15:00,30,1",
            "This time stands in the file twice, or overlaps another line.",
        ),
    ],
)
def test_every_wrong_line_is_named(line, sentence):
    good = "李明,徐汇店,2030-03-04,14:00,18:00,,"
    found, wrong = read_rosters(tables.read(csv_of(good, "", line)), DOCTORS, STORES, SLOTS)
    assert [one.period for one in found] == [Period(840, 1080, 2, 40, 1)]
    assert [(number, told) for number, told, _ in wrong] == [(4, sentence)]


def test_a_column_that_is_missing_is_named():
    _, wrong = read_rosters(tables.read(csv_of(head="医生,门店,日期,开始")), DOCTORS, STORES, SLOTS)
    assert [text for _, _, text in wrong] == ["结束", "每段分钟", "每段人数"]


def test_special_days_of_several_lines():
    head = "Store,Date,Name,From,Until"
    lines = (
        "徐汇店,2030-03-04,盘点,9:00,12:00",
        "徐汇店,2030-03-04,,13:00,18:00",
        "浦东店,2030-03-05,年会,,",
    )
    found, wrong = read_days(tables.read(csv_of(*lines, head=head)), STORES)
    assert wrong == []
    assert [(one.store_id, one.special) for one in found] == [
        (2, Special("盘点", ((540, 720), (780, 1080)))),
        (3, Special("年会")),
    ]
    _, wrong = read_days(tables.read(csv_of(lines[0], "徐汇店,2030-03-04,,11:00,13:00", head=head)), STORES)
    assert [number for number, *_ in wrong] == [3]


def test_what_is_no_table():
    bomb = io.BytesIO()
    with zipfile.ZipFile(bomb, "w", zipfile.ZIP_DEFLATED) as packed:
        packed.writestr("xl/workbook.xml", b"0" * (tables.UNPACKED_AT_MOST + 1))
    for content in (
        b"",
        b"\n\n",
        b"\x89PNG\r\n\x1a\n\x00\x00",
        b"PK\x03\x04 no workbook",
        bomb.getvalue(),
        b"a,b\n" * (tables.LINES_AT_MOST + 2),
        b"x" * (tables.BYTES_AT_MOST + 1),
    ):
        with pytest.raises(NoTable):
            tables.read(content)


def test_a_damaged_workbook_is_told_and_breaks_nothing():
    """Bytes that changed on their way, and names inside it that nobody knows."""
    whole = tables.workbook([["Doctor", "Store"], ["李", "徐汇店"]])
    chance, refused = random.Random(7), 0
    for _ in range(120):
        damaged = bytearray(whole)
        for _ in range(3):
            damaged[chance.randrange(len(damaged))] = chance.randrange(256)
        with contextlib.suppress(NoTable):
            tables.read(bytes(damaged))
            continue
        refused += 1
    renamed = io.BytesIO()
    with zipfile.ZipFile(io.BytesIO(whole)) as source, zipfile.ZipFile(renamed, "w") as written:
        for name in source.namelist():
            written.writestr(name, source.read(name).replace(b"ContentType", b"ConteMtType"))
    with pytest.raises(NoTable):
        tables.read(renamed.getvalue())
    assert refused > 20


def test_text_as_excel_in_china_writes_it_and_dates_of_a_workbook():
    assert tables.read("医生;门店\n李明;徐汇店".encode("gb18030"))[1] == (2, ["李明", "徐汇店"])
    book = openpyxl.Workbook()
    book.active.append(["日期", "开始", "人数"])
    book.active.append([DATE, dt.time(9, 30), 2.0])
    file = io.BytesIO()
    book.save(file)
    assert tables.read(file.getvalue()) == [(1, ["日期", "开始", "人数"]), (2, ["2030-03-04", "09:30", "2"])]


# Over HTTP


@pytest.fixture
def scene(chain) -> Scene:
    return make_scene(chain)


@pytest.fixture
def manager(app, scene):
    return log_in_directly(app, scene.chain, "manager")


def sent(content: bytes) -> dict[str, object]:
    return {"file": (io.BytesIO(content), "rosters.csv")}


def packed(answer) -> str:
    return html.unescape(re.search(r'name="packed" value="([^"]*)"', answer.text)[1])


def periods(scene) -> list[Period]:
    with tenant_scope(scene.chain.id), unit_of_work() as work:
        found = services.periods_of(work, scene.doctor_id, DATE, DATE + dt.timedelta(days=9))
        return [one for day in found.values() for one in day]


def test_rosters_are_looked_at_then_taken_over_once(manager, scene):
    page = "/console/imports"
    assert manager.ask("GET", page).status_code == 200
    lines = [f"李明,徐汇店,2030-03-{day:02},9:00,12:00,30,2" for day in (4, 5)]
    looked = manager.ask("POST", page, sent(csv_of(*lines)))
    assert "2 lines are new." in looked.text
    assert periods(scene) == []
    taken = manager.ask("POST", f"{page}/confirm", {"packed": packed(looked)})
    assert taken.status_code == 303
    assert periods(scene) == [Period(540, 720, scene.chain.store.id, 30, 2)] * 2
    again = manager.ask("POST", page, sent(csv_of(*lines)))
    assert "2 were there already." in again.text
    assert manager.ask("POST", f"{page}/confirm", {"packed": packed(again)}).status_code == 303
    assert len(periods(scene)) == 2


def test_a_line_without_a_length_takes_the_store_s(manager, scene):
    with tenant_scope(scene.chain.id), unit_of_work() as work:
        terms = Terms(slot_minutes=45)
        bookings.set_terms(work, scene.chain.store.id, terms, by=OPERATOR, now=clock.now())
    looked = manager.ask("POST", "/console/imports", sent(csv_of("李明,徐汇店,2030-03-04,9:00,12:00,,")))
    manager.ask("POST", "/console/imports/confirm", {"packed": packed(looked)})
    assert periods(scene) == [Period(540, 720, scene.chain.store.id, 45, 1)]


def test_one_line_in_the_way_stops_all(manager, scene):
    page = "/console/imports"
    first = manager.ask("POST", page, sent(csv_of("李明,徐汇店,2030-03-04,9:00,12:00,30,2")))
    clashing = csv_of("李明,徐汇店,2030-03-05,9:00,12:00,30,2", "李明,徐汇店,2030-03-04,10:00,13:00,30,2")
    second = packed(manager.ask("POST", page, sent(clashing)))
    manager.ask("POST", f"{page}/confirm", {"packed": packed(first)})
    refused = manager.ask("POST", page, sent(clashing))
    assert refused.status_code == 422
    assert '<th scope="row" class="num">3</th>' in refused.text
    # Also if it came between the look and the decision.
    assert manager.ask("POST", f"{page}/confirm", {"packed": second}).status_code == 409
    assert len(periods(scene)) == 1


def test_special_days_are_taken_over(manager, scene):
    page = "/console/imports"
    looked = manager.ask(
        "POST",
        f"{page}?sheet=days",
        sent(csv_of("徐汇店,2030-03-04,盘点,9:00,12:00", head="门店,日期,名称,开始,结束")),
    )
    manager.ask("POST", f"{page}/confirm?sheet=days", {"packed": packed(looked)})
    with tenant_scope(scene.chain.id), unit_of_work() as work:
        found = queries.special_days(work, scene.chain.store.id, DATE, DATE)
    assert found == {DATE: Special("盘点", ((540, 720),))}


def take_over(manager, sheet: str, content: bytes) -> str:
    """Bring a table; gives the address that takes it back, if the page after it offers one."""
    page = "/console/imports"
    looked = manager.ask("POST", f"{page}?sheet={sheet}", sent(content))
    taken = manager.ask("POST", f"{page}/confirm?sheet={sheet}", {"packed": packed(looked)})
    after = manager.ask("GET", taken.location).text
    found = re.search(r'action="(/console/imports/restore[^"]*)"', after)
    return html.unescape(found[1]) if found else ""


def special_days(scene) -> dict[dt.date, Special]:
    with tenant_scope(scene.chain.id), unit_of_work() as work:
        return dict(queries.special_days(work, scene.chain.store.id, DATE, DATE + dt.timedelta(days=9)))


def test_imported_rosters_are_taken_back_and_what_was_there_stays(manager, scene):
    lines = [f"李明,徐汇店,2030-03-{day:02},9:00,12:00,30,2" for day in (4, 5, 6)]
    take_over(manager, "rosters", csv_of(lines[1]))
    back = take_over(manager, "rosters", csv_of(*lines))
    assert len(periods(scene)) == 3
    done = manager.ask("POST", back)
    assert done.status_code == 303
    assert "As it was before." in manager.ask("GET", done.location).text
    assert len(periods(scene)) == 1
    again = manager.ask("POST", back)
    assert "Nothing was taken back." in manager.ask("GET", again.location).text
    assert len(periods(scene)) == 1
    assert take_over(manager, "rosters", csv_of(lines[1])) == ""  # it brings nothing


@pytest.mark.parametrize("how", ["removed", "changed"])
def test_rosters_that_were_changed_since_are_not_taken_back(manager, scene, how):
    lines = [f"李明,徐汇店,2030-03-{day:02},9:00,12:00,30,2" for day in (4, 5)]
    back = take_over(manager, "rosters", csv_of(*lines))
    with tenant_scope(scene.chain.id), unit_of_work() as work:
        shift = work.scalars(sa.select(Shift).where(Shift.id != scene.shift_id).order_by(Shift.id)).first()
        if how == "removed":
            services.remove_shift(work, shift.id, by=OPERATOR, now=clock.now())
        else:
            shift.per_slot = 5
    stood = periods(scene)
    refused = manager.ask("POST", back)
    assert "Nothing was taken back." in manager.ask("GET", refused.location).text
    assert periods(scene) == stood


def test_imported_days_are_taken_back_to_what_they_were(manager, scene):
    head = "门店,日期,名称,开始,结束"
    lines = ["徐汇店,2030-03-04,盘点,9:00,12:00", "徐汇店,2030-03-05,春节,,"]
    take_over(manager, "days", csv_of("徐汇店,2030-03-04,年会,10:00,11:00", head=head))
    before = special_days(scene)
    back = take_over(manager, "days", csv_of(*lines, head=head))
    assert special_days(scene)[DATE] == Special("盘点", ((540, 720),))
    manager.ask("POST", back)
    assert special_days(scene) == before == {DATE: Special("年会", ((600, 660),))}
    back = take_over(manager, "days", csv_of(*lines, head=head))
    take_over(manager, "days", csv_of("徐汇店,2030-03-04,年会,10:00,11:00", head=head))
    stood = special_days(scene)
    refused = manager.ask("POST", back)
    assert "Nothing was taken back." in manager.ask("GET", refused.location).text
    assert special_days(scene) == stood


def test_what_another_wrote_takes_nothing_back(app, manager, scene):
    back = take_over(manager, "rosters", csv_of("李明,徐汇店,2030-03-04,9:00,12:00,30,2"))
    for sheet in ("rosters", "days"):
        for were in ("", "x", "WyIiLFtdXQ", re.search('were=([^&"]+)', back)[1][:-1] + "x"):
            answer = manager.ask("POST", f"/console/imports/restore?sheet={sheet}&were={were}")
            assert answer.status_code == 422
    elsewhere = log_in_directly(app, scene.chain, "manager", store_id=other_store(scene))
    elsewhere.ask("POST", back)
    assert len(periods(scene)) == 1


def other_store(scene) -> int:
    with tenant_scope(scene.chain.id), unit_of_work() as work:
        return services.create_store(
            work,
            slug="other",
            name="浦东店",
            short_name="浦东店",
            address="",
            zone="Asia/Shanghai",
            position=1,
            by=OPERATOR,
            now=clock.now(),
        ).id


def test_what_cannot_be_read_is_told(manager, app, scene):
    for kind in ("rosters", "days"):
        assert manager.ask("POST", f"/console/imports?sheet={kind}", sent(b"\x00\x01")).status_code == 422
        assert manager.ask("POST", f"/console/imports?sheet={kind}", {}).status_code == 422
    assert manager.ask("GET", "/console/imports?sheet=people").status_code == 404
    for junk in ("", "x", "AAAA"):
        assert manager.ask("POST", "/console/imports/confirm", {"packed": junk}).status_code == 422
    desk = log_in_directly(app, scene.chain, "desk")
    assert desk.ask("GET", "/console/imports").status_code == 403


def test_the_template_can_be_read_again(manager):
    template = manager.ask("GET", "/console/imports/template").data
    (_, head), (_, line) = tables.read(template)
    assert head[:3] == ["Doctor", "Store", "Date"]
    assert line[:2] == ["李明", "徐汇店"]
