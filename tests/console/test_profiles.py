"""Profiles in the console and on the phone (PT-6): asked, handed in, decided."""

from __future__ import annotations

import html
import re
import uuid

import pytest
import sqlalchemy as sa

from engage.audit.models import AuditEntry
from engage.chat import services as chat
from engage.kernel import clock
from engage.kernel.db import tenant_scope, unit_of_work
from engage.patients import queries, waiting
from engage.privacy import services as privacy
from tests.conftest import csrf_of
from tests.console.conftest import DRAWER, words
from tests.contracts.callers import fan_browser, log_in_directly
from tests.patients.scenes import prove

PROFILES = "/console/profiles"
PHONE = "13600002468"


class Hand:
    """A fan with a proven phone, and the profile they hand in."""

    def __init__(self, app, desk):
        self.desk = desk
        self.fan_id = desk.scene.fan_ids[0]
        self.page = f"/p/{desk.scene.account_slug}/profile"
        self.phone = fan_browser(app, desk.scene.chain, self.fan_id)

    def proves(self):
        with tenant_scope(self.desk.scene.chain.id), unit_of_work() as session:
            prove(session, self.fan_id, phone=PHONE, now=clock.now())

    def hands_in(self, **answers):
        page = self.phone.get(f"{self.page}?change=1").text
        key = re.search(r'name="key" value="([^"]+)"', page)
        form = {"csrf_token": csrf_of(page), "key": key[1] if key else str(uuid.uuid4()), "name": "钱多多"}
        return self.phone.post(self.page, data=form | answers)

    def last(self):
        return self.desk.read(lambda session: waiting.last_submission(session, self.fan_id))


@pytest.fixture
def hand(app, desk):
    made = Hand(app, desk)
    made.proves()
    return made


def decide(desk, row, how, **form):
    return desk.owner.ask("POST", f"{PROFILES}/{row.id}/{how}", {"version": str(row.version), **form})


def test_the_phone_is_checked_before_the_form_opens(app, desk):
    hand = Hand(app, desk)
    page = hand.phone.get(hand.page)
    assert "验证手机号" in page.text
    assert 'name="name"' not in page.text
    hand.proves()
    page = hand.phone.get(hand.page)
    assert "136****2468" in page.text
    assert PHONE not in page.text


def test_a_proven_number_without_a_chart_leads_back_to_the_form_not_to_a_name(app, desk, hand):
    asked = hand.phone.get(f"/p/{desk.scene.account_slug}/bind", query_string={"next": hand.page})
    assert (asked.status_code, asked.location) == (302, hand.page)


def test_what_is_missing_stands_at_its_field_and_what_was_typed_stays(desk, hand):
    page = hand.hands_in(name="", note="青霉素过敏")
    assert page.status_code == 422
    assert 'id="error-name"' in page.text
    assert "青霉素过敏" in page.text
    assert hand.last() is None


def test_who_hands_in_agrees_to_the_privacy_notice_and_hears_all_that_is_missing(desk, hand):
    with tenant_scope(desk.scene.chain.id), unit_of_work() as session:
        privacy.write_notice(session, "我们保存您的资料。", by=desk.owner_actor, now=clock.now())
    assert "我们保存您的资料。" in hand.phone.get(hand.page).text
    refused = hand.hands_in(name=" ")
    assert refused.status_code == 422
    assert 'id="error-agrees"' in refused.text
    assert 'id="error-name"' in refused.text
    assert hand.hands_in().status_code == 422
    assert hand.last() is None
    assert hand.hands_in(agrees="yes").status_code == 303
    assert hand.last().state == "waiting"
    assert "我们保存您的资料。" not in hand.phone.get(f"{hand.page}?change=1").text


def test_handed_in_it_waits_in_the_list_and_the_chat(desk, hand):
    assert hand.hands_in(birth_date="1990-02-28").status_code == 303
    assert "已收到您的资料" in hand.phone.get(hand.page).text
    row = hand.last()
    listed = desk.owner.client.get(PROFILES)
    assert f'href="{PROFILES}/{row.id}"' in listed.text
    queue = desk.owner.client.get("/console/chats?which=waiting")
    assert "A profile waits" in words(queue)
    assert "[Profile]" in words(queue)
    [chat_url] = set(re.findall(r'href="(/console/chats/\d+)', queue.text))
    talk = desk.owner.client.get(chat_url)
    assert "Handed in a profile" in words(talk)
    assert talk.text.count(f'href="{PROFILES}/{row.id}" data-drawer') == 3


def test_a_chart_is_made_with_what_it_has_no_field_for_in_its_memo(desk, hand):
    hand.hands_in(birth_date="1990-02-28", note="青霉素过敏")
    row = hand.last()
    drawer = desk.owner.client.get(f"{PROFILES}/{row.id}", headers=DRAWER)
    assert "136****2468" in words(drawer)
    assert PHONE not in drawer.text
    assert decide(desk, row, "create").status_code == 303
    chart = desk.read(lambda session: queries.patient(session, hand.last().patient_id))
    assert (chart.name, chart.memo) == ("钱多多", "Anything we should know? 青霉素过敏")
    assert "您的资料已完善" in hand.phone.get(hand.page).text
    assert "Chart made" in words(desk.owner.client.get(f"{PROFILES}?show=decided"))


