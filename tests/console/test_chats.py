"""Conversations in the console: the queue, one conversation, answering, and who may do what."""

from __future__ import annotations

import datetime as dt
import io
import re
import uuid
from dataclasses import dataclass, replace
from typing import Any

import pytest
import sqlalchemy as sa
from flask import Flask
from PIL import Image
from werkzeug.test import TestResponse

from engage.accounts.models import OfficialAccount
from engage.audit.models import AuditEntry
from engage.audit.services import OPERATOR
from engage.blueprints.console.chats.showing import MESSAGES
from engage.chat import queries, rules
from engage.chat import services as chat
from engage.chat.models import ChatMessage, Conversation
from engage.chat.reading import Arrival
from engage.fans import services as fans
from engage.kernel import clock
from engage.kernel.db import tenant_scope, unit_of_work
from engage.patients import services as patients
from engage.wechat.outcomes import Refused, Unheard
from tests.console.conftest import Desk, words
from tests.contracts.callers import Person, log_in_directly
from tests.patient.phones import written

CHATS = "/console/chats"
SCRIPT = {"HX-Request": "true"}
TEXT = Arrival("text", "你好", {})


@dataclass
class Room:
    """A desk, two agents, and fans who write."""

    desk: Desk
    app: Flask
    lina: Person
    wang: Person
    pushes: int = 0

    def writes(self, text: str = "你好", *, fan: int = 0, arrival: Arrival | None = None) -> int:
        """Let a fan write; gives the conversation."""
        self.pushes += 1
        arrival = arrival or replace(TEXT, text=text)
        scene, now = self.desk.scene, clock.now()
        with tenant_scope(scene.chain.id), unit_of_work() as session:
            chat.arrived(session, scene.account_id, scene.fan_ids[fan], self.pushes, arrival, at=now, now=now)
            found = queries.of_fan(session, scene.fan_ids[fan])
        assert found is not None
        return found

    def answers(self, person: Person, conversation_id: int, text: str = "您好", **form: Any) -> TestResponse:
        """Answer as the page's script does."""
        data = {"csrf_token": person.csrf, "key": str(uuid.uuid4()), "seen": "1000", "text": text, **form}
        url = f"{CHATS}/{conversation_id}/messages"
        return person.client.post(url, data=data, headers=SCRIPT)

    def acts(self, person: Person, conversation_id: int, act: str, **form: str) -> TestResponse:
        """Press one of the buttons, as the page's script does."""
        data = {"csrf_token": person.csrf, **form}
        return person.client.post(f"{CHATS}/{conversation_id}/{act}", data=data, headers=SCRIPT)

    def sent(self, outcome: Any) -> int:
        """Let the next message out, with that outcome; gives its id."""
        with tenant_scope(self.desk.scene.chain.id), unit_of_work() as session:
            parcel = chat.claim(session, now=clock.now())
        assert parcel is not None
        with tenant_scope(self.desk.scene.chain.id), unit_of_work() as session:
            chat.settle(session, parcel, outcome, now=clock.now())
        return parcel.id

    def messages(self, conversation_id: int) -> list[ChatMessage]:
        """Give what was said."""
        mine = ChatMessage.conversation_id == conversation_id
        return self.desk.read(
            lambda session: session.scalars(
                sa.select(ChatMessage).where(mine).order_by(ChatMessage.seq)
            ).all()
        )


@pytest.fixture
def room(app: Flask, desk: Desk) -> Room:
    """Two agents at their screens."""
    chain = desk.scene.chain
    lina, wang = (log_in_directly(app, chain, "agent", name=name) for name in ("Lina", "Wang"))
    return Room(desk, app, lina, wang)


def picture(kind: str = "PNG", size: tuple[int, int] = (640, 480)) -> tuple[io.BytesIO, str]:
    """Make a file to send."""
    file = io.BytesIO()
    Image.new("RGB", size, "teal").save(file, kind)
    return io.BytesIO(file.getvalue()), "tooth.png"


def rows_in(answer: TestResponse) -> list[int]:
    """Give the conversations of the queue in their order."""
    return [int(number) for number in re.findall(r'data-row="(\d+)"', answer.text)]


