"""Messages of staff leave in order, once, with a reason where not; files of fans are fetched (CH-7)."""

from __future__ import annotations

import base64
import datetime as dt
import io
import threading
import uuid
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from typing import Any

import pytest
import sqlalchemy as sa
from flask import Flask
from PIL import Image

from engage.campaigns import rules as campaigns
from engage.chat import queries, rules, services
from engage.chat.models import ChatMessage, ChatSession, Conversation
from engage.chat.reading import Arrival
from engage.fans import services as fans
from engage.kernel import clock, doorbell, due
from engage.kernel.db import db, tenant_scope, unit_of_work
from engage.notifications import services as notifications
from engage.wechat.client import HttpGateway
from tests.chat.scenes import Talk, make_talk, messages, pushes
from tests.running.processes import wait_for
from tests.sandbox.conftest import Sandbox
from workers import chats, deliveries, media, sessions
from workers.queues import DRAINS

SEND = "/cgi-bin/message/custom/send"
SECOND = dt.timedelta(seconds=1)


@dataclass(frozen=True)
class Phone:
    """A fan at the sandbox, whom the account of a talk knows."""

    talk: Talk
    sandbox: Sandbox
    fan: str
    fan_id: int
    app_id: str

    def writes(self, **what: Any) -> int:
        """Write to the account; gives the conversation. The push is brought by hand."""
        said = {"appid": self.app_id, "msgtype": "text", "content": "在吗", **what, "push": False}
        pushed = self.sandbox.control(f"/fans/{self.fan}/send", said)["pushed"]
        data = {"media_id": pushed["MediaId"]} if "MediaId" in pushed else {}
        arrival = Arrival(said["msgtype"], pushed.get("Content"), data)
        with unit_of_work() as session:
            now = clock.now()
            services.arrived(
                session, self.talk.account_id, self.fan_id, next(pushes), arrival, at=now, now=now
            )
            found = queries.of_fan(session, self.fan_id)
        assert found is not None
        return found

    def fault(self, path: str, times: int = 1, **effect: Any) -> None:
        """Let the next calls to a path go wrong."""
        match = {"appid": self.app_id, "path": path}
        self.sandbox.control("/faults", {"match": match, "effect": effect, "times": times})

    def got(self) -> list[tuple[str, str]]:
        """Give what staff wrote, as the phone shows it: text or address of a picture."""
        inbox = self.sandbox.get(f"/sandbox/v1/fans/{self.fan}/inbox", appid=self.app_id)
        return [
            (entry["msgtype"], entry.get("content") or entry.get("url"))
            for entry in inbox
            if entry["kind"] == "custom"
        ]


@pytest.fixture(scope="module")
def sandbox(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Sandbox]:
    """One sandbox for all tests here."""
    running = Sandbox(tmp_path_factory.mktemp("sandbox"))
    running.start()
    yield running
    running.stop()


@pytest.fixture
def phones(
    app: Flask, chain, make_staff, sandbox: Sandbox, monkeypatch: pytest.MonkeyPatch
) -> Iterator[list[Phone]]:
    """Two fans of an account at the sandbox, inside the chain's scope."""
    talk = make_talk(chain, make_staff)
    gateway = HttpGateway(sandbox.url, doorbell.connection(), mp_url=sandbox.url)
    monkeypatch.setitem(app.extensions, "wechat", gateway)
    app_id = f"wx-{chain.slug}"
    sandbox.account("http://127.0.0.1:9/", appid=app_id, secret="secret")
    with tenant_scope(chain.id):
        yield [make_phone(talk, sandbox, app_id) for _ in range(2)]
    doorbell.connection().flushdb()


def make_phone(talk: Talk, sandbox: Sandbox, app_id: str) -> Phone:
    fan = sandbox.fan()
    openid = sandbox.control(f"/fans/{fan}/follow", {"appid": app_id})["openid"]
    with unit_of_work() as session:
        now = clock.now()
        fan_id = fans.follow(session, talk.account_id, openid, changed_at=now, now=now)
    return Phone(talk, sandbox, fan, fan_id, app_id)


@pytest.fixture
def phone(phones: list[Phone]) -> Phone:
    return phones[0]


def reply(phone: Phone, chat: int, text: str = "您好", **changes: Any) -> int:
    return phone.talk.replies(chat, text, now=clock.now(), **changes)


