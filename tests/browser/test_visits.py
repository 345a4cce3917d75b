"""A visit from the waiting list to the chair: offered, promised by a reminder, checked in at the door."""

from __future__ import annotations

import datetime as dt
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from zoneinfo import ZoneInfo

import psycopg
import pytest
from playwright.sync_api import Browser, FrameLocator, Page, expect

from engage.kernel import clock
from tests.browser.pages import (
    APP_ID,
    DESK,
    PHONE,
    choose_day,
    findings,
    log_in,
    open_chat,
    opened,
    overflows,
    phone_url,
)
from tests.browser.test_booking import Patient, patient_in
from tests.system import System, eventually, running

pytestmark = [pytest.mark.enable_socket, pytest.mark.timeout(600)]

ZONE = "Asia/Shanghai"
DAY = dt.timedelta(days=1)
OFFERED, REMINDER = "候补空位通知", "预约提醒"


@pytest.fixture
def own(tmp_path_factory: pytest.TempPathFactory) -> Iterator[System]:
    """A system of this test alone, for its clock is moved."""
    before = clock._offset.file
    with running(tmp_path_factory.mktemp("visits") / "home") as started:
        clock.use_offset(started.home / "clock-offset")
        yield started
    clock.use_offset(before)


def set_clock(day: dt.date, hour: int, minute: int = 0) -> None:
    """Set the clock of the whole system to a time of the stores' day."""
    moment = dt.datetime.combine(day, dt.time(hour, minute), ZoneInfo(ZONE))
    clock.advance((moment - clock.now()).total_seconds())


@dataclass(frozen=True, slots=True)
class Visit:
    """The visit that somebody booked."""

    system: System
    id: int
    store_id: int
    doctor_id: int
    starts_at: dt.datetime

    def has(self, condition: str) -> bool:
        """Whether something is so by now."""
        return self.system.count(f"appointment where id = %s and {condition}", self.id) == 1

    def leave_no_other_place(self) -> None:
        """Let the doctor see nobody else that day, and nobody else wait."""
        mine = {"doctor": self.doctor_id, "at": self.starts_at}
        with psycopg.connect(self.system.owner_database.replace("+psycopg", "")) as database:
            database.execute(
                "delete from shift where doctor_id = %(doctor)s"
                " and not tstzrange(starts_at, ends_at) @> %(at)s and starts_at"
                " between %(at)s - interval '12 hours' and %(at)s + interval '12 hours'",
                mine,
            )
            database.execute(
                "update shift set starts_at = %(at)s, per_slot = 1,"
                " ends_at = %(at)s + slot_minutes * interval '1 minute'"
                " where doctor_id = %(doctor)s and tstzrange(starts_at, ends_at) @> %(at)s",
                mine,
            )
            database.execute(
                "update waiting_wish set state = 'ended', ended_at = now(), reason = 'removed'"
                " where state = 'waiting'"
            )


def visit_of(patient: Patient) -> Visit:
    """Give the one visit that somebody has."""
    openid = patient.system.control("GET", f"/fans/{patient.fan}/openid", appid=APP_ID)["openid"]
    (row,) = patient.system.rows(
        "select a.id, a.store_id, a.doctor_id, a.starts_at from appointment a"
        " join fan f on f.tenant_id = a.tenant_id and f.id = a.fan_id where f.openid = %s",
        openid,
    )
    return Visit(patient.system, *row)


def card(phone: Page, system: System, fan: str, title: str) -> FrameLocator:
    """Wait for a message in somebody's chat and tap it; gives the page that opens."""
    open_chat(phone, system, fan)
    found = phone.locator("a.card", has_text=title).last
    found.wait_for(timeout=60_000)
    found.click()
    frame = phone.frame_locator("iframe")
    frame.locator("main").wait_for()
    return frame