def test_the_queue_says_who_waits_and_for_what(room):
    first, second = room.writes("门牙疼", fan=0), room.writes("几点关门", fan=1)
    room.writes("在吗", fan=0)
    queue = room.lina.client.get(CHATS)
    assert rows_in(queue) == [first, second]
    assert all(text in words(queue) for text in ("王小红", "在吗", "2 unread", "几点关门", "1 unread"))
    assert "门牙疼" not in words(queue)
    assert rows_in(room.lina.client.get(f"{CHATS}?which=waiting")) == [first, second]
    assert rows_in(room.lina.client.get(f"{CHATS}?which=mine")) == []


def test_an_empty_queue_says_how_it_fills(room):
    assert "As soon as a fan writes" in words(room.lina.client.get(CHATS))
    assert "Nobody is waiting" in words(room.lina.client.get(f"{CHATS}?which=waiting"))
    assert "Whoever answers a fan first" in words(room.lina.client.get(f"{CHATS}?which=mine"))


def test_answering_opens_a_session_that_all_see(room):
    conversation = room.writes()
    answer = room.answers(room.lina, conversation, "您好，请讲")
    assert answer.status_code == 200
    assert "您好，请讲" in answer.text
    assert 'data-may="yes"' in answer.text
    assert f"{CHATS}/{conversation}/end" in answer.text
    assert "<html" not in answer.text
    seen = room.wang.client.get(f"{CHATS}/{conversation}")
    assert "Lina is talking with this fan." in words(seen)
    assert 'data-may="no"' in seen.text
    assert f"{CHATS}/{conversation}/end" not in seen.text
    assert "Dedicated agent Lina" in words(seen)
    assert rows_in(room.lina.client.get(f"{CHATS}?which=mine")) == [conversation]
    assert rows_in(room.wang.client.get(f"{CHATS}?which=waiting")) == []


def test_only_one_talks_at_a_time(room):
    conversation = room.writes()
    room.answers(room.lina, conversation)
    refused = room.answers(room.wang, conversation, "我也在")
    assert refused.status_code == 409
    assert "Lina is talking with this fan. You can write once" in words(refused)
    assert len(room.messages(conversation)) == 2
    assert room.acts(room.wang, conversation, "end").status_code == 409
    assert room.acts(room.lina, conversation, "end").status_code == 200
    assert room.answers(room.wang, conversation).status_code == 200


def test_a_second_press_is_the_same_answer(room):
    conversation, key = room.writes(), str(uuid.uuid4())
    for _ in range(2):
        assert room.answers(room.lina, conversation, key=key).status_code == 200
    assert len(room.messages(conversation)) == 2


def test_what_was_not_on_the_screen_still_waits(room):
    conversation = room.writes("一")
    seen = room.messages(conversation)[-1].seq
    room.writes("二")
    room.answers(room.lina, conversation, seen=str(seen))
    assert "1 unread" in words(room.lina.client.get(CHATS))
    assert rows_in(room.lina.client.get(f"{CHATS}?which=waiting")) == [conversation]


def test_no_answer_needed_holds_until_the_fan_writes_again(room):
    conversation = room.writes("好的谢谢")
    seen = str(room.messages(conversation)[-1].seq)
    noted = room.acts(room.lina, conversation, "ignore", seen=seen)
    assert "Lina noted at" in words(noted)
    assert f"{CHATS}/{conversation}/ignore" not in noted.text
    assert rows_in(room.wang.client.get(f"{CHATS}?which=waiting")) == []
    subjects = room.desk.read(
        lambda session: session.scalars(
            sa.select(AuditEntry.actor_id).where(AuditEntry.action == "chat.ignored")
        ).all()
    )
    assert subjects == [room.lina.id]
    yesterday = clock.now() - dt.timedelta(days=1)
    with tenant_scope(room.desk.scene.chain.id), unit_of_work() as session:
        session.execute(sa.update(Conversation).values(ignored_at=yesterday))
    noted = words(room.lina.client.get(f"{CHATS}/{conversation}"))
    at = clock.local(yesterday, "Asia/Shanghai")
    assert f"Lina noted at {written(at.date())} {at:%H:%M}" in noted
    room.writes("还有一个问题")
    assert rows_in(room.wang.client.get(f"{CHATS}?which=waiting")) == [conversation]
    assert "Lina noted at" not in words(room.lina.client.get(f"{CHATS}/{conversation}"))


