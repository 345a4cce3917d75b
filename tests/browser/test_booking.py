"""Booking on a phone, by a real browser: every page looked at, and what fingers do to it."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass

import psycopg
import pytest
from playwright.sync_api import Browser, Page, expect

from tests.browser.pages import (
    PHONE,
    choose_day,
    findings,
    fresh_mobile,
    opened,
    overflows,
    prove_phone,
    someone,
)
from tests.system import System, eventually

pytestmark = [pytest.mark.enable_socket, pytest.mark.timeout(240)]

NARROW = {"width": 320, "height": 640}
CLINIC = "/p/kangmei"


@dataclass(frozen=True, slots=True)
class Patient:
    """Somebody who has proven a phone, and their browser."""

    system: System
    fan: str
    page: Page

    def open(self, path: str) -> None:
        """Open a page below the account."""
        self.page.goto(self.system.on_phone_of(self.fan, CLINIC + path))

    def choose(self) -> str:
        """Go to the times of a store's first doctor, pick the last of a later day; gives the page's address.

        What is soon over could not be changed any more.
        """
        self.open("/booking")
        for _question in range(2):
            self.page.locator("a.choice").filter(has_not_text="Any doctor").first.click()
        choose_day(self.page, self.page.locator(".days a:not(.full):not([aria-current])").first)
        self.page.locator(".slot:not(.taken)").last.click()
        return self.page.url

    def hold(self) -> str:
        """Hold a time; gives the page of the held time."""
        self.choose()
        self.page.locator(".thumb button").click()
        self.page.locator(".held").wait_for()
        return self.page.url

    def visits(self) -> int:
        """Count the visits this person booked."""
        openid = self.system.control("GET", f"/fans/{self.fan}/openid", appid="wxdemo0000kangmei")["openid"]
        return self.system.count("appointment a join fan f on f.id = a.fan_id where f.openid = %s", openid)


def patient_in(system: System, page: Page, name: str = "王小红") -> Patient:
    """Make somebody who has proven a phone."""
    patient = Patient(system, someone(system, name), page)
    patient.open("/bind")
    prove_phone(page, system, fresh_mobile(), name)
    page.locator(".done").wait_for()
    return patient


@pytest.fixture
def patient(system: System, browser: Browser) -> Iterator[Patient]:
    """Somebody who reads English; what their browser complains of fails the test."""
    errors: list[str] = []
    with opened(browser, PHONE, locale="en-GB", errors=errors) as page:
        yield patient_in(system, page)
    assert [error for error in errors if "responded with a status of 4" not in error] == []


@pytest.mark.parametrize(
    ("locale", "dark"), [pytest.param("zh-CN", False, marks=pytest.mark.large), ("en-GB", True)]
)
def test_every_page_is_accessible_narrow_and_with_large_text(
    system: System, browser: Browser, locale: str, dark: bool
):
    problems: list[str] = []
    with opened(browser, PHONE, locale=locale, dark=dark) as page:
        page.emulate_media(reduced_motion="reduce")
        patient = patient_in(system, page)

        def look(name: str) -> None:
            problems.extend(f"{name}: {finding}" for finding in _look(page))

        for path in ("/stores", "/booking", "/appointments", "/booking/held/999999"):
            patient.open(path)
            look(path)
        patient.open("/stores")
        page.locator(".choice").first.click()
        look("store")
        page.locator(".thumb a").click()
        look("doctors")
        page.locator("a.choice").last.click()
        look("times")
        page.locator(".slot:not(.taken)").last.click()
        page.locator(".thumb button").click()
        page.locator(".row", has=page.locator("[data-other]")).click()
        look("held")
        page.locator(".list .row").first.click()
        page.locator(".thumb button").click()
        page.locator(".ticket").wait_for()
        visit = page.url
        look("visit")
        for path in ("/change", "/cancel"):
            page.goto(visit + path)
            look(path)
        page.locator(".thumb button").click()
        page.locator(".ticket.over").wait_for()
        look("cancelled")
    assert problems == []


def test_what_is_chosen_is_said_before_it_is_sent(patient: Patient):
    page = patient.page
    patient.choose()
    chosen = page.locator(".slot input:checked").get_attribute("data-moment")
    expect(page.locator("[data-chosen]")).to_have_text(chosen or "")
    page.locator(".thumb button").click()
    expect(page.locator(".held-moment")).to_have_text(chosen or "")
    left = page.locator("[data-countdown]")
    expect(left).to_have_text(re.compile(r"4:\d\d"))
    expect(left).not_to_have_text(left.text_content() or "")


def test_a_double_tap_books_once_and_back_shows_the_booking(patient: Patient):
    page = patient.page
    held = patient.hold()
    page.locator(".thumb button").dblclick()
    page.locator(".ticket").wait_for()
    visit = page.url
    page.go_back()
    page.locator(".ticket").wait_for()
    assert page.url == visit
    page.goto(held)
    assert page.url == visit
    assert patient.visits() == 1


def test_when_the_five_minutes_are_over_it_is_said_and_can_still_be_booked(patient: Patient):
    page = patient.page
    page.clock.install()
    patient.hold()
    expect(page.get_by_text("The five minutes are over.")).to_be_hidden()
    page.clock.fast_forward("05:01")
    expect(page.get_by_text("The five minutes are over.")).to_be_visible()
    expect(page.locator("[data-held]")).to_be_hidden()
    page.locator(".thumb button").click()
    page.locator(".ticket").wait_for()


def test_a_hold_that_ran_out_is_taken_again_by_one_tap(patient: Patient):
    page = patient.page
    held = patient.hold()
    _run_out(patient.system)
    page.goto(held)
    expect(page.get_by_role("heading", name="Your time is no longer kept")).to_be_visible()
    page.locator(".alternative").click()
    page.locator(".held").wait_for()


def test_who_loses_a_race_takes_another_time_by_one_tap(system: System, browser: Browser, patient: Patient):
    page = patient.page
    patient.choose()
    wished = page.locator("[data-chosen]").text_content() or ""
    with opened(browser, PHONE, locale="en-GB") as faster:
        patient_in(system, faster, "李快").hold()
        expect(faster.locator(".held-moment")).to_have_text(wished)
        page.locator(".thumb button").click()
        expect(page.get_by_role("heading", name="Somebody was a moment faster")).to_be_visible()
        assert 1 <= page.locator(".alternative").count() <= 3
        page.locator(".alternative").last.click()
        expect(page.locator(".held")).to_be_visible()


def test_what_was_typed_survives_another_time_and_is_forgotten_once_booked(patient: Patient):
    page = patient.page
    patient.hold()
    page.locator(".row", has=page.locator("[data-other]")).click()
    page.locator("input[name=name]").fill("王建国")
    page.locator(".chip").nth(1).click()
    page.locator("textarea").fill("since Monday")
    page.locator(".held a").click()
    page.locator(".slot:not(.taken)").first.click()
    page.locator(".thumb button").click()
    page.locator(".held").wait_for()
    expect(page.locator("input[name=name]")).to_have_value("王建国")
    expect(page.locator("textarea")).to_have_value("since Monday")
    expect(page.locator(".chip input").nth(1)).to_be_checked()
    page.locator(".thumb button").click()
    expect(page.locator(".ticket")).to_contain_text("王建国")
    kept = "Object.keys(sessionStorage).some((key) => key.startsWith('booking.'))"
    eventually(lambda: not page.evaluate(kept))
    patient.hold()
    expect(page.locator("textarea")).to_have_value("")


def test_without_a_network_nothing_is_sent_and_what_was_typed_stays(patient: Patient):
    page = patient.page
    patient.hold()
    page.locator(".list .row").first.click()
    page.locator("textarea").fill("since Monday")
    page.context.set_offline(offline=True)
    page.locator(".thumb button").click()
    expect(page.get_by_role("alert").filter(has_text="There is no network just now.")).to_be_visible()
    expect(page.locator("textarea")).to_have_value("since Monday")
    assert patient.visits() == 0
    page.context.set_offline(offline=False)
    expect(page.get_by_text("There is no network just now.")).to_have_count(0)
    page.locator(".thumb button").click()
    expect(page.locator(".ticket")).to_contain_text("since Monday")
    assert patient.visits() == 1


def test_what_is_missing_is_asked_for_beside_the_field(patient: Patient):
    page = patient.page
    patient.hold()
    page.locator(".row", has=page.locator("[data-other]")).click()
    page.locator(".thumb button").click()
    expect(page.get_by_text("Please write the name of who is coming.")).to_be_visible()
    assert patient.visits() == 0


def test_a_visit_is_moved_promised_and_cancelled(patient: Patient):
    page = patient.page
    patient.hold()
    page.locator(".thumb button").click()
    page.get_by_role("button", name="I will come").click()
    expect(page.get_by_role("heading", name="See you then")).to_be_visible()
    before = page.locator(".ticket-moment").text_content()
    page.get_by_role("link", name="Move the visit").click()
    page.locator(".slot:not(.taken)").first.click()
    page.get_by_role("button", name="Move my visit").click()
    expect(page.get_by_role("heading", name="Booked")).to_be_visible()
    assert page.locator(".ticket-moment").text_content() != before
    page.get_by_role("link", name="Cancel the visit").click()
    page.locator(".list .row").first.click()
    page.locator(".thumb button").click()
    expect(page.get_by_role("heading", name="This visit is cancelled")).to_be_visible()
    page.get_by_role("button", name="Take this time again").click()
    expect(page.locator(".held")).to_be_visible()


def test_it_books_without_any_script(system: System, browser: Browser):
    with opened(browser, PHONE) as page:
        patient = patient_in(system, page)
        context = browser.new_context(
            viewport=PHONE,  # type: ignore[arg-type]  # a plain dict
            java_script_enabled=False,
            storage_state=page.context.storage_state(),
        )
        plain = Patient(system, patient.fan, context.new_page())
        plain.hold()
        plain.page.locator(".list .row").first.click()
        plain.page.locator(".thumb button").click()
        expect(plain.page.locator(".ticket")).to_be_visible()
        context.close()


def _look(page: Page) -> list[str]:
    """Look at a page at both widths, and with text of twice the size."""
    found: list[str] = []
    for size in (NARROW, PHONE):
        page.set_viewport_size(size)  # type: ignore[arg-type]  # a plain dict
        found += [f"at {size['width']}: {finding}" for finding in findings(page)]
        found += [f"scrolls sideways at {size['width']}"] * overflows(page)
    page.evaluate("document.documentElement.style.fontSize = '200%'")
    found += ["scrolls sideways with large text"] * overflows(page)
    page.evaluate("document.documentElement.style.fontSize = ''")
    return found


def _run_out(system: System) -> None:
    """Let all holds run out."""
    with psycopg.connect(system.owner_database.replace("+psycopg", "")) as database:
        database.execute("update booking_hold set expires_at = now() - interval '1 second'")