def later(chat: int) -> None:
    """Let what is tried again be due."""
    with unit_of_work() as session:
        mine = (ChatMessage.conversation_id == chat, ChatMessage.available_at.is_not(None))
        session.execute(sa.update(ChatMessage).where(*mine).values(available_at=clock.now()))


def marks(queue: str) -> int:
    with unit_of_work() as session:
        return len(due.seen(session, queue, now=clock.now() + dt.timedelta(days=1)))


def states(chat: int) -> list[tuple[str, str | None]]:
    return [(row.state, row.reason) for row in messages(chat) if row.direction == "out"]


def picture(app: Flask, phone: Phone) -> services.Picture:
    drawn = io.BytesIO()
    Image.new("RGB", (40, 30), "teal").save(drawn, "JPEG")
    return services.Picture(app.extensions["files"].put(phone.talk.chain.id, drawn.getvalue()), 40, 30)


def test_replies_reach_the_phone_in_their_order(phone: Phone):
    chat = phone.writes()
    for number in range(4):
        reply(phone, chat, str(number))
    chats.drain()
    assert phone.got() == [("text", str(number)) for number in range(4)]
    assert states(chat) == [("sent", None)] * 4
    assert all(row.sent_at for row in messages(chat)[1:])
    assert marks(rules.OUTGOING) == 0


def test_a_picture_reaches_the_phone(app: Flask, phone: Phone):
    chat = phone.writes()
    reply(phone, chat, None, picture=picture(app, phone))
    chats.drain()
    ((kind, url),) = phone.got()
    assert kind == "image"
    shown = phone.sandbox.http.get(url if url.startswith("http") else phone.sandbox.url + url, timeout=5)
    assert Image.open(io.BytesIO(shown.content)).size == (40, 30)


def test_what_wechat_is_too_busy_for_holds_back_the_next(phone: Phone):
    chat = phone.writes()
    reply(phone, chat, "一")
    reply(phone, chat, "二")
    phone.fault(SEND, errcode=-1)
    chats.drain()
    assert phone.got() == []
    assert states(chat) == [("pending", None)] * 2
    later(chat)
    chats.drain()
    assert [words for _, words in phone.got()] == ["一", "二"]


def test_one_who_waits_holds_back_nobody_else(phones: list[Phone]):
    one, other = phones
    reply(one, one.writes(), "一")
    one.fault(SEND, errcode=-1)
    chats.drain()
    reply(other, other.writes(), "二")
    chats.drain()
    assert (one.got(), other.got()) == ([], [("text", "二")])


def test_what_stays_too_busy_fails_with_the_reason(phone: Phone):
    chat = phone.writes()
    reply(phone, chat)
    phone.fault(SEND, rules.TRIES, errcode=-1)
    for _ in range(rules.TRIES):
        chats.drain()
        later(chat)
    assert states(chat) == [("failed", "busy")]
    assert phone.talk.row(chat, now=clock.now()).window.left == 5


@pytest.mark.parametrize(
    ("code", "reason"), [(45015, "window_over"), (45047, "window_used_up"), (45009, "quota"), (43004, "gone")]
)
def test_what_wechat_refuses_fails_with_the_reason(phone: Phone, code: int, reason: str):
    chat = phone.writes()
    reply(phone, chat)
    phone.fault(SEND, errcode=code)
    chats.drain()
    assert states(chat) == [("failed", reason)]


def test_who_left_is_told_of(phone: Phone):
    """The sandbox's own refusal, not a fault."""
    chat = phone.writes()
    reply(phone, chat)
    phone.sandbox.control(f"/fans/{phone.fan}/unfollow", {"appid": phone.app_id})
    chats.drain()
    assert states(chat) == [("failed", "window_over")]


@pytest.mark.parametrize(("drop", "arrives"), [("before", 0), ("after", 1)])
def test_what_nobody_answered_is_not_repeated(phone: Phone, drop: str, arrives: int):
    chat = phone.writes()
    reply(phone, chat, "一")
    reply(phone, chat, "二")
    phone.fault(SEND, drop=drop)
    chats.drain()
    later(chat)
    chats.drain()
    assert states(chat)[0] == ("unknown", "no_answer")
    assert [words for _, words in phone.got()] == ["一"] * arrives + ["二"]