def test_the_window_is_counted_and_closes(room):
    conversation = room.writes()
    assert "5 more messages" in words(room.lina.client.get(f"{CHATS}/{conversation}"))
    for left in (4, 3, 2):
        assert f"{left} more messages" in words(room.answers(room.lina, conversation))
    last = room.answers(room.lina, conversation)
    assert "1 more message ·" in words(last)
    assert "talk-window tone-waiting" in last.text
    closed = room.answers(room.lina, conversation)
    assert closed.status_code == 200
    assert "All messages that WeChat allows" in words(closed)
    refused = room.answers(room.lina, conversation, "还有一句")
    assert refused.status_code == 409
    assert "All messages that WeChat allows are used. You can write once" in words(refused)
    assert len(room.messages(conversation)) == 6


def test_a_window_that_is_over_says_so(room):
    conversation = room.writes()
    with tenant_scope(room.desk.scene.chain.id), unit_of_work() as session:
        session.get_one(Conversation, (session.tenant_id, conversation)).window_until = clock.now()
    page = room.lina.client.get(f"{CHATS}/{conversation}")
    assert "more than 48 hours old" in words(page)
    assert 'data-may="no"' in page.text
    assert room.answers(room.lina, conversation).status_code == 409


def test_who_left_cannot_be_written_to(room):
    conversation, scene = room.writes(), room.desk.scene
    with tenant_scope(scene.chain.id), unit_of_work() as session:
        told = {"changed_at": clock.now(), "now": clock.now()}
        fans.unfollow(session, scene.account_id, "openid-0", **told)
        chat.left(session, scene.fan_ids[0])
    page = room.lina.client.get(f"{CHATS}/{conversation}")
    assert "The fan does not follow the account. Please call them." in words(page)
    assert "more messages" not in words(page)
    assert 'data-may="no"' in page.text
    refused = room.answers(room.lina, conversation)
    assert refused.status_code == 409
    assert "The fan does not follow the account; WeChat takes no message" in words(refused)


@pytest.mark.parametrize("text", ["", " \n ", "好" * 1001, "好" * 700])
def test_what_cannot_be_sent_is_said_and_nothing_is_kept(room, text):
    conversation = room.writes()
    refused = room.answers(room.lina, conversation, text)
    assert refused.status_code == 422
    assert 'role="alert"' in refused.text
    assert len(room.messages(conversation)) == 1


def test_a_failed_message_says_why_and_is_sent_again_once(room):
    conversation = room.writes()
    room.answers(room.lina, conversation, "您好")
    failed = room.sent(Refused(43004, "require subscribe"))
    page = room.lina.client.get(f"{CHATS}/{conversation}")
    again = f"{CHATS}/{conversation}/messages/{failed}/retry"
    assert "Not sent ·" in words(page)
    assert again in page.text
    for _ in range(2):
        answer = room.acts(room.lina, conversation, f"messages/{failed}/retry")
        assert answer.status_code == 200
        assert "Sent again below" in words(room.lina.client.get(f"{CHATS}/{conversation}"))
    assert [message.text for message in room.messages(conversation)] == ["你好", "您好", "您好"]
    assert again not in room.lina.client.get(f"{CHATS}/{conversation}").text


def test_a_message_nobody_knows_of_is_told_in_words(room):
    conversation = room.writes()
    room.answers(room.lina, conversation)
    room.sent(Unheard("timeout"))
    assert "WeChat gave no answer. Sending it again could reach the fan twice." in words(
        room.lina.client.get(f"{CHATS}/{conversation}")
    )


def test_a_message_of_another_conversation_is_not_sent_again_here(room):
    one, other = room.writes(fan=0), room.writes(fan=1)
    room.answers(room.lina, one)
    failed = room.sent(Refused(43004, "require subscribe"))
    assert room.acts(room.lina, other, f"messages/{failed}/retry").status_code == 404


