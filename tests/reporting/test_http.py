"""The attendance report in the console: who sees what, filters, rows, the file, the alarm on Today."""

from __future__ import annotations

import datetime as dt
import io
import re
from typing import Any

import openpyxl
import pytest
import sqlalchemy as sa

from engage.audit.models import AuditEntry
from engage.booking.models import Appointment
from engage.clinic import queries as clinic
from engage.kernel import clock
from engage.kernel.db import Session, tenant_scope, unit_of_work
from tests.booking.scenes import ZONE
from tests.console.conftest import words
from tests.contracts.callers import Person, log_in_directly
from tests.reporting.conftest import Past

PAGE = "/console/reports/attendance"
ROWS = "/console/reports/attendance/visits"


@pytest.fixture
def days(past: Past) -> str:
    """The days of the scene, as an address asks for them."""
    day = clock.local(past.scene.opens_at, ZONE).date()
    return f"from={day}&until={day + dt.timedelta(days=1)}"


@pytest.fixture
def owner(app, past: Past) -> Person:
    return log_in_directly(app, past.scene.chain, "owner")


def live(past: Past, *, kept: int, gone: int = 0, elsewhere: int = 0) -> None:
    """Let so many come, so many stay away, and so many come at the other store."""
    with tenant_scope(past.scene.chain.id), unit_of_work() as session:
        there = {"store_id": past.other_store_id, "doctor_id": past.other_doctor_id}
        fates: list[tuple[str, dict[str, Any]]] = [("kept", {})] * kept + [("no_show", {})] * gone
        for patient, (fate, where) in enumerate([*fates, *[("kept", there)] * elsewhere], start=2):
            past.end(session, past.book(session, patient, 0, **where), fate)


def figure(page: str, label: str) -> str:
    """Give a figure of the strip by what stands below it."""
    (found,) = re.findall(rf'<span class="figure">([^<]*)</span>\s*<span class="what">{label}</span>', page)
    return found


def test_days_are_read_in_either_order_and_shown_with_their_years(owner: Person) -> None:
    for address in ("?from=2020-01-01&until=2020-01-31", "?from=2020-01-31&until=2020-01-01"):
        assert "Wed 1 Jan 2020 to Fri 31 Jan 2020" in words(owner.client.get(PAGE + address))
        assert "Wed 1 Jan 2020 to Fri 31 Jan 2020" in words(owner.client.get(ROWS + address))
    cut = words(owner.client.get(f"{PAGE}?from=2001-01-01&until=2020-12-31"))
    assert "Mon 31 Dec 2018 to Thu 31 Dec 2020" in cut


def test_the_report_says_how_visits_were_kept(past: Past, owner: Person, days: str) -> None:
    live(past, kept=6, gone=2, elsewhere=2)
    page = owner.client.get(f"{PAGE}?{days}").text
    assert figure(page, "Kept") == "80 %"
    assert (figure(page, "Came"), figure(page, "Did not come")) == ("8", "2")
    told = words(owner.client.get(f"{PAGE}?{days}&store={past.other_store_id}"))
    assert "100 %" in told
    assert "80 %" not in told
    assert "No visits in these days" in words(owner.client.get(f"{PAGE}?from=2020-01-01&until=2020-01-31"))
    assert "No visits match" in words(owner.client.get(f"{PAGE}?{days}&channel=wechat"))


def test_numbers_lead_to_rows(past: Past, owner: Person, days: str) -> None:
    live(past, kept=3, gone=2)
    page = owner.client.get(f"{PAGE}?{days}").text
    (address,) = set(
        re.findall(r'href="([^"]*visits\?[^"]*outcome=no_show)"', page.split('class="beside"')[0])
    )
    answer = owner.client.get(address.replace("&amp;", "&"))
    assert answer.text.count("data-drawer") == 2
    assert "No-show" in words(answer)
    assert "No visits here" in words(owner.client.get(f"{ROWS}?{days}&outcome=clinic"))
    everything = f"{ROWS}?{days}&lead=same&person=new&item=0&doctor={past.scene.doctor_id}"
    assert owner.client.get(everything).status_code == 200