def test_a_picture_that_was_not_taken_is_offered_again(app: Flask, phone: Phone):
    """Without an answer too: what WeChat keeps reaches nobody by itself."""
    chat = phone.writes()
    reply(phone, chat, None, picture=picture(app, phone))
    phone.fault("/cgi-bin/media/upload", drop="after")
    chats.drain()
    assert states(chat) == [("pending", None)]
    later(chat)
    chats.drain()
    assert len(phone.got()) == 1


def test_what_a_worker_died_with_is_not_sent_again(phone: Phone):
    chat = phone.writes()
    reply(phone, chat, "一")
    reply(phone, chat, "二")
    with unit_of_work() as session:
        assert services.claim(session, now=clock.now()) is not None
    chats.drain()
    assert phone.got() == []  # the second waits for what becomes of the first
    later(chat)
    chats.drain()
    assert states(chat) == [("unknown", "no_answer"), ("sent", None)]
    assert phone.got() == [("text", "二")]


def test_a_worker_that_slept_past_its_lease_settles_nothing(phone: Phone):
    chat = phone.writes()
    reply(phone, chat)
    with unit_of_work() as session:
        slept = services.claim(session, now=clock.now())
    later(chat)
    chats.drain()
    before = states(chat)
    with unit_of_work() as session:
        services.settle(session, slept, chats.Sent(None), now=clock.now())
    assert states(chat) == before == [("unknown", "no_answer")]


def test_nothing_is_open_while_wechat_is_asked(app: Flask, phone: Phone, monkeypatch: pytest.MonkeyPatch):
    chat = phone.writes()
    reply(phone, chat)
    sending = app.extensions["wechat"].send_custom
    open_then: list[int] = []

    def watched(*given: Any, **named: Any) -> None:
        open_then.append(db.engine.pool.checkedout())
        sending(*given, **named)

    monkeypatch.setattr(app.extensions["wechat"], "send_custom", watched)
    chats.drain()
    assert open_then == [0]


def test_two_workers_send_each_message_once_and_in_order(app: Flask, phones: list[Phone]):
    both = []
    for phone in phones:
        chat = phone.writes()
        for number in range(5):
            reply(phone, chat, str(number))
        phone.fault(SEND, 5, latency_ms=30)
        both.append(chat)
    ready = threading.Barrier(3)

    def work() -> None:
        with app.app_context(), tenant_scope(phones[0].talk.chain.id):
            ready.wait(10)
            chats.drain()

    with ThreadPoolExecutor(3) as pool:
        for done in [pool.submit(work) for _ in range(3)]:
            done.result(60)
    for phone, chat in zip(phones, both, strict=True):
        assert [words for _, words in phone.got()] == list("01234")
        assert states(chat) == [("sent", None)] * 5


def test_a_drain_that_takes_too_long_leaves_a_mark(phone: Phone, monkeypatch: pytest.MonkeyPatch):
    chat = phone.writes()
    reply(phone, chat)
    monkeypatch.setattr(chats, "SECONDS", 0.0)
    chats.drain()
    assert (phone.got(), marks(rules.OUTGOING)) == ([], 1)


def test_many_files_leave_a_mark_too(phone: Phone, monkeypatch: pytest.MonkeyPatch):
    """A worker must not fetch for minutes while a reply waits."""
    chat = phone.writes(msgtype="image", file=drawn())
    monkeypatch.setattr(media, "SECONDS", 0.0)
    media.drain()
    assert (messages(chat)[0].file, marks(rules.MEDIA)) == (None, 1)


def test_what_one_person_waits_for_goes_before_what_is_for_many():
    """A worker takes jobs in this order; one for many that gives way rings again at once."""
    assert list(DRAINS)[-2:] == [campaigns.QUEUE, notifications.BULK]


def test_sessions_that_are_over_are_written_down(phone: Phone):
    chat = phone.writes()
    reply(phone, chat)
    sessions.drain()
    with unit_of_work() as session:
        assert session.scalars(sa.select(ChatSession.closed_at)).all() == [None]
        session.execute(sa.update(Conversation).values(talked_at=clock.now() - rules.IDLE))
    assert marks(rules.SESSIONS) == 1
    sessions.drain()
    with unit_of_work() as session:
        (closed_at,) = session.scalars(sa.select(ChatSession.closed_at)).all()
    assert abs(closed_at - clock.now()) < 10 * SECOND


