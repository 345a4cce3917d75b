"""Duplicates, merging, copies, erasure, the notice and a fan's privacy over HTTP."""

from __future__ import annotations

import datetime as dt
from dataclasses import dataclass

import pytest
import sqlalchemy as sa
from flask import Flask
from flask.testing import FlaskClient

from engage.audit.models import AuditEntry
from engage.audit.services import OPERATOR
from engage.fans import queries as fans
from engage.kernel import clock
from engage.kernel.db import unit_of_work
from engage.patients import queries as patients
from engage.privacy import queries, services
from tests.conftest import Chain, csrf_of
from tests.contracts.callers import Person, fan_browser, log_in_directly
from tests.privacy.scenes import NAME, PHONE, House, chart
from workers import events
from workers import privacy as worker


@dataclass
class Desk:
    """The scene, an owner's browser, and the person's phone."""

    house: House
    owner: Person
    phone: FlaskClient

    def tap(self, path: str, **data: str) -> int:
        """Press a button on the phone; gives the status."""
        page = f"/p/{self.house.scene.account_slug}/privacy"
        token = csrf_of(self.phone.get(page).text)
        return self.phone.post(f"{page}/{path}", data={"csrf_token": token, **data}).status_code


@pytest.fixture
def desk(app: Flask, chain: Chain, house: House) -> Desk:
    return Desk(house, log_in_directly(app, chain, "owner"), fan_browser(app, chain, house.fan_id))


def number(patient_id: int) -> str:
    """Give a chart's number."""
    with unit_of_work() as session:
        return str(patients.patient(session, patient_id).number)


def test_duplicates_are_listed_told_apart_and_taken_back(desk: Desk) -> None:
    twin = chart("欧阳惠林")
    events.drain()
    page = desk.owner.client.get("/console/people/duplicates").text
    assert NAME in page
    assert "欧阳惠林" in page
    assert PHONE not in page
    answer = desk.owner.ask("POST", f"/console/people/duplicates/{desk.house.patient_id}/{twin}/apart")
    undone = desk.owner.client.get(answer.location).text
    assert "欧阳惠林" not in undone
    desk.owner.ask("POST", f"/console/people/duplicates/{desk.house.patient_id}/{twin}/undo")
    assert "欧阳惠林" in desk.owner.client.get("/console/people/duplicates").text


def test_a_merge_is_compared_first_and_then_leads_to_the_chart_that_stays(desk: Desk) -> None:
    twin = chart("欧阳惠林", phone="13811112222")
    url = f"/console/people/duplicates/{twin}/{desk.house.patient_id}"
    page = desk.owner.client.get(url).text
    assert "138****2222" in page
    assert "138****6666" in page
    assert "cannot be undone" in page
    data = {"keep_version": "1", "drop_version": "1", "phone": "drop", "name": "keep"}
    answer = desk.owner.ask("POST", url, data)
    assert answer.location.endswith(f"/console/people/{twin}")
    assert desk.owner.ask("POST", url, data).status_code == 303  # a second tap is told, and led on
    with unit_of_work() as session:
        kept = patients.patient(session, twin)
        assert (kept.name, kept.phone) == ("欧阳惠林", f"+86{PHONE}")
    moved = desk.owner.client.get(f"/console/people/{desk.house.patient_id}")
    assert moved.status_code == 303


def test_a_stale_comparison_is_shown_anew(desk: Desk) -> None:
    url = f"/console/people/duplicates/{chart()}/{desk.house.patient_id}"
    answer = desk.owner.ask("POST", url, {"keep_version": "7", "drop_version": "1"})
    assert answer.status_code == 409
    assert "changed meanwhile" in answer.text


def test_the_other_chart_is_chosen_among_twins_or_by_number(desk: Desk) -> None:
    twin = chart("欧阳惠林")
    events.drain()
    url = f"/console/people/duplicates/{desk.house.patient_id}"
    assert f"{url}/{twin}" in desk.owner.client.get(url).text
    assert desk.owner.client.get(f"{url}?number={number(twin)}").location.endswith(f"{url}/{twin}")
    for wrong in ("999999", "x", number(desk.house.patient_id), "9" * 30):
        assert desk.owner.client.get(f"{url}?number={wrong}").status_code == 422


def test_the_drawer_leads_to_merging_and_to_what_is_held(desk: Desk) -> None:
    page = desk.owner.client.get(f"/console/people/{desk.house.patient_id}").text
    assert f"/console/people/duplicates/{desk.house.patient_id}" in page
    assert f"/console/people/{desk.house.patient_id}/privacy" in page


def test_a_copy_is_asked_for_made_and_fetched(desk: Desk) -> None:
    url = f"/console/people/{desk.house.patient_id}/privacy"
    desk.owner.ask("POST", f"{url}/copy")
    assert "hx-trigger" in desk.owner.client.get(f"{url}/tasks").text
    worker.drain()
    page = desk.owner.client.get(url).text
    link = page.split(f'href="{url}/copy/', 1)[1].split('"', 1)[0]
    answer = desk.owner.client.get(f"{url}/copy/{link}")
    assert answer.data.startswith(b"PK")
    assert answer.headers["Cache-Control"] == "no-store"
    assert NAME not in answer.headers["Content-Disposition"]