def test_a_picture_is_made_small_and_shown(room):
    conversation = room.writes()
    answer = room.answers(room.lina, conversation, "请看", picture=picture(size=(3000, 1500)))
    assert answer.status_code == 200
    shown, said = room.messages(conversation)[1:]
    assert (shown.kind, shown.data, said.text) == ("image", {"width": 2560, "height": 1280}, "请看")
    got = room.wang.client.get(f"{CHATS}/files/{shown.id}")
    assert (got.status_code, got.content_type) == (200, "image/jpeg")
    assert Image.open(io.BytesIO(got.data)).size == (2560, 1280)
    assert got.headers["X-Content-Type-Options"] == "nosniff"
    again = room.wang.client.get(f"{CHATS}/files/{shown.id}", headers={"If-None-Match": got.headers["ETag"]})
    assert again.status_code == 304


def test_the_same_picture_and_words_twice_are_sent_once(room):
    conversation, key = room.writes(), str(uuid.uuid4())
    for _ in range(2):
        room.answers(room.lina, conversation, "请看", key=key, picture=picture())
    assert len(room.messages(conversation)) == 3


def test_what_is_no_picture_is_refused(room):
    conversation = room.writes()
    for content in (b"<svg xmlns='http://www.w3.org/2000/svg'/>", b"\xff\xd8\xff nothing"):
        refused = room.answers(room.lina, conversation, picture=(io.BytesIO(content), "x.jpg"))
        assert refused.status_code == 422
        assert "This is not a picture" in words(refused)
    assert len(room.messages(conversation)) == 1


def test_what_fans_send_is_drawn_by_its_kind(room):
    for arrival in (
        Arrival("image", None, {"media_id": "m"}),
        Arrival("location", "肇嘉浜路 1000 号", {"latitude": "31.2", "longitude": "121.4"}),
        Arrival("link", "一篇文章", {"url": "https://example.com/a"}),
        Arrival("link", "坏链接", {"url": "javascript:alert(1)"}),
        Arrival("link", "断链接", {"url": "http://["}),
        Arrival("video", None, {"media_id": "v"}),
    ):
        conversation = room.writes(arrival=arrival)
    room.writes("<b>x</b> https://example.com/b")
    page = room.lina.client.get(f"{CHATS}/{conversation}")
    told = words(page)
    assert all(
        text in told
        for text in ("The picture is being fetched…", "肇嘉浜路 1000 号", "一篇文章", "A video, which can be")
    )
    assert 'href="https://example.com/a"' in page.text
    assert 'href="https://example.com/b"' in page.text
    assert "javascript:" not in page.text
    assert "<b>x</b>" not in page.text


def test_the_person_beside_the_conversation(room):
    scene = room.desk.scene
    visit = room.desk.book()
    with tenant_scope(scene.chain.id), unit_of_work() as session:
        fans.record_profile(session, scene.fan_ids[0], nickname="小鱼妈妈", avatar=None, now=clock.now())
    conversation = room.writes()
    page = room.lina.client.get(f"{CHATS}/{conversation}")
    told = words(page)
    assert all(text in told for text in ("小鱼妈妈", "王小红", "Follows since", "Holds no coupon."))
    assert f'href="/console/appointments/{visit}"' in page.text
    assert f'href="/console/people/{scene.patient_ids[0]}"' in page.text
    assert f'href="/console/appointments/new?patient={scene.patient_ids[0]}"' in page.text
    part = room.lina.client.get(f"{CHATS}/{conversation}/person", headers=SCRIPT)
    assert "<html" not in part.text
    assert "王小红" in words(part)


def test_a_visit_at_a_store_of_others_is_not_shown(app, room):
    scene = room.desk.scene
    elsewhere = room.desk.book_elsewhere(patient_id=scene.patient_ids[0])
    conversation = room.writes()
    agent = log_in_directly(app, scene.chain, "agent", store_id=scene.chain.store.id)
    page = agent.client.get(f"{CHATS}/{conversation}")
    assert "No visit to come" in words(page)
    assert f"/console/appointments/{elsewhere}" not in page.text


