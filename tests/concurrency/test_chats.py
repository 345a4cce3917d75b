"""Agents, fans and the sweep at once: one session, one message a tap, nothing answered that was not seen.

Each race has a control that takes the guard away and then goes wrong.
"""

from __future__ import annotations

import datetime as dt
import uuid
from collections.abc import Callable, Iterator
from typing import Any

import pytest
import sqlalchemy as sa
from flask import Flask

from engage.chat import queries, rules, services
from engage.chat.errors import SessionHeld
from engage.chat.models import ChatSession, Conversation
from engage.chat.services import talking
from engage.kernel import doorbell
from engage.kernel.db import Session, tenant_scope, unit_of_work
from tests.chat.scenes import TEXT, Talk, conversation, make_talk, messages, sessions
from tests.concurrency.race import race
from tests.conftest import Chain

ROUNDS = 12
SECOND = dt.timedelta(seconds=1)


@pytest.fixture
def talks(chain: Chain, make_staff) -> Iterator[Talk]:
    """As many fans as there are rounds."""
    made = make_talk(chain, make_staff, fan_count=ROUNDS)
    with tenant_scope(chain.id):
        yield made
    doorbell.connection().flushdb()


def unlocked(session: Session, conversation_id: int) -> Conversation:
    """Give a conversation as it was just now: the guard is gone."""
    return session.get_one(Conversation, (session.tenant_id, conversation_id), populate_existing=True)


@pytest.fixture
def careless(monkeypatch: pytest.MonkeyPatch) -> None:
    """Let staff act without the conversation's lock."""
    monkeypatch.setattr(queries, "locked", unlocked)


def replying(talk: Talk, chat: int, **changes: Any) -> Callable[[Session], int]:
    return lambda session: talk.reply(session, chat, **changes).id


def both_reply(app: Flask, talk: Talk, fan: int) -> tuple[int, list[int | Exception]]:
    """Let two agents reply to a fan at once; gives the conversation and what came of it."""
    chat = talk.writes(fan=fan)
    calls = [replying(talk, chat, by_staff=talk.lina), replying(talk, chat, by_staff=talk.wang)]
    return chat, race(app, talk.chain.id, calls)


def test_two_agents_at_once_open_one_session(app: Flask, talks: Talk):
    for fan in range(ROUNDS):
        chat, came = both_reply(app, talks, fan)
        assert sorted(type(one).__name__ for one in came) == ["SessionHeld", "int"]
        (held,) = sessions(chat)
        (message,) = messages(chat)[1:]
        assert (held.staff_id, held.id) == (message.author_id, message.session_id)
        assert conversation(chat).dedicated_staff_id == held.staff_id


def test_without_the_lock_the_second_agent_is_not_told_who_talks(app: Flask, talks: Talk, careless: None):
    """The control: only the index of open sessions is left, which has no words for it."""
    went_wrong = 0
    for fan in range(ROUNDS):
        _, came = both_reply(app, talks, fan)
        went_wrong += not any(isinstance(one, SessionHeld) for one in came)
    assert went_wrong


def tap_at_once(app: Flask, talk: Talk, fan: int) -> tuple[int, list[int | Exception]]:
    """Let one agent send the same message several times at once."""
    chat, key = talk.writes(fan=fan), uuid.uuid4()
    return chat, race(app, talk.chain.id, [replying(talk, chat, key=key)] * 4)


def test_a_double_tap_sends_once(app: Flask, talks: Talk):
    for fan in range(ROUNDS):
        chat, came = tap_at_once(app, talks, fan)
        (message,) = messages(chat)[1:]
        assert came == [message.id] * 4
        assert conversation(chat).window_left == 4


def test_without_the_lock_a_double_tap_is_an_error(app: Flask, talks: Talk, careless: None):
    """The control."""
    went_wrong = 0
    for fan in range(ROUNDS):
        _, came = tap_at_once(app, talks, fan)
        went_wrong += any(isinstance(one, sa.exc.IntegrityError) for one in came)
    assert went_wrong


def test_nothing_is_answered_that_was_not_seen(app: Flask, talks: Talk):
    """Many times over a fan writes a second time while an agent replies to the first."""
    at = talks.now + SECOND
    for fan in range(ROUNDS):
        chat = talks.writes(fan=fan)
        saw = conversation(chat).seq
        came = race(
            app,
            talks.chain.id,
            [
                lambda session, fan=fan: talks.arrive(session, TEXT, fan=fan, at=at),
                replying(talks, chat, seen=saw, now=at),
            ],
        )
        assert not any(isinstance(one, Exception) for one in came), came
        row = talks.row(chat)
        assert (row.unread, row.waiting_since) == (1, at)


def test_a_reply_to_all_there_is_answers_what_nobody_saw(talks: Talk):
    """The control: without the number that was on the screen."""
    chat = talks.writes()
    talks.writes(at=talks.now + SECOND)
    talks.replies(chat, seen=10**6, now=talks.now + SECOND)
    assert talks.row(chat).unread == 0


def sweeping(now: dt.datetime) -> Callable[[Session], int]:
    return lambda session: services.sweep(session, now=now, batch=100)


def is_whole(chat: int) -> bool:
    """Whether the last message is of the one session that is open."""
    open_now = [one.id for one in sessions(chat) if one.closed_at is None]
    return open_now == [messages(chat)[-1].session_id] and conversation(chat).talked_at is not None


def test_a_reply_just_in_time_has_its_session(app: Flask, talks: Talk):
    """At 9:59.9 against the sweep at 10:00."""
    over = talks.now + rules.IDLE
    just_before = over - dt.timedelta(milliseconds=100)
    for fan in range(ROUNDS):
        chat = talks.writes(fan=fan)
        talks.replies(chat)
        race(app, talks.chain.id, [replying(talks, chat, now=just_before), sweeping(over)])
        assert is_whole(chat)
        assert {one.closed_at for one in sessions(chat)} <= {None, over}


def test_a_sweep_that_does_not_lock_ends_it_under_the_reply(talks: Talk):
    """The control: it read the conversation before the reply, and writes after it."""
    chat = talks.writes()
    talks.replies(chat)
    over = talks.now + rules.IDLE
    with unit_of_work() as session:
        read = unlocked(session, chat)
        talks.replies(chat, now=over - SECOND)
        session.refresh(read, ["seq"])  # the number alone is right
        talking._open_session(session, read, now=over)
    assert not is_whole(chat)


def test_numbers_are_committed_in_their_order(app: Flask, talks: Talk):
    """Who reads on from the highest number seen misses nothing, however many write."""
    chat = talks.writes()
    seen: dict[int, int] = {}

    def write(session: Session) -> None:
        talks.arrive(session, TEXT, at=talks.now)

    def read(session: Session) -> None:
        cursor = 0
        while len(seen) < 13:
            for message in queries.messages(session, chat, after=cursor):
                seen[message.seq] = seen.get(message.seq, 0) + 1
                cursor = max(cursor, message.changed_seq)

    came = race(app, talks.chain.id, [read, *[write] * 12])
    assert not any(isinstance(one, Exception) for one in came), came
    assert seen == dict.fromkeys(range(1, 14), 1)


def test_one_open_session_is_the_databases_own_rule(talks: Talk):
    chat = talks.writes()
    both = [
        ChatSession(conversation_id=chat, staff_id=staff_id, opened_at=talks.now)
        for staff_id in (talks.lina, talks.wang)
    ]
    with unit_of_work() as session:
        session.add_all(both)
        with pytest.raises(sa.exc.IntegrityError):
            session.flush()
        session.rollback()