def test_erasure_wants_the_number_and_then_nothing_is_left_to_do(desk: Desk) -> None:
    url = f"/console/people/{desk.house.patient_id}/privacy"
    wrong = desk.owner.ask("POST", f"{url}/erase", {"number": "12345"})
    assert wrong.status_code == 422
    assert "12345" in wrong.text
    assert (
        desk.owner.ask("POST", f"{url}/erase", {"number": number(desk.house.patient_id)}).status_code == 303
    )
    worker.drain()
    page = desk.owner.client.get(url).text
    assert "This person was erased" in page
    assert NAME not in page
    assert desk.owner.client.get(f"/console/people/{desk.house.patient_id}").status_code == 200


def test_the_notice_is_written_and_asked_for_when_binding(desk: Desk, app: Flask, chain: Chain) -> None:
    empty = desk.owner.ask("POST", "/console/privacy", {"text": " "})
    assert empty.status_code == 422
    desk.owner.ask("POST", "/console/privacy", {"text": "我们保存您的手机号。"})
    phone = fan_browser(app, chain, desk.house.scene.fan_ids[1])
    path = f"/p/{desk.house.scene.account_slug}/bind"
    page = phone.get(path).text
    assert "我们保存您的手机号。" in page
    data = {"csrf_token": csrf_of(page), "phone": "13900001111"}
    refused = phone.post(f"{path}/code", data=data)
    assert refused.status_code == 422
    assert 'value="13900001111"' in refused.text
    assert phone.post(f"{path}/code", data=data | {"agrees": "yes"}).status_code == 303
    with unit_of_work() as session:
        assert queries.consent(session, desk.house.scene.fan_ids[1]) is not None
    assert "我们保存您的手机号。" not in phone.get(path).text


def test_a_fan_ends_messages_has_them_again_and_asks(desk: Desk) -> None:
    assert desk.tap("withdraw") == 303
    with unit_of_work() as session:
        assert fans.closed_of(session, [desk.house.fan_id]) == {desk.house.fan_id: "muted"}
    assert desk.tap("give") == 303
    with unit_of_work() as session:
        assert fans.closed_of(session, [desk.house.fan_id]) == {}
    assert desk.tap("ask", kind="erase") == 303
    assert desk.tap("ask", kind="everything") == 422
    page = desk.owner.client.get("/console/people/requests").text
    assert f"/console/people/{desk.house.patient_id}/privacy" in page


def test_requests_are_decided_once_and_listed_by_what_became_of_them(desk: Desk) -> None:
    with unit_of_work() as session:
        request_id = queries.standing(session, desk.house.fan_id).requests["export"].id
    for _ in range(2):
        url = f"/console/people/requests/{request_id}"
        assert desk.owner.ask("POST", url, {"state": "declined"}).status_code == 303
    assert NAME in desk.owner.client.get("/console/people/requests?state=declined").text
    assert "Nothing here" in desk.owner.client.get("/console/people/requests?state=waiting").text


def looks(patient_id: int) -> int:
    """Count the looks at a chart."""
    with unit_of_work() as session:
        mine = (AuditEntry.action == "patient.viewed") & (AuditEntry.subject_id == patient_id)
        return session.scalars(sa.select(sa.func.count()).select_from(AuditEntry).where(mine)).one()


@pytest.mark.parametrize("path", ["", "/edit", "/privacy"])
def test_each_opening_of_a_chart_is_one_look(desk: Desk, path: str) -> None:
    page = f"/console/people/{desk.house.patient_id}{path}"
    assert desk.owner.client.get(page).status_code == 200
    assert looks(desk.house.patient_id) == 1


def test_copies_and_erasures_that_wait_stand_among_the_work_to_do(desk: Desk) -> None:
    page = desk.owner.client.get("/console/operations").text
    assert "Copies and erasures" in page


@pytest.mark.parametrize("role", ["desk", "agent", "doctor", "marketer"])
def test_who_has_no_such_right_is_refused(app: Flask, chain: Chain, house: House, role: str) -> None:
    person = log_in_directly(app, chain, role)
    for path in (
        "/console/people/duplicates",
        f"/console/people/duplicates/{house.patient_id}/{house.scene.patient_ids[0]}",
        f"/console/people/{house.patient_id}/privacy",
        "/console/people/requests",
        "/console/privacy",
    ):
        assert person.client.get(path).status_code == 403


def test_a_manager_of_one_store_merges_and_erases_nobody(app: Flask, chain: Chain, house: House) -> None:
    person = log_in_directly(app, chain, "manager", store_id=chain.store.id)
    assert person.client.get("/console/people/duplicates").status_code == 403
    assert person.client.get(f"/console/people/{house.patient_id}/privacy").status_code == 403


def test_pages_ask_few_statements_however_many_rows_they_show(desk: Desk, count_queries) -> None:
    def asked(path: str) -> int:
        desk.owner.client.get(path)
        with count_queries() as counted:
            desk.owner.client.get(path)
        return counted.n

    paths = ("/console/people/duplicates", "/console/people/requests")
    before = [asked(path) for path in paths]
    for one in range(3):
        chart("欧阳惠林", f"1391111000{one}", birth_date=dt.date(1990, 1, 1))
    with unit_of_work() as session:
        for fan_id in desk.house.scene.fan_ids:
            services.ask(session, fan_id, "erase", now=clock.now())
        services.write_notice(session, "x", by=OPERATOR, now=clock.now())
    events.drain()
    after = [asked(path) for path in paths]
    assert [later - sooner for later, sooner in zip(after, before, strict=True)] <= [2, 2]
    assert max(after) <= 14