def test_an_account_of_a_store_is_for_its_staff(app, room):
    scene = room.desk.scene
    conversation = room.writes()
    with tenant_scope(scene.chain.id), unit_of_work() as session:
        account = session.get_one(OfficialAccount, (session.tenant_id, scene.account_id))
        account.store_id = room.desk.other_store_id
    stranger = log_in_directly(app, scene.chain, "agent", store_id=scene.chain.store.id)
    insider = log_in_directly(app, scene.chain, "agent", store_id=room.desk.other_store_id)
    room.answers(insider, conversation, "图", picture=picture())
    message = room.messages(conversation)[1].id
    assert rows_in(stranger.client.get(CHATS)) == []
    assert rows_in(insider.client.get(CHATS)) == [conversation]
    for path in ("", "/messages?after=0", "/messages?before=9", "/person", "/face"):
        assert stranger.client.get(f"{CHATS}/{conversation}{path}").status_code == 404
    assert stranger.client.get(f"{CHATS}/files/{message}").status_code == 404
    assert room.answers(stranger, conversation).status_code == 404
    for act, form in (("end", {}), ("ignore", {"seen": "9"}), (f"messages/{message}/retry", {})):
        assert room.acts(stranger, conversation, act, **form).status_code == 404


@pytest.mark.parametrize(
    ("role", "looks", "writes"),
    [
        ("desk", 200, 200),
        ("consultant", 200, 200),
        ("owner", 200, 403),
        ("coordinator", 200, 403),
        ("marketer", 403, 403),
        ("doctor", 403, 403),
    ],
)
def test_roles(app, room, role, looks, writes):
    conversation = room.writes()
    person = log_in_directly(app, room.desk.scene.chain, role)
    page = person.client.get(f"{CHATS}/{conversation}")
    assert page.status_code == looks
    assert ('id="composer"' in page.text) is (writes == 200)
    assert ("Your role reads conversations" in page.text) is (looks == 200 and writes == 403)
    assert (f'href="{CHATS}"' in person.client.get("/console/").text) is (looks == 200)
    assert room.answers(person, conversation).status_code == writes


def test_a_browser_without_scripts_answers_too(room):
    conversation = room.writes()
    form = {"key": str(uuid.uuid4()), "seen": "9", "text": "您好"}
    done = room.lina.ask("POST", f"{CHATS}/{conversation}/messages", form)
    assert (done.status_code, done.location) == (303, f"{CHATS}/{conversation}")
    refused = room.wang.ask("POST", f"{CHATS}/{conversation}/messages", form | {"text": "打好的字"})
    assert refused.status_code == 303  # the same key: it is there already
    refused = room.wang.ask(
        "POST", f"{CHATS}/{conversation}/messages", form | {"key": str(uuid.uuid4()), "text": "打好的字"}
    )
    assert refused.status_code == 409
    assert "打好的字</textarea>" in refused.text
    assert "<html" in refused.text


@pytest.mark.parametrize("form", [{}, {"key": "x", "seen": "1"}, {"seen": "-1"}, {"seen": "x"}])
def test_a_form_that_is_not_ours_is_refused(room, form):
    conversation = room.writes()
    assert room.acts(room.lina, conversation, "messages", text="x", **form).status_code == 422
    assert len(room.messages(conversation)) == 1


def test_only_what_changed_is_read_again(room):
    conversation = room.writes("一")
    after = room.messages(conversation)[-1].changed_seq
    room.writes("二")
    changed = room.lina.client.get(f"{CHATS}/{conversation}/messages?after={after}", headers=SCRIPT)
    assert re.findall(r'id="m-\d+-(\d+)"', changed.text) == [str(room.messages(conversation)[-1].seq)]
    assert "<html" not in changed.text


def test_more_changes_than_one_answer_holds_are_asked_for_again(room, monkeypatch):
    monkeypatch.setattr("engage.blueprints.console.chats.showing.CHANGES", 2)
    conversation = room.writes("1")
    for number in (2, 3):
        room.writes(str(number))
    first = room.lina.client.get(f"{CHATS}/{conversation}/messages?after=0", headers=SCRIPT)
    (cursor,) = re.findall(r'data-cursor="(\d+)"[^>]* data-rest', first.text)
    rest = room.lina.client.get(f"{CHATS}/{conversation}/messages?after={cursor}", headers=SCRIPT)
    assert [text for text in "123" if f">{text}</div>" in first.text] == ["1", "2"]
    assert [text for text in "123" if f">{text}</div>" in rest.text] == ["3"]
    assert "data-rest" not in rest.text