def test_from_the_waiting_list_to_the_chair(own: System, browser: Browser):
    today = clock.local(clock.now(), ZONE).date() + DAY
    set_clock(today, 10)
    looks: list[str] = []
    with opened(browser, PHONE) as other, opened(browser, PHONE) as phone, opened(browser, DESK) as desk:

        def look(name: str, page: Page) -> None:
            looks.extend(f"{name}: {finding}" for finding in findings(page))
            looks.extend([f"{name} scrolls sideways"] * overflows(page))

        first, second = patient_in(own, other, "李先"), patient_in(own, phone, "王候补")
        _book_in_days(first, 3)
        full = visit_of(first)
        full.leave_no_other_place()
        day = clock.local(full.starts_at, ZONE).date()
        _wait_for(second, full, day)
        look("waiting", phone)

        # Somebody cancels: the place is offered, and one tap in the chat takes it.
        first.open(f"/appointments/{full.id}/cancel")
        other.get_by_role("radio").first.check(force=True)
        other.locator(".thumb").get_by_role("button").click()
        expect(other.locator(".ticket.over")).to_be_visible()
        page = card(phone, own, second.fan, OFFERED)
        expect(page.get_by_role("heading", name="有空位了")).to_be_visible()
        page.get_by_role("button", name="预约这个时间").click()
        expect(page.get_by_role("button", name="我会准时来")).to_be_visible()
        visit = visit_of(second)
        assert (visit.doctor_id, visit.starts_at) == (full.doctor_id, full.starts_at)
        planned = "appointment_touch where appointment_id = %s and kind = 'evening'"
        eventually(lambda: own.count(planned, visit.id), seconds=60)

        # The evening before: the reminder leads to the promise.
        set_clock(day - DAY, 19, 1)
        page = card(phone, own, second.fan, REMINDER)
        page.get_by_role("button", name="我会准时来").click()
        expect(page.get_by_role("heading", name="到时候见")).to_be_visible()
        assert visit.has("attendance_confirmed_at is not null")

        # The day: the code at the door, scanned, checks in; the waiting room calls.
        local = clock.local(visit.starts_at, ZONE)
        set_clock(day, local.hour, local.minute)
        log_in(desk, own)
        desk.goto(f"{own.web}/console/arrivals/code?store={visit.store_id}")
        page = _scan(phone, own, second.fan, desk.locator(".poster-picture").screenshot())
        page.get_by_role("button", name="我到了").click()
        expect(page.locator("#turn").get_by_role("heading", name="已签到")).to_be_visible()
        assert visit.has("state = 'checked_in'")
        desk.goto(f"{own.web}/console/arrivals?store={visit.store_id}")
        mine = desk.get_by_role("row").filter(has_text="王候补")
        expect(mine).to_be_visible()
        look("waiting room", desk)
        _call_until(desk, lambda: visit.has("called_at is not null"))
        expect(mine).to_contain_text("已叫号")
        expect(page.locator("#turn").get_by_role("heading", name="轮到您了")).to_be_visible(timeout=60_000)
    assert looks == []


def _scan(phone: Page, system: System, fan: str, picture: bytes) -> FrameLocator:
    """Hold a phone at a code; gives the page that opens."""
    phone.goto("about:blank")
    phone.goto(f"{phone_url(system, fan)}#/scan")
    with phone.expect_file_chooser() as chooser:
        phone.locator(".finder").click()
    chooser.value.set_files({"name": "door.png", "mimeType": "image/png", "buffer": picture})
    return phone.frame_locator("iframe")


def _book_in_days(patient: Patient, days: int) -> None:
    """Book the last time of a doctor some days ahead."""
    page = patient.page
    patient.open("/booking")
    page.locator("a.choice").first.click()
    page.locator("a.choice").nth(1).click()
    choose_day(page, page.locator(".days a:not(.full)").nth(days))
    page.locator(".slot:not(.taken)").last.click()
    page.locator(".thumb").get_by_role("button").click()
    page.locator(".held").wait_for()
    page.locator(".thumb").get_by_role("button").click()
    page.locator(".ticket").wait_for()


def _wait_for(patient: Patient, full: Visit, day: dt.date) -> None:
    """Join the list for a doctor and one day."""
    patient.open(f"/waiting/new?store={full.store_id}&doctor={full.doctor_id}&day={day}")
    page = patient.page
    page.locator("#field-to_date").fill(day.isoformat())
    page.get_by_role("button", name="加入候补").click()
    expect(page.get_by_role("heading", name="已加入候补")).to_be_visible()


def _call_until(desk: Page, is_called: Callable[[], bool]) -> None:
    """Call one after the other, until it is the turn of who is meant."""

    def call() -> bool:
        button = desk.get_by_role("button", name="叫下一位")
        if not is_called():
            button.click()
            desk.wait_for_load_state()
        return is_called()

    eventually(call, seconds=120)
