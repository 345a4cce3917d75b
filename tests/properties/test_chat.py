"""A conversation under any sequence of acts is what a plain model says: windows, who waits, who talks."""

from __future__ import annotations

import datetime as dt
import itertools
import uuid
from dataclasses import dataclass, field

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from engage.audit.services import Actor
from engage.chat import queries, rules, services
from engage.chat.errors import SessionHeld, WindowClosed
from engage.chat.reading import Arrival
from engage.chat.rules import Trigger, Window
from engage.kernel.db import Session
from engage.wechat.outcomes import Refused, Sent
from tests.chat.scenes import Talk, make_talk

BEGIN = dt.datetime(2026, 11, 22, 8, tzinfo=dt.UTC)
pushes = itertools.count(1)

STEPS = st.lists(
    st.tuples(
        st.sampled_from(("write", "tap", "menu", "lina", "wang", "ignore", "end", "sweep", "sent", "failed")),
        st.sampled_from((0, 1, 20, 61, 595, 605, 48 * 3600)),  # seconds that pass before
        st.integers(0, 3),  # how many of the last changes were not on the screen
    ),
    max_size=14,
)


@dataclass
class Model:
    """A conversation as somebody would keep it on paper."""

    seq: int = 0
    came: list[tuple[int, dt.datetime]] = field(default_factory=list)
    answered: int = 0
    window: Window = field(default_factory=lambda: Window(0, None))
    holder: str | None = None
    talked_at: dt.datetime | None = None
    waiting: list[int] = field(default_factory=list)

    def talks(self, now: dt.datetime) -> str | None:
        """Give who holds the session by the fact."""
        return self.holder if self.talked_at and now - self.talked_at < rules.IDLE else None

    @property
    def unanswered(self) -> list[tuple[int, dt.datetime]]:
        return [(seq, at) for seq, at in self.came if seq > self.answered]


@pytest.fixture
def talk(chain, make_staff) -> Talk:
    return make_talk(chain, make_staff, fan_count=1)


@settings(deadline=None, max_examples=60, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(steps=STEPS)
def test_a_conversation_is_as_the_model_says(talk: Talk, session: Session, steps) -> None:
    with session.begin_nested() as savepoint:
        play(talk, session, steps)
        savepoint.rollback()
    session.expunge_all()


def play(talk: Talk, session: Session, steps) -> None:
    model, now = Model(), BEGIN
    for act, seconds, unseen in [("write", 0, 0), *steps]:
        now += dt.timedelta(seconds=seconds)
        ACTS[act](talk, session, model, max(0, model.seq - unseen), now)
        compare(talk, session, model, now)


def write(talk, session, model, _seen, now) -> None:
    hear(talk, session, model, now, Trigger.MESSAGE)


def tap(talk, session, model, _seen, now) -> None:
    hear(talk, session, model, now, Trigger.MENU)


def hear(talk: Talk, session: Session, model: Model, now: dt.datetime, trigger: Trigger) -> None:
    arrival = Arrival("text", "…", {}, trigger)
    services.arrived(session, talk.account_id, talk.fan_ids[0], next(pushes), arrival, at=now, now=now)
    model.seq += 1
    model.came.append((model.seq, now))
    model.window = rules.widened(model.window, trigger, now)
    if model.talks(now):
        model.talked_at = now


def menu(talk, session, model, _seen, now) -> None:
    services.window_opened(session, talk.fan_ids[0], Trigger.MENU, at=now, now=now)
    model.seq += 1
    model.window = rules.widened(model.window, Trigger.MENU, now)


def replying(name: str):
    def act(talk, session, model, seen, now) -> None:
        told = {"text": "…", "key": uuid.uuid4(), "seen": seen, "by_staff": getattr(talk, name), "now": now}
        held = model.talks(now)
        closes = model.holder is not None and held is None
        conversation_id = conversation_of(talk, session)
        if closes:
            close(model)
        if held not in (None, name) or not model.window.is_open(now):
            refused = WindowClosed if held in (None, name) else SessionHeld
            with pytest.raises(refused):
                services.reply(session, conversation_id, **told)
            return
        message = services.reply(session, conversation_id, **told)
        model.seq += 1
        model.holder, model.talked_at = name, now
        model.window = Window(model.window.left - 1, model.window.until)
        model.answered = max(model.answered, min(seen, model.came[-1][0]))
        model.waiting.append(message.seq)
        assert message.seq == model.seq

    return act


def close(model: Model) -> None:
    """Write down the end of a session that is over."""
    model.holder = model.talked_at = None
    model.seq += 1


def ignore(talk, session, model, seen, now) -> None:
    answered = max(model.answered, min(seen, model.came[-1][0]))
    services.ignore(
        session,
        conversation_of(talk, session),
        seen=seen,
        by_staff=talk.wang,
        by=Actor("staff", talk.wang),
        now=now,
    )
    if answered > model.answered:
        model.answered = answered
        model.seq += 1


def end(talk, session, model, _seen, now) -> None:
    by = getattr(talk, model.holder or "lina")
    was_open = model.holder is not None
    services.end(session, conversation_of(talk, session), by_staff=by, now=now)
    if was_open:
        close(model)


def sweep(talk, session, model, _seen, now) -> None:
    services.sweep(session, now=now, batch=10)
    if model.holder is not None and model.talks(now) is None:
        close(model)


def settling(outcome):
    def act(talk, session, model, _seen, now) -> None:
        parcel = services.claim(session, now=now)
        assert (parcel is None) == (not model.waiting)
        if parcel is None:
            return
        services.settle(session, parcel, outcome, now=now)
        model.seq += 1
        seq = model.waiting.pop(0)
        if isinstance(outcome, Refused) and seq > model.came[-1][0]:
            model.window = Window(model.window.left + 1, model.window.until)

    return act


ACTS = {
    "write": write,
    "tap": tap,
    "menu": menu,
    "lina": replying("lina"),
    "wang": replying("wang"),
    "ignore": ignore,
    "end": end,
    "sweep": sweep,
    "sent": settling(Sent(None)),
    "failed": settling(Refused(40007, "invalid media_id")),
}


def conversation_of(talk: Talk, session: Session) -> int:
    found = queries.of_fan(session, talk.fan_ids[0])
    assert found is not None
    return found


def compare(talk: Talk, session: Session, model: Model, now: dt.datetime) -> None:
    session.expire_all()
    row = queries.conversation(session, conversation_of(talk, session), [talk.account_id], now=now)
    holder = model.talks(now)
    assert (row.seq, row.unread, row.answered_seq) == (model.seq, len(model.unanswered), model.answered)
    assert row.waiting_since == (model.unanswered[0][1] if model.unanswered else None)
    assert row.holder_id == (getattr(talk, holder) if holder else None)
    assert (row.window.left, row.window.until) == (model.window.left, model.window.until)
