"""Profiles (PT-6): they wait in the conversation, and one decision ends them."""

from __future__ import annotations

import datetime as dt
import uuid
from dataclasses import dataclass
from typing import Any

import pytest
import sqlalchemy as sa

from engage.audit.services import OPERATOR
from engage.chat import services
from engage.kernel.db import Session, unit_of_work
from engage.kernel.errors import Invalid, NotFound
from engage.patients import queries as patients
from engage.patients import services as charts
from engage.patients import waiting
from engage.patients.errors import (
    FormStale,
    NoReason,
    PhoneNotVerified,
    ProfileChanged,
    ProfileDecided,
)
from engage.patients.models import Patient, ProfileSubmission
from engage.patients.profiles import Question
from engage.patients.services import Decision, NewChart
from tests.chat.scenes import Talk, conversation, messages
from tests.patients.scenes import prove, recorded

PHONE, STORED = "13600002468", "+8613600002468"
URL = "https://clinic.example/p/a/profile"
ANSWERS = {"name": "钱多多", "sex": "f", "birth_date": "1990-02-28", "note": "青霉素过敏"}


@dataclass(frozen=True)
class Desk:
    """Fans who hand in, agents who decide; all committed."""

    talk: Talk

    def hands_in(self, fan: int = 0, *, key: uuid.UUID | None = None, **changes: str) -> ProfileSubmission:
        """Let a fan hand in a profile."""
        with unit_of_work() as session:
            return self.hand_in(session, fan, key=key, **changes)

    def hand_in(
        self, session: Session, fan: int = 0, *, key: uuid.UUID | None = None, **changes: str
    ) -> ProfileSubmission:
        """Hand in a profile in a transaction of the caller."""
        return services.hand_in(
            session,
            account_id=self.talk.account_id,
            fan_id=self.talk.fan_ids[fan],
            typed=ANSWERS | changes,
            key=key or uuid.uuid4(),
            now=self.talk.now,
        )

    def of(self, row: ProfileSubmission, **changes: Any) -> Decision:
        """Decide on a profile as it is."""
        told: dict[str, Any] = {"version": row.version, "by_staff": self.talk.lina, **changes}
        return Decision(row.id, **told)

    def creates(self, row: ProfileSubmission, **changes: Any) -> Patient:
        """Let Lina make the chart."""
        with unit_of_work() as session:
            return services.create_from(session, self.of(row, **changes), now=self.talk.now)

    def attaches(self, row: ProfileSubmission, patient_id: int, *, replace: tuple[str, ...] = ()) -> Patient:
        """Let Lina add it to a chart."""
        with unit_of_work() as session:
            return services.attach(
                session, self.of(row, memo="备注 青霉素过敏"), patient_id, replace=replace, now=self.talk.now
            )

    def rejects(self, row: ProfileSubmission, reason: str = "请写身份证上的姓名") -> None:
        """Let Lina reject it."""
        with unit_of_work() as session:
            services.reject(session, self.of(row), reason, page_url=URL, now=self.talk.now)


@pytest.fixture
def desk(talk: Talk) -> Desk:
    """Two fans; the first has proven a phone."""
    with unit_of_work() as session:
        for fan_id in talk.fan_ids:
            prove(session, fan_id, phone=PHONE if fan_id == talk.fan_ids[0] else "13900005678", now=talk.now)
    return Desk(talk)


def again(row: ProfileSubmission) -> ProfileSubmission:
    """Give a profile as it is now."""
    with unit_of_work() as session:
        return waiting.submission(session, row.id)


def events(name: str) -> list[dict[str, Any]]:
    with unit_of_work() as session:
        return recorded(session, name)


def test_a_profile_begins_a_conversation_and_waits_there(desk: Desk) -> None:
    row = desk.hands_in()
    with unit_of_work() as session:
        assert waiting.answers(row) == ANSWERS | {"phone": STORED}
        assert set(waiting.waiting_of(session, desk.talk.fan_ids)) == {desk.talk.fan_ids[0]}
        conversation_id = services.talking.queries.of_fan(session, desk.talk.fan_ids[0])
    [message] = messages(conversation_id)
    assert (message.kind, message.direction, message.text) == ("profile", "in", None)
    assert message.data == {"submission_id": row.id}
    seen = desk.talk.row(conversation_id)
    assert (seen.unread, seen.waiting_since) == (1, desk.talk.now)
    assert not seen.window.is_open(desk.talk.now)
    assert events("patients.profile_submitted") == [{"submission_id": row.id, "version": 1}]


