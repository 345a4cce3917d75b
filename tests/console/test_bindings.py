"""Binding in the console (PT-5): the code at the desk, a fan's people in the drawer, its end and undo."""

from __future__ import annotations

import html
import re

import pytest
import sqlalchemy as sa

from engage.audit.models import AuditEntry
from engage.chat import queries as chats
from engage.chat import services as chat
from engage.chat.reading import Arrival
from engage.kernel import clock
from engage.kernel.db import tenant_scope, unit_of_work
from engage.patients import queries, services
from engage.patients.models import Binding, BindTicket
from engage.privacy import services as privacy
from tests.conftest import csrf_of
from tests.console.conftest import DRAWER, words
from tests.contracts.callers import fan_browser, log_in_directly

BINDINGS = "/console/bindings"


@pytest.fixture
def fan_id(desk) -> int:
    return desk.scene.fan_ids[0]


def bound(desk, fan_id) -> list[str]:
    return desk.read(lambda session: [one.name for one in queries.of_fan(session, fan_id)])


def shows_code(desk, patient_id, **form):
    return desk.owner.ask("POST", f"{BINDINGS}/patients/{patient_id}/code", form)


def polled(page) -> str:
    [url] = re.findall(r'hx-get="([^"]+)" hx-trigger="every 2s"', page.text)
    return html.unescape(url)


def test_a_code_is_shown_and_tells_by_itself_who_was_bound(app, desk, fan_id):
    patient_id = desk.patient("欧阳娜娜")
    page = shows_code(desk, patient_id)
    assert "data:image/svg+xml;base64," in page.text
    assert "Waits for somebody to scan it" in words(page)
    state = polled(page)
    with tenant_scope(desk.scene.chain.id), unit_of_work() as session:
        _ticket, token = services.make_ticket(session, patient_id, by_staff=desk.owner.id, now=clock.now())
        ticket_id = session.scalars(sa.select(sa.func.min(BindTicket.id))).one()
    assert state.endswith(f"/codes/{ticket_id}")
    assert polled(desk.owner.client.get(state)) == state

    phone = fan_browser(app, desk.scene.chain, fan_id)
    address = f"/p/{desk.scene.account_slug}/bind/{token}"
    asked = phone.get(address)
    assert "欧*娜" in asked.text
    assert "欧阳娜娜" not in asked.text
    done = phone.post(address, data={"csrf_token": csrf_of(asked.text)})
    assert (done.status_code, done.location) == (303, f"/p/{desk.scene.account_slug}/bind/done")
    assert "欧阳娜娜" in bound(desk, fan_id)
    again = phone.get(address)
    assert (again.status_code, again.location) == (302, done.location)

    other = fan_browser(app, desk.scene.chain, desk.scene.fan_ids[1])
    late = other.get(address)
    assert "这个二维码已被使用" in html.unescape(late.text)
    refused = other.post(
        address, data={"csrf_token": csrf_of(other.get(f"/p/{desk.scene.account_slug}/bind?another=1").text)}
    )
    assert refused.status_code == 409
    with tenant_scope(desk.scene.chain.id), unit_of_work() as session:
        used = session.scalars(sa.select(BindTicket).where(BindTicket.used_at.is_not(None))).one()
    told = desk.owner.client.get(f"{BINDINGS}/codes/{used.id}")
    assert "Bound by" in words(told)
    assert "hx-trigger" not in told.text


def test_who_scans_the_code_agrees_to_the_privacy_notice_first(app, desk, fan_id):
    patient_id = desk.patient("欧阳娜娜")
    with tenant_scope(desk.scene.chain.id), unit_of_work() as session:
        privacy.write_notice(session, "我们保存您的手机号。", by=desk.owner_actor, now=clock.now())
        _ticket, token = services.make_ticket(session, patient_id, by_staff=desk.owner.id, now=clock.now())
    phone = fan_browser(app, desk.scene.chain, fan_id)
    address = f"/p/{desk.scene.account_slug}/bind/{token}"
    asked = phone.get(address)
    assert "我们保存您的手机号。" in asked.text
    data = {"csrf_token": csrf_of(asked.text)}
    refused = phone.post(address, data=data)
    assert refused.status_code == 422
    assert 'id="error-agrees"' in refused.text
    assert "欧阳娜娜" not in bound(desk, fan_id)
    assert phone.post(address, data=data | {"agrees": "yes"}).status_code == 303
    assert "欧阳娜娜" in bound(desk, fan_id)