def test_older_messages_come_page_by_page(room):
    for number in range(MESSAGES + 3):
        conversation = room.writes(f"第{number}句")
    page = room.lina.client.get(f"{CHATS}/{conversation}")
    (older,) = re.findall(r'href="([^"]+before=\d+)"', page.text)
    assert "第2句" not in words(page)
    before = room.lina.client.get(older, headers=SCRIPT)
    assert [f"第{number}句" in words(before) for number in range(4)] == [True, True, True, False]
    assert "The conversation begins here." in words(before)


def test_the_queue_alone_and_the_conversation_alone(room):
    conversation = room.writes()
    queue = room.lina.client.get(
        f"{CHATS}/{conversation}?which=waiting", headers=SCRIPT | {"HX-Target": "queue-body"}
    )
    assert "<html" not in queue.text
    assert rows_in(queue) == [conversation]
    assert f"{CHATS}/{conversation}?which=mine" in queue.text
    talk = room.lina.client.get(f"{CHATS}/{conversation}", headers=SCRIPT | {"HX-Target": "open"})
    assert "<html" not in talk.text
    assert rows_in(talk) == []
    assert "<title>" in talk.text
    none = room.lina.client.get(f"{CHATS}?which=mine", headers=SCRIPT | {"HX-Target": "open"})
    assert "<title>Chats" in none.text
    assert "Choose a conversation" in words(none)
    assert "<html" not in none.text


def test_a_fans_own_picture(app, room):
    scene = room.desk.scene
    conversation = room.writes()
    assert room.lina.client.get(f"{CHATS}/{conversation}/face").status_code == 404
    key = app.extensions["files"].put(scene.chain.id, b"\x89PNG\r\n\x1a\n")
    with tenant_scope(scene.chain.id), unit_of_work() as session:
        fans.record_profile(session, scene.fan_ids[0], nickname="小鱼", avatar=key, now=clock.now())
    assert f"{CHATS}/{conversation}/face" in room.lina.client.get(CHATS).text
    assert room.lina.client.get(f"{CHATS}/{conversation}/face").content_type == "image/png"


def test_a_file_that_is_no_picture_is_saved_not_shown(app, room):
    conversation = room.writes(arrival=Arrival("voice", None, {"media_id": "v"}))
    key = app.extensions["files"].put(room.desk.scene.chain.id, b"#!AMR\n<script>")
    with tenant_scope(room.desk.scene.chain.id), unit_of_work() as session:
        message = session.scalars(sa.select(ChatMessage)).one()
        message.file, message.available_at = key, None
    got = room.lina.client.get(f"{CHATS}/files/{message.id}")
    assert got.content_type == "application/octet-stream"
    assert got.headers["Content-Disposition"] == f"attachment; filename={key[:8]}.amr"
    assert f"{CHATS}/files/{message.id}" in room.lina.client.get(f"{CHATS}/{conversation}").text


def test_more_conversations_patients_and_messages_cost_no_more_queries(room, count_queries):
    scene = room.desk.scene

    def cost(path: str) -> int:
        with count_queries() as counted:
            assert room.lina.client.get(path).status_code == 200
        return counted.n

    conversation = room.writes(fan=0)
    room.answers(room.lina, conversation)
    queue, page = cost(CHATS), cost(f"{CHATS}/{conversation}")
    changed = cost(f"{CHATS}/{conversation}/messages?after=0")
    room.writes(fan=1)
    for number in range(3):
        room.writes(str(number))
        with tenant_scope(scene.chain.id), unit_of_work() as session:
            patient = patients.create_chart(
                session, patients.NewChart(f"家人{number}"), by=OPERATOR, now=clock.now()
            )
            patients.bind(
                session,
                fan_id=scene.fan_ids[0],
                patient_id=patient.id,
                how="desk",
                by=OPERATOR,
                now=clock.now(),
            )
    room.desk.book()
    assert cost(CHATS) == queue
    assert cost(f"{CHATS}/{conversation}/messages?after=0") == changed
    assert cost(f"{CHATS}/{conversation}") - page in range(5)  # names of the first visit to come
    assert queue <= 14
    assert changed <= 14
    assert page <= 34


def test_limits_told_to_the_browser_are_those_of_the_rules(room):
    page = room.lina.client.get(f"{CHATS}/{room.writes()}")
    assert f'data-characters="{rules.MAX_CHARACTERS}" data-bytes="{rules.MAX_BYTES}"' in page.text