def test_a_profile_joins_the_conversation_that_is_there(desk: Desk) -> None:
    conversation_id = desk.talk.writes("您好")
    before = desk.talk.row(conversation_id).window
    desk.hands_in()
    assert [message.kind for message in messages(conversation_id)] == ["text", "profile"]
    assert desk.talk.row(conversation_id).window == before


def test_a_second_tap_hands_in_once(desk: Desk) -> None:
    key = uuid.uuid4()
    first, second = desk.hands_in(key=key), desk.hands_in(key=key, name="另一个")
    assert (second.id, second.version) == (first.id, 1)
    assert waiting.answers(second)["name"] == "钱多多"
    assert len(events("patients.profile_submitted")) == 1


def test_the_key_of_another_fan_gives_nothing(desk: Desk) -> None:
    key = uuid.uuid4()
    desk.hands_in(key=key)
    with pytest.raises(NotFound):
        desk.hands_in(1, key=key)


def test_handing_in_again_changes_the_one_that_waits(desk: Desk) -> None:
    first = desk.hands_in()
    second = desk.hands_in(name="王晓红")
    assert (second.id, second.version) == (first.id, 2)
    assert waiting.answers(again(first))["name"] == "王晓红"
    with pytest.raises(ProfileChanged):
        desk.creates(first)


def test_what_is_missing_is_refused_and_nothing_waits(desk: Desk) -> None:
    with pytest.raises(Invalid) as refusal:
        desk.hands_in(name="")
    assert list(refusal.value.fields) == ["name"]
    with unit_of_work() as session:
        assert waiting.waiting_count(session, [desk.talk.account_id]) == 0


def test_a_phone_has_to_be_proven_lately_where_the_form_needs_it(talk: Talk) -> None:
    desk = Desk(talk)
    with pytest.raises(PhoneNotVerified):
        desk.hands_in()
    with unit_of_work() as session:
        prove(session, talk.fan_ids[0], phone=PHONE, now=talk.now - dt.timedelta(days=31))
    with pytest.raises(PhoneNotVerified):
        desk.hands_in()


def test_a_chart_is_made_of_it_and_bound(desk: Desk) -> None:
    row = desk.hands_in()
    chart = desk.creates(row, memo="备注 青霉素过敏")
    with unit_of_work() as session:
        chart = patients.patient(session, chart.id)
        [binding] = patients.bindings_of(session, chart.id)
        assert patients.verified_phone(session, binding.fan_id) is not None
    assert (chart.name, chart.phone, chart.sex) == ("钱多多", STORED, "f")
    assert (chart.birth_date, chart.memo) == (dt.date(1990, 2, 28), "备注 青霉素过敏")
    assert (binding.fan_id, binding.how) == (desk.talk.fan_ids[0], "profile")
    done = again(row)
    assert (done.state, done.patient_id, done.decided_by) == ("created", chart.id, desk.talk.lina)
    assert events("patients.profile_accepted") == [{"submission_id": row.id}]
    assert len(events("patients.bound")) == 1


def test_who_decides_answers_where_nothing_else_waits(desk: Desk) -> None:
    conversation_id = desk.talk.writes("在吗", fan=1)
    row, other = desk.hands_in(), desk.hands_in(1, name="李雷")
    desk.creates(row)
    desk.creates(other)
    with unit_of_work() as session:
        alone = services.talking.queries.of_fan(session, desk.talk.fan_ids[0])
    assert desk.talk.row(alone).waiting_since is None
    assert desk.talk.row(conversation_id).waiting_since == desk.talk.now
    assert desk.talk.row(conversation_id).unread == 2


def chart(**known: Any) -> int:
    with unit_of_work() as session:
        new = NewChart(**{"name": "王红", "phone": "13700009999", "source": "desk", **known})
        return charts.create_chart(session, new, by=OPERATOR, now=dt.datetime.now(dt.UTC)).id


def test_attaching_fills_what_is_empty_and_overwrites_nothing(desk: Desk) -> None:
    patient_id = chart(sex=None, memo="老客户")
    with unit_of_work() as session:
        row = desk.hand_in(session)
        found = charts.conflicts(patients.patient(session, patient_id), waiting.answers(row))
    assert found == ["name", "phone"]
    desk.attaches(row, patient_id)
    with unit_of_work() as session:
        kept = patients.patient(session, patient_id)
        assert patients.is_bound(session, desk.talk.fan_ids[0], patient_id)
    assert (kept.name, kept.phone, kept.sex) == ("王红", "+8613700009999", "f")
    assert kept.memo == "老客户\n备注 青霉素过敏"
    assert again(row).state == "attached"