def drawn(size: tuple[int, int] = (20, 10)) -> str:
    made = io.BytesIO()
    Image.new("RGB", size, "orange").save(made, "PNG")
    return base64.b64encode(made.getvalue()).decode()


def test_a_picture_of_the_fan_is_fetched(app: Flask, phone: Phone):
    chat = phone.writes(msgtype="image", file=drawn())
    before = phone.talk.row(chat, now=clock.now()).seq
    media.drain()
    (message,) = messages(chat)
    kept = app.extensions["files"].get(phone.talk.chain.id, message.file)
    assert Image.open(io.BytesIO(kept)).size == (20, 10)
    assert message.changed_seq == phone.talk.row(chat, now=clock.now()).seq == before + 1
    assert marks(rules.MEDIA) == 0


def test_a_file_is_asked_for_again_while_wechat_is_away(phone: Phone):
    chat = phone.writes(msgtype="image", file=drawn())
    phone.fault("/cgi-bin/media/get", drop="before")
    media.drain()
    assert (messages(chat)[0].file, messages(chat)[0].reason) == (None, None)
    later(chat)
    media.drain()
    assert messages(chat)[0].file


def test_a_file_that_wechat_no_longer_has_is_told_of(phone: Phone):
    chat = phone.writes(msgtype="image", file=drawn())
    phone.fault("/cgi-bin/media/get", errcode=40007)
    media.drain()
    (message,) = messages(chat)
    assert (message.file, message.reason, message.available_at) == (None, "file_lost", None)
    assert message.changed_seq == 2


def test_a_file_that_ends_its_workers_is_left_alone(phone: Phone):
    chat = phone.writes(msgtype="image", file=drawn())
    with unit_of_work() as session:
        session.execute(sa.update(ChatMessage).values(attempts=99))
    media.drain()
    (message,) = messages(chat)
    assert (message.file, message.reason, message.available_at) == (None, "not_fetched", None)


def test_a_late_reply_takes_one_of_the_window(phone: Phone):
    chat = phone.writes()
    with unit_of_work() as session:
        late = notifications.late_reply(7, phone.talk.account_id, phone.fan_id, {"text": "欢迎"})
        notifications.write(session, late, now=clock.now())
    deliveries.drain()
    assert phone.got() == [("text", "欢迎")]
    assert phone.talk.row(chat, now=clock.now()).window.left == 4


def test_late_replies_cross_nobody_who_writes_in_two_conversations(app: Flask, phones: list[Phone]):
    """A worker that lets pushes take effect holds several conversations, in an order of its own."""
    first, second = (phone.writes() for phone in phones)
    with unit_of_work() as session:
        for number, phone in enumerate(phones):
            late = notifications.late_reply(number, phone.talk.account_id, phone.fan_id, {"text": "欢迎"})
            notifications.write(session, late, now=clock.now())

    def work() -> None:
        with app.app_context(), tenant_scope(phones[0].talk.chain.id):
            deliveries.drain()

    with ThreadPoolExecutor(1) as pool:
        with unit_of_work() as session:
            queries.locked(session, second)
            drained = pool.submit(work)
            assert wait_for(someone_waits, seconds=20)
            queries.locked(session, first)
        drained.result(60)
    for phone, chat in zip(phones, (first, second), strict=True):
        assert phone.talk.row(chat, now=clock.now()).window.left == 4


def someone_waits() -> bool:
    """Whether somebody waits for a lock."""
    with unit_of_work() as session:
        return bool(
            session.scalar(
                sa.text(
                    "select exists (select from pg_stat_activity"
                    " where wait_event_type = 'Lock' and datname = current_database())"
                )
            )
        )


def test_a_message_is_written_for_the_queue_it_waits_in(phone: Phone):
    """A double tap rings once, and what waits is counted."""
    chat, key = phone.writes(), uuid.uuid4()
    for _ in range(2):
        reply(phone, chat, key=key)
    assert marks(rules.OUTGOING) == 1
    with unit_of_work() as session:
        assert queries.backlog(session).waiting == 1
    chats.drain()
    with unit_of_work() as session:
        assert queries.backlog(session).waiting == 0