def test_who_is_second_is_told_who_was_first(desk, hand):
    hand.hands_in()
    row = hand.last()
    decide(desk, row, "create")
    late = decide(desk, row, "reject", reason="请补充")
    assert late.status_code == 422
    assert "has decided on this profile already" in words(late)
    assert hand.last().state == "created"


def test_it_is_added_to_a_suggested_chart_and_replaces_only_what_is_marked(desk, hand):
    patient_id = desk.patient("钱多多", "13711112222")
    hand.hands_in(sex="f")
    row = hand.last()
    stranger = desk.patient("欧阳娜娜")
    asked, below = {"csrf_token": desk.owner.csrf, "q": "OYNN"}, {"HX-Target": "profile-charts"}
    found = desk.owner.client.post(f"{PROFILES}/{row.id}/charts", data=asked, headers=below)
    assert "欧阳娜娜" in words(found)
    drawer = desk.owner.client.get(f"{PROFILES}/{row.id}", headers=DRAWER)
    assert "137****2222 → 136****2468" in words(drawer)
    looks = sa.select(AuditEntry.subject_id).where(AuditEntry.action == "patient.viewed")
    seen = desk.read(lambda session: session.scalars(looks.order_by(AuditEntry.id)).all())
    assert seen == [stranger, patient_id, desk.scene.patient_ids[0]]
    assert decide(desk, row, "attach", patient=str(patient_id), replace="phone").status_code == 303
    chart = desk.read(lambda session: queries.patient(session, patient_id))
    assert (chart.sex, chart.phone) == ("f", "+8613600002468")


def test_a_rejection_is_read_on_the_page_and_it_can_be_handed_in_again(desk, hand):
    hand.hands_in()
    row = hand.last()
    empty = decide(desk, row, "reject", reason=" ")
    assert empty.status_code == 422
    assert decide(desk, row, "reject", reason="请写身份证上的姓名").status_code == 303
    page = hand.phone.get(hand.page)
    assert "请写身份证上的姓名" in page.text
    assert 'value="钱多多"' in page.text
    assert "请写身份证上的姓名" in hand.hands_in(name=" ").text
    assert hand.hands_in(name="钱多").status_code == 303
    assert hand.last().state == "waiting"


def test_who_may_not_manage_people_sees_no_profile(app, desk, hand):
    hand.hands_in()
    marketer = log_in_directly(app, desk.scene.chain, "marketer")
    for path in (PROFILES, f"{PROFILES}/{hand.last().id}"):
        assert marketer.client.get(path).status_code == 403


def test_the_clinic_designs_what_is_asked(desk, hand):
    page = desk.owner.client.get(f"{PROFILES}/form")
    own = re.search(r'<template data-blank>.*?name="key" value="(q[0-9a-f]{8})"', page.text, flags=re.DOTALL)[
        1
    ]
    form = {
        "version": "0",
        "key": ["note", "name", own],
        "ask": ["note", own],
        "must": [own],
        f"label-{own}": "您养宠物吗",
        f"options-{own}": "养\n不养",
    }
    preview = desk.owner.ask("POST", f"{PROFILES}/form/preview", form)
    assert (
        words(preview).index("Anything") < words(preview).index("Name") < words(preview).index("您养宠物吗")
    )
    assert desk.owner.ask("POST", f"{PROFILES}/form", form).status_code == 303
    stale = desk.owner.ask("POST", f"{PROFILES}/form", form)
    assert stale.status_code == 422
    assert "changed meanwhile" in html.unescape(stale.text)
    phone = hand.phone.get(hand.page)
    assert "您养宠物吗" in phone.text
    assert "136****2468" not in phone.text
    assert hand.hands_in().status_code == 422
    assert hand.hands_in(**{own: "养"}).status_code == 303


def test_a_question_without_words_is_refused_at_its_place(desk):
    form = {"version": "0", "key": "q00000001", "ask": "q00000001", "label-q00000001": " "}
    page = desk.owner.ask("POST", f"{PROFILES}/form", form)
    assert page.status_code == 422
    assert 'id="error-q00000001"' in page.text


def test_more_profiles_cost_no_more_queries(desk, count_queries):
    def cost(path):
        with count_queries() as counted:
            assert desk.owner.client.get(path).status_code == 200
        return counted.n

    def hand_in(number):
        with tenant_scope(desk.scene.chain.id), unit_of_work() as session:
            fan_id = desk.scene.fan_ids[number]
            prove(session, fan_id, phone=f"1360000000{number}", now=clock.now())
            chat.hand_in(
                session,
                account_id=desk.scene.account_id,
                fan_id=fan_id,
                typed={"name": f"人{number}"},
                key=uuid.uuid4(),
                now=clock.now(),
            )

    hand_in(0)
    few, queue = cost(PROFILES), cost("/console/chats")
    hand_in(1)
    assert cost(PROFILES) == few <= 14
    assert cost("/console/chats") == queue