def test_what_the_memo_says_already_is_not_written_twice(desk: Desk) -> None:
    patient_id = chart(memo="备注 青霉素过敏\n老客户")
    desk.attaches(desk.hands_in(), patient_id)
    with unit_of_work() as session:
        assert patients.patient(session, patient_id).memo == "备注 青霉素过敏\n老客户"


def test_an_address_in_capitals_is_the_same_address(desk: Desk) -> None:
    asked = [Question("name", required=True), Question("email")]
    patient_id = chart(name="钱多多", email="duo@example.com")
    with unit_of_work() as session:
        charts.save_form(session, asked, version=0, by_staff=desk.talk.lina, now=desk.talk.now)
        row = desk.hand_in(session, email="Duo@Example.com")
        assert charts.conflicts(patients.patient(session, patient_id), waiting.answers(row)) == []


def test_attaching_replaces_what_the_agent_chose(desk: Desk) -> None:
    patient_id = chart(sex="m")
    desk.attaches(desk.hands_in(), patient_id, replace=("name", "phone"))
    with unit_of_work() as session:
        kept = patients.patient(session, patient_id)
        assert [one.id for one in patients.of_phone(session, STORED)] == [patient_id]
        assert [one.id for one in patients.search(session, "钱多多", limit=5)] == [patient_id]
    assert (kept.name, kept.phone, kept.sex) == ("钱多多", STORED, "m")


def test_charts_that_may_be_this_person_are_suggested_the_namesake_first(desk: Desk) -> None:
    family = chart(name="王明", phone=PHONE)
    same = chart(name="钱多多", phone="13511112222")
    chart(name="李雷", phone=None)
    row = desk.hands_in()
    with unit_of_work() as session:
        [bound] = patients.of_fan(session, row.fan_id)
        found = [one.id for one in waiting.suggestions(session, row)]
    assert found == [same, bound.id, family]


def test_a_rejection_is_written_in_the_chat_while_wechat_takes_it(desk: Desk) -> None:
    conversation_id = desk.talk.writes("您好")
    row = desk.hands_in()
    desk.rejects(row)
    *_before, told = messages(conversation_id)
    assert (told.direction, told.state) == ("out", "pending")
    assert told.text == f"请写身份证上的姓名\n{URL}"
    assert desk.talk.row(conversation_id).holder_id is None
    assert again(row).reason == "请写身份证上的姓名"
    assert desk.talk.row(conversation_id).window.left == 4


def test_a_rejection_is_not_written_where_wechat_takes_nothing(desk: Desk) -> None:
    row = desk.hands_in()
    desk.rejects(row)
    with unit_of_work() as session:
        conversation_id = services.talking.queries.of_fan(session, desk.talk.fan_ids[0])
    assert [message.direction for message in messages(conversation_id)] == ["in"]
    assert conversation(conversation_id).waiting_since is None
    assert events("patients.profile_rejected") == [{"submission_id": row.id}]


def test_a_rejection_has_a_reason(desk: Desk) -> None:
    row = desk.hands_in()
    for reason in ("  ", "长" * 201):
        with pytest.raises(NoReason):
            desk.rejects(row, reason)
    assert again(row).state == "waiting"


def test_what_is_decided_stays_decided_and_a_new_one_may_come(desk: Desk) -> None:
    row = desk.hands_in()
    desk.rejects(row)
    for repeat in (desk.creates, desk.rejects):
        with pytest.raises(ProfileDecided) as refusal:
            repeat(row)
        assert refusal.value.data["name"].startswith("Lina")
    second = desk.hands_in()
    assert second.id != row.id
    assert desk.creates(second).name == "钱多多"


def test_what_the_clinic_asks_for_changes_by_version(desk: Desk, session: Session) -> None:
    asked = [Question("name"), Question("heard", required=True)]
    first = charts.save_form(session, asked, version=0, by_staff=desk.talk.lina, now=desk.talk.now)
    assert (first.version, first.questions[0]) == (1, Question("name", required=True))
    with pytest.raises(FormStale):
        charts.save_form(session, asked, version=0, by_staff=desk.talk.lina, now=desk.talk.now)
    with pytest.raises(Invalid) as refusal:
        desk.hand_in(session)
    assert list(refusal.value.fields) == ["heard"]
    row = desk.hand_in(session, heard="朋友介绍")
    assert waiting.answers(row) == {"name": "钱多多", "heard": "朋友介绍"}
    assert waiting.forms(session, [0, 1])[1] == first


def test_answers_are_sealed(desk: Desk) -> None:
    row = desk.hands_in()
    with unit_of_work() as session:
        raw = session.scalar(sa.text("SELECT data FROM profile_submission WHERE id = :id"), {"id": row.id})
    assert "钱多多".encode() not in bytes(raw)