def test_a_fans_people_are_found_bound_unbound_and_bound_again(desk, fan_id):
    patient_id = desk.patient("欧阳娜娜", "13600002468")
    drawer = f"{BINDINGS}/fans/{fan_id}"
    asked = {"csrf_token": desk.owner.csrf, "q": "2468"}
    found = desk.owner.client.post(f"{drawer}/charts", data=asked, headers={"HX-Target": "bind-hits"})
    assert "欧阳娜娜" in words(found)
    assert "<h2" not in found.text
    entered = desk.owner.ask("POST", f"{drawer}/charts", {"q": "2468"})
    assert "欧阳娜娜" in words(entered)
    assert 'value="2468"' in entered.text
    assert desk.owner.ask("POST", drawer, {"patient": str(patient_id)}).status_code == 303
    assert desk.owner.ask("POST", drawer, {"patient": str(patient_id)}).status_code == 303
    assert bound(desk, fan_id).count("欧阳娜娜") == 1
    page = desk.owner.client.get(drawer, headers=DRAWER)
    assert "In the chat" in words(page)

    binding_id = desk.read(
        lambda session: session.scalars(sa.select(Binding.id).where(Binding.patient_id == patient_id)).one()
    )
    ended = desk.owner.ask("POST", f"{BINDINGS}/{binding_id}/end?at=fan")
    assert ended.location == drawer
    assert "欧阳娜娜" not in bound(desk, fan_id)
    toast = desk.owner.client.get(ended.location)
    undo = f"{BINDINGS}/{binding_id}/undo?at=fan"
    assert undo in toast.text
    assert desk.owner.ask("POST", undo).location == drawer
    assert "欧阳娜娜" in bound(desk, fan_id)
    ways = desk.read(
        lambda session: session.scalars(sa.select(Binding.how).where(Binding.patient_id == patient_id)).all()
    )
    assert ways == ["chat", "chat"]


def test_a_chart_is_made_for_a_fan_and_what_is_wrong_stays_typed(desk, fan_id):
    drawer = f"{BINDINGS}/fans/{fan_id}"
    wrong = desk.owner.ask("POST", f"{drawer}/new", {"name": "钱多多", "phone": "12"})
    assert wrong.status_code == 422
    assert 'value="钱多多"' in wrong.text
    assert desk.owner.ask("POST", f"{drawer}/new", {"name": " ", "phone": ""}).status_code == 422
    assert desk.owner.ask("POST", f"{drawer}/new", {"name": "钱多多", "phone": ""}).status_code == 303
    assert "钱多多" in bound(desk, fan_id)


def test_names_are_asked_for_in_no_address(desk, fan_id):
    for path in (f"{BINDINGS}/fans/{fan_id}/charts", "/console/profiles/1/charts"):
        assert desk.owner.client.get(f"{path}?q=欧阳娜娜").status_code == 405
    assert 'hx-get="' not in desk.owner.client.get(f"{BINDINGS}/fans/{fan_id}", headers=DRAWER).text


def test_a_phone_that_has_a_chart_is_shown_before_another_is_made(desk, fan_id):
    known = desk.patient("欧阳娜娜", "13600002468")
    drawer = f"{BINDINGS}/fans/{fan_id}"
    form = {"name": "小宝", "phone": "13600002468"}
    shown = desk.owner.ask("POST", f"{drawer}/new", form)
    assert shown.status_code == 422
    assert f'name="patient" value="{known}"' in shown.text
    assert 'value="小宝"' in shown.text
    assert "小宝" not in bound(desk, fan_id)
    [anyway] = re.findall(r'name="anyway" value="([^"]+)"', shown.text)
    assert desk.owner.ask("POST", f"{drawer}/new", form | {"anyway": anyway}).status_code == 303
    assert "小宝" in bound(desk, fan_id)


def test_the_page_of_a_person_ends_a_binding_and_shows_a_code(desk, fan_id):
    patient_id = desk.scene.patient_ids[0]
    page = desk.owner.client.get(f"/console/people/{patient_id}", headers=DRAWER)
    [end] = re.findall(rf'action="({BINDINGS}/\d+/end\?at=patient)"', page.text)
    assert f'action="{BINDINGS}/patients/{patient_id}/code"' in page.text
    assert desk.owner.ask("POST", end).location == f"/console/people/{patient_id}"
    assert "No WeChat is bound" in words(desk.owner.client.get(f"/console/people/{patient_id}"))


def test_who_may_not_manage_people_sees_no_button(app, desk):
    doctor = log_in_directly(app, desk.scene.chain, "doctor")
    page = doctor.client.get(f"/console/people/{desk.scene.patient_ids[0]}", headers=DRAWER)
    assert BINDINGS not in page.text


def test_opening_a_conversation_is_one_look_at_each_chart_and_reading_it_again_is_none(desk, fan_id):
    def looks() -> int:
        seen = sa.select(sa.func.count()).where(AuditEntry.action == "patient.viewed")
        return desk.read(lambda session: session.scalar(seen))

    words = Arrival("text", "你好", {})
    with tenant_scope(desk.scene.chain.id), unit_of_work() as session:
        chat.arrived(session, desk.scene.account_id, fan_id, 1, words, at=clock.now(), now=clock.now())
        conversation_id = chats.of_fan(session, fan_id)
    before = looks()
    people = len(bound(desk, fan_id))
    desk.owner.client.get(f"/console/chats/{conversation_id}")
    assert looks() - before == people == 1
    desk.owner.client.get(f"/console/chats/{conversation_id}/person")
    desk.owner.client.get(f"/console/chats/{conversation_id}/messages?after=0")
    assert looks() - before == people
