"""Streams over HTTP: who is told what, how soon, and that nothing is missed (CH-11)."""

from __future__ import annotations

import contextlib
import re
import threading
import time
import uuid
from dataclasses import dataclass, field
from typing import Any

import pytest
import redis
import sqlalchemy as sa
from flask import Flask

from engage import config
from engage.chat import queries
from engage.chat import services as chat
from engage.chat.models import Conversation
from engage.kernel import clock
from engage.kernel.db import tenant_scope, unit_of_work
from engage.tenancy import services as tenancy
from tests.conftest import Chain
from tests.contracts.callers import Person, log_in_directly
from tests.live.conftest import Talk, cookie_of, make_talk, other_store
from tests.live.ears import Ear, Live, listening, live_process
from tests.running.processes import wait_for

pytestmark = pytest.mark.enable_socket


def reply(talk: Talk, conversation_id: int, person: Person, words: str = "好的") -> None:
    with tenant_scope(talk.chain.id), unit_of_work() as session:
        row = queries.rows_of(session, [conversation_id], now=clock.now())[conversation_id]
        chat.reply(
            session,
            conversation_id,
            text=words,
            key=uuid.uuid4(),
            seen=row.seq,
            by_staff=person.id,
            now=clock.now(),
        )


def test_a_message_and_its_reply_come_drawn_and_without_a_gap(app: Flask, live: Live, talk: Talk) -> None:
    agent = log_in_directly(app, talk.chain, "agent")
    with listening(live, cookie_of(app, agent)) as ear:
        conversation_id = talk.writes("想约周六下午")
        ear.until(lambda: ear.chats)
        (told,) = ear.chats
        assert told["conversation"] == conversation_id
        assert (told["from"], told["to"], told["waiting"]) == (0, 1, 1)
        assert f'id="c-{conversation_id}"' in told["row"]
        assert f'id="m-{conversation_id}-1"' in told["messages"]
        assert "想约周六下午" in told["messages"]

        reply(talk, conversation_id, agent)
        ear.until(lambda: len(ear.chats) > 1)
        answered = ear.chats[1]
        assert answered["from"] == 1
        assert answered["to"] > 1
        assert answered["waiting"] == 0
        assert "好的" in answered["messages"]
        assert "想约周六下午" not in answered["messages"]


def test_the_first_pulse_says_who_waits(app: Flask, live: Live, talk: Talk) -> None:
    talk.writes()
    talk.writes(to_the_store=True)
    agent = log_in_directly(app, talk.chain, "agent")
    with listening(live, cookie_of(app, agent)) as ear:
        ear.until(lambda: ear.heard)
        assert ear.heard[0] == ("pulse", {"waiting": 2})


def test_only_who_is_in_reach_is_told(app: Flask, live: Live, talk: Talk, other_chain: Chain) -> None:
    stranger_talk = make_talk(other_chain)
    elsewhere = other_store(talk.chain)
    people = {
        "everywhere": log_in_directly(app, talk.chain, "agent"),
        "here": log_in_directly(app, talk.chain, "desk", store_id=talk.chain.store.id),
        "elsewhere": log_in_directly(app, talk.chain, "desk", store_id=elsewhere),
        "marketer": log_in_directly(app, talk.chain, "marketer"),
        "stranger": log_in_directly(app, other_chain, "owner"),
    }
    with contextlib.ExitStack() as stack:
        ears = {
            name: stack.enter_context(listening(live, cookie_of(app, person)))
            for name, person in people.items()
        }
        of_the_store = talk.writes("to the store", to_the_store=True)
        ears["here"].until(lambda: ears["here"].chats)
        # What comes next to those who must not have heard of it is not it.
        of_all, strange = talk.writes("to all"), stranger_talk.writes("elsewhere")
        for name, expected in {
            "everywhere": [of_the_store, of_all],
            "here": [of_the_store, of_all],
            "elsewhere": [of_all],
            "stranger": [strange],
        }.items():
            ear = ears[name]
            ear.until(lambda ear=ear, expected=expected: len(ear.chats) >= len(expected))
            assert [told["conversation"] for told in ear.chats] == expected, name
        assert not ears["marketer"].chats
        assert ears["elsewhere"].chats[0]["waiting"] == 1
        assert ears["everywhere"].chats[-1]["waiting"] == 2