def test_rows_come_in_pages(past: Past, owner: Person, days: str) -> None:
    with tenant_scope(past.scene.chain.id), unit_of_work() as session:
        for number in range(51):
            past.end(session, past.book(session, 2 + number % 26, number // 26 * 2), "kept")
    first = owner.client.get(f"{ROWS}?{days}")
    assert first.text.count("data-drawer") == 50
    (older,) = set(re.findall(r'href="([^"]*page=[^"]*)"', first.text))
    rest = owner.client.get(older.replace("&amp;", "&"))
    assert rest.text.count("data-drawer") == 1


@pytest.mark.parametrize(
    "address",
    ["?from=x&until=y", "?span=9", "?store=0&doctor=x&item=99999999", "?from=2026-02-01"],
)
def test_what_nobody_can_read_filters_nothing(owner: Person, address: str) -> None:
    assert owner.client.get(PAGE + address).status_code == 200
    assert owner.client.get(ROWS + address).status_code == 200


@pytest.mark.parametrize(
    ("role", "status"),
    [("manager", 200), ("chief", 200), ("coordinator", 200), ("desk", 403), ("doctor", 403), ("agent", 403)],
)
def test_who_may_see_reports(app, past: Past, role: str, status: int) -> None:
    person = log_in_directly(app, past.scene.chain, role)
    for address in (PAGE, ROWS, f"{PAGE}/file"):
        assert person.client.get(address).status_code == status


def test_who_works_at_one_store_sees_that_store(app, past: Past, days: str) -> None:
    live(past, kept=3, gone=1, elsewhere=5)
    person = log_in_directly(app, past.scene.chain, "manager", store_id=past.other_store_id)
    page = person.client.get(f"{PAGE}?{days}")
    assert figure(page.text, "Came") == "5"
    assert "徐汇店" not in words(page)
    other = person.client.get(f"{PAGE}?{days}&store={past.scene.chain.store.id}")
    assert figure(other.text, "Came") == "5", "a store that is not theirs filters nothing"
    rows = person.client.get(f"{ROWS}?{days}&store={past.scene.chain.store.id}")
    assert rows.text.count("data-drawer") == 5


def test_another_chain_is_not_counted(app, past: Past, other_chain, days: str) -> None:
    live(past, kept=3)
    stranger = log_in_directly(app, other_chain, "owner")
    assert "No visits in these days" in words(stranger.client.get(f"{PAGE}?{days}"))


def test_the_file_holds_what_the_page_shows(past: Past, owner: Person, days: str) -> None:
    live(past, kept=6, gone=2)
    answer = owner.client.get(f"{PAGE}/file?{days}")
    assert answer.headers["Cache-Control"] == "private, no-store"
    book = openpyxl.load_workbook(io.BytesIO(answer.data))
    head, total = book.worksheets[0].iter_rows(values_only=True)
    told = dict(zip(head[1:], total[1:], strict=True))
    assert (told["Kept"], told["Due"], told["Came"], told["Did not come"]) == (0.75, 8, 6, 2)
    assert [sheet.title for sheet in book][1:4] == ["By week", "By doctor", "By store"]
    assert [row[0].value for row in book["By doctor"].iter_rows(min_row=2)] == ["李明"]
    with tenant_scope(past.scene.chain.id), unit_of_work() as session:
        actions = session.scalars(sa.select(AuditEntry.action).order_by(AuditEntry.id)).all()
    assert actions[-1] == "report.exported"


def test_names_are_no_formulas(past: Past, owner: Person, days: str) -> None:
    with tenant_scope(past.scene.chain.id), unit_of_work() as session:
        _rename(session, past, '=HYPERLINK("http://x")')
    live(past, kept=1)
    book = openpyxl.load_workbook(io.BytesIO(owner.client.get(f"{PAGE}/file?{days}").data))
    (cell,) = (row[0] for row in book["By doctor"].iter_rows(min_row=2))
    assert (cell.data_type, cell.value[0]) == ("s", "'")


def test_today_tells_of_the_alarm(app, past: Past, monkeypatch: pytest.MonkeyPatch) -> None:
    live(past, kept=12, gone=8)
    monkeypatch.setattr(clock, "now", lambda: past.later)
    told = words(log_in_directly(app, past.scene.chain, "manager").client.get("/console/"))
    assert "徐汇店 kept 60 % of 20 visits in the last 30 days." in told
    told = words(log_in_directly(app, past.scene.chain, "desk").client.get("/console/"))
    assert "kept 60 %" not in told
    elsewhere = log_in_directly(app, past.scene.chain, "manager", store_id=past.other_store_id)
    assert "kept 60 %" not in words(elsewhere.client.get("/console/"))
    report = words(log_in_directly(app, past.scene.chain, "chief").client.get(PAGE))
    assert "徐汇店 kept 60 % of 20 visits in the last 30 days." in report


def test_a_report_costs_the_same_however_much_there_is(
    past: Past, owner: Person, days: str, count_queries
) -> None:
    def cost(address: str) -> int:
        with count_queries() as counted:
            assert owner.client.get(address).status_code == 200
        return counted.n

    live(past, kept=1)
    before = [cost(f"{PAGE}?{days}"), cost(f"{ROWS}?{days}")]
    with tenant_scope(past.scene.chain.id), unit_of_work() as session:
        for patient in range(4, 20):
            past.end(session, past.book(session, patient, patient % 5), "kept")
    assert [cost(f"{PAGE}?{days}"), cost(f"{ROWS}?{days}")] == before


def _rename(session: Session, past: Past, name: str) -> None:
    clinic.doctor(session, past.scene.doctor_id).name = name


def test_who_asked_decides_whose_cancellation_it_is(past: Past, owner: Person) -> None:
    def cancelled(reason: str, patient: int) -> str:
        with tenant_scope(past.scene.chain.id), unit_of_work() as session:
            made = past.book(session, patient, 0)
        owner.ask("POST", f"/console/appointments/{made.id}/cancel", {"version": "1", "reason": reason})
        with tenant_scope(past.scene.chain.id), unit_of_work() as session:
            return session.get(Appointment, (past.scene.chain.id, made.id)).cancelled_by

    assert [cancelled("asked", 2), cancelled("ill", 3)] == ["patient", "patient"]
    assert [cancelled("doctor", 4), cancelled("closed", 5)] == ["staff", "staff"]