def test_twenty_screens_are_told_the_same(app: Flask, live: Live, talk: Talk) -> None:
    people = [log_in_directly(app, talk.chain, "agent") for _ in range(4)]
    cookies = [cookie_of(app, person) for person in people]
    with contextlib.ExitStack() as stack:
        ears = [stack.enter_context(listening(live, cookies[number % 4])) for number in range(20)]
        for number in range(5):
            talk.writes(f"message {number}")
        for ear in ears:
            ear.until(lambda ear=ear: ear.chats and ear.chats[-1]["to"] == 5)
        assert all(_all_of(ear) == {1, 2, 3, 4, 5} for ear in ears)
        assert len({str(ear.chats) for ear in ears}) == 1


def _all_of(ear: Ear) -> set[int]:
    return {number for told in ear.chats for number in range(told["from"] + 1, told["to"] + 1)}


def test_hints_bring_each_change_at_once(app: Flask, live: Live, talk: Talk) -> None:
    """The control of the test below: without hints, five in a row take ten seconds."""
    begun = time.monotonic()
    with listening(live, cookie_of(app, log_in_directly(app, talk.chain, "agent"))) as ear:
        for number in range(1, 6):
            talk.writes()
            ear.until(lambda number=number: ear.chats and ear.chats[-1]["to"] == number)
    assert time.monotonic() - begun < 6


def test_lost_hints_cost_two_seconds_and_nothing_else(
    app: Flask, settings: config.Config, talk: Talk
) -> None:
    agent = log_in_directly(app, talk.chain, "agent")
    with (
        live_process(settings, ENGAGE_REDIS_URL="redis://127.0.0.1:9") as deaf,
        listening(deaf, cookie_of(app, agent)) as ear,
    ):
        for number in range(1, 3):
            talk.writes()
            ear.until(lambda number=number: ear.chats and ear.chats[-1]["to"] == number, seconds=3)


def test_hints_are_heard_again_after_the_line_to_redis_broke(
    app: Flask, live: Live, settings: config.Config, talk: Talk
) -> None:
    agent = log_in_directly(app, talk.chain, "agent")
    with (
        listening(live, cookie_of(app, agent)) as ear,
        contextlib.closing(redis.Redis.from_url(settings.redis_url)) as server,
    ):

        def ears_at_redis() -> int:
            return server.pubsub_numsub("live")[0][1]

        assert wait_for(ears_at_redis, seconds=5)
        server.execute_command("CLIENT", "KILL", "TYPE", "pubsub")
        server.flushall()
        talk.writes()
        ear.until(lambda: ear.chats, seconds=3)
        assert wait_for(ears_at_redis, seconds=5)


def test_a_change_that_was_committed_late_is_told(app: Flask, live: Live, talk: Talk) -> None:
    """Its time lies further back than the last read; only looking far back finds it."""
    agent = log_in_directly(app, talk.chain, "agent")
    conversation_id = talk.writes()
    with listening(live, cookie_of(app, agent)) as ear:
        with tenant_scope(talk.chain.id), unit_of_work() as session:
            session.execute(
                sa.update(Conversation)
                .where(Conversation.id == conversation_id)
                .values(
                    seq=Conversation.seq + 1,
                    touched_at=sa.func.clock_timestamp() - sa.text("interval '20 seconds'"),
                )
            )
        ear.until(lambda: ear.chats)
        assert ear.chats[0]["to"] == 2


@dataclass
class Screen:
    """A screen that keeps the page's rules: it reads anew when a line opens and at a gap."""

    chain: Chain
    conversation_id: int
    cursor: int = 0
    shown: list[int] = field(default_factory=list)

    def read_anew(self) -> None:
        with tenant_scope(self.chain.id), unit_of_work() as session:
            found = queries.messages(session, self.conversation_id, after=self.cursor, limit=200)
        self._show([message.seq for message in found])

    def take(self, told: dict[str, Any]) -> None:
        if told["from"] > self.cursor:
            self.read_anew()
        drawn = re.findall(rf'id="m-{self.conversation_id}-(\d+)"', told["messages"])
        self._show([int(number) for number in drawn])
        self.cursor = max(self.cursor, told["to"])

    def _show(self, numbers: list[int]) -> None:
        self.shown += [number for number in numbers if number not in self.shown]
        self.cursor = max([self.cursor, *numbers])


def test_whoever_comes_back_misses_and_doubles_nothing(app: Flask, live: Live, talk: Talk) -> None:
    cookie = cookie_of(app, log_in_directly(app, talk.chain, "agent"))
    screen = Screen(talk.chain, talk.writes("1"))
    turns = threading.Semaphore(0)

    def write() -> None:
        with app.app_context():
            for number in range(2, 61):
                if number % 20 == 2:
                    turns.acquire()
                talk.writes(str(number))

    writer = threading.Thread(target=write)
    writer.start()
    lines = 0
    while screen.cursor < 60:
        with listening(live, cookie) as ear:
            lines += 1
            turns.release()
            screen.read_anew()
            if screen.cursor < 60:
                ear.until(lambda ear=ear: ear.chats)
            for told in ear.chats:
                screen.take(told)
    writer.join()
    assert screen.shown == list(range(1, 61))
    assert lines > 1


def test_the_end_of_a_log_in_is_the_end_of_its_stream(app: Flask, live: Live, talk: Talk) -> None:
    agent, other, marketer = (
        log_in_directly(app, talk.chain, role) for role in ("agent", "agent", "marketer")
    )
    with (
        listening(live, cookie_of(app, agent)) as ear,
        listening(live, cookie_of(app, other)) as kept,
        listening(live, cookie_of(app, marketer)) as bare,
    ):
        with tenant_scope(talk.chain.id), unit_of_work() as session:
            tenancy.end_session(session, agent.id, agent.session_id, now=clock.now())
        ear.until(lambda: ear.over, seconds=30)
        # The others beat on; who may not see conversations has nothing but that.
        for each in (kept, bare):
            each.until(lambda each=each: len(each.heard) >= 2, seconds=5)
        assert not kept.over
        assert {name for name, _ in bare.heard} == {"pulse"}
    assert live.get("/live/stream", {"Cookie": cookie_of(app, agent)})[0] == 401


def test_streams_that_were_left_are_closed(app: Flask, live: Live, talk: Talk) -> None:
    agent = log_in_directly(app, talk.chain, "agent")
    before = live.streams()
    with listening(live, cookie_of(app, agent)):
        assert live.streams() == before + 1
    # A server notices when it writes.
    assert wait_for(lambda: talk.writes() and live.streams() <= before, seconds=10)


def test_a_log_in_has_few_streams_and_the_oldest_go(app: Flask, live: Live, talk: Talk) -> None:
    cookie = cookie_of(app, log_in_directly(app, talk.chain, "agent"))
    with contextlib.ExitStack() as stack:
        ears = [stack.enter_context(listening(live, cookie)) for _ in range(9)]
        ears[0].until(lambda: ears[0].over)
        assert not any(ear.over for ear in ears[1:])


def test_only_pages_of_the_web_may_read(app: Flask, live: Live, talk: Talk) -> None:
    cookie = cookie_of(app, log_in_directly(app, talk.chain, "agent"))
    for foreign in ("http://127.0.0.1:9999", "https://evil.example", "null", "http://localhost:8000"):
        status, headers = live.get("/live/stream", {"Cookie": cookie, "Origin": foreign})
        assert status == 403, foreign
        assert "Access-Control-Allow-Origin" not in headers
    status, headers = live.get("/live/stream", {"Origin": live.web})
    assert status == 401  # and the page may read that
    assert headers["Access-Control-Allow-Origin"] == live.web
    assert headers["Access-Control-Allow-Credentials"] == "true"
    by_name = {"Cookie": cookie, "Host": f"localhost:{live.port}", "Origin": "http://localhost:8000"}
    status, headers = live.get("/live/stream", by_name)
    assert (status, headers["Content-Type"]) == (200, "text/event-stream; charset=utf-8")
    assert headers["X-Accel-Buffering"] == "no"


def test_nothing_else_is_served(live: Live) -> None:
    for path in ("/console/", "/console/login", "/", "/hooks/wechat/wx", "/readyz"):
        assert live.get(path)[0] == 404, path
    assert live.get("/metrics", {"X-Forwarded-For": "203.0.113.5"})[0] == 404


def test_all_browsers_may_come_back_in_one_moment(app: Flask, live: Live, talk: Talk) -> None:
    """More than there are connections to the database; each waits for its turn and none is refused."""
    cookies = [cookie_of(app, log_in_directly(app, talk.chain, "agent")) for _ in range(60)]
    statuses: list[int] = []

    def come(cookie: str) -> None:
        statuses.append(live.get("/live/stream", {"Cookie": cookie})[0])

    browsers = [threading.Thread(target=come, args=(cookie,)) for cookie in cookies]
    for browser in browsers:
        browser.start()
    for browser in browsers:
        browser.join()
    assert statuses == [200] * 60
