"""What fans do reaches their conversation: as parts of the callback's one statement, or alone (ADR 0009)."""

from __future__ import annotations

import datetime as dt
import json
from typing import Any, Final, cast

import sqlalchemy as sa
from sqlalchemy.dialects.postgresql import JSONB, insert

from engage.chat import reading, rules
from engage.chat.models import ChatMessage, Conversation
from engage.chat.reading import Arrival, Automatic
from engage.chat.rules import MEDIA, OUTGOING, Trigger, Window
from engage.kernel import due, live, sealing
from engage.kernel.db import Session

# Written out: a statement of `run_alone` holds no values of its own.
_ONE: Final[sa.ColumnElement[int]] = sa.literal_column("1")
_TWO: Final[sa.ColumnElement[int]] = sa.literal_column("2")
_NONE: Final[sa.ColumnElement[int]] = sa.literal_column("0")

_CONVERSATION = cast("sa.Table", Conversation.__table__)
_MESSAGE = cast("sa.Table", ChatMessage.__table__)


def arriving(
    fan: sa.FromClause, push: sa.FromClause, *, fetch: bool = False, answered: bool = False
) -> list[sa.CTE]:
    """Build what `arrived` does, for the ids of `fan` and `push` in one statement (`kernel.db.run_alone`).

    All else comes by the names of `values_of_arrival`; with `fetch` the file's queue is marked, and the
    doorbell is for the caller to ring. With `answered` the automatic answer stands behind the message, by
    the names of `values_of_answer`.
    """
    source = sa.select(fan.c.id.label("fan_id"), push.c.id.label("push_id")).join_from(fan, push, sa.true())
    return _taking_in(source.cte("chat_source"), fetch=fetch, answered=answered)


def widening(fan: sa.FromClause) -> sa.CTE:
    """Build what `window_opened` does for the id of `fan`; values by the names of `values_of_window`."""
    return _widened(fan.c.id).returning(_CONVERSATION.c.id, _CONVERSATION.c.seq).cte("chat_window")


def answering(moved: sa.CTE) -> sa.CTE:
    """Build the message that shows an automatic answer, in the last place of the conversation of `moved`.

    Nothing for a fan who never wrote. Values by the names of `values_of_answer`, beside those of the window.
    """
    m = _MESSAGE.c
    at = _value("chat_at", m.at)
    told = {
        m.conversation_id: moved.c.id,
        m.seq: moved.c.seq,
        m.changed_seq: moved.c.seq,
        m.direction: sa.literal_column("'out'"),
        m.kind: _value("answer_kind", m.kind),
        m.text: sa.cast(sa.bindparam("answer_text", type_=sa.LargeBinary()), sa.LargeBinary()),
        m.file: _value("answer_file", m.file),
        m.data: sa.cast(sa.bindparam("answer_data", type_=sa.Text()), JSONB),
        m.state: sa.literal_column("'sent'"),
        m.at: at,
        m.sent_at: at,
        m.queue: sa.literal_column(f"'{OUTGOING}'"),
    }
    return sa.insert(_MESSAGE).from_select(list(told), sa.select(*told.values())).cte("chat_answered")


def leaving(fan: sa.FromClause) -> sa.CTE:
    """Build what `left` does for the id of `fan`, if it does not follow."""
    return _emptied(fan.c.id).where(~fan.c.following).returning(_CONVERSATION.c.id).cte("chat_left_by")


def values_of_arrival(arrival: Arrival, *, at: dt.datetime, now: dt.datetime) -> dict[str, Any]:
    """Give what a message of a fan stores."""
    return {
        **values_of_window(arrival.trigger, at=at, now=now),
        "chat_kind": arrival.kind,
        "chat_text": None if arrival.text is None else sealing.seal(arrival.text),
        "chat_data": json.dumps(arrival.data),
        "chat_now": now,
        "chat_over": now - rules.IDLE,
        "chat_fetch_at": now if reading.is_fetched(arrival) else None,
    }


def values_of_answer(answer: Automatic) -> dict[str, Any]:
    """Give what an automatic answer stores."""
    return {
        "answer_kind": answer.kind,
        "answer_text": None if answer.text is None else sealing.seal(answer.text),
        "answer_data": json.dumps(answer.data),
        "answer_file": answer.file,
    }


def values_of_window(trigger: Trigger, *, at: dt.datetime, now: dt.datetime) -> dict[str, Any]:
    """Give what a trigger opens; nothing once it is over, for the push was late."""
    window = rules.opened(trigger, at)
    window = Window(0, None) if window.is_over(now) else window
    return {"chat_at": at, "chat_left": window.left, "chat_until": window.until}


def arrived(
    session: Session,
    account_id: int,
    fan_id: int,
    push_id: int,
    arrival: Arrival,
    *,
    at: dt.datetime,
    now: dt.datetime,
) -> None:
    """Take in a message of a fan, once per push."""
    told = values_of_arrival(arrival, at=at, now=now)
    told |= {"account_id": account_id, "chat_fan_id": fan_id, "chat_push_id": push_id}
    if session.execute(_ARRIVED, told).first() is None:
        return
    if reading.is_fetched(arrival):
        due.mark(session, MEDIA, at=now)
    live.hint(session)


def window_opened(
    session: Session, fan_id: int, trigger: Trigger, *, at: dt.datetime, now: dt.datetime
) -> None:
    """Widen WeChat's window of a fan's conversation, if they ever wrote. To be told once of each push."""
    told = {**values_of_window(trigger, at=at, now=now), "chat_fan_id": fan_id}
    if session.execute(_OPENED, told).first() is not None:
        live.hint(session)


def left(session: Session, fan_id: int) -> None:
    """Empty WeChat's window of a fan who follows no more, if they ever wrote. To be told once of each push.

    What they do after it opens it again, though we may not have been told that they follow.
    """
    if session.execute(_LEFT, {"chat_fan_id": fan_id}).first() is not None:
        live.hint(session)


def _value(name: str, column: sa.ColumnElement[Any]) -> sa.Cast[Any]:
    return sa.cast(sa.bindparam(name), column.type)


def _taking_in(source: sa.CTE, *, fetch: bool = False, answered: bool = False) -> list[sa.CTE]:
    """Move the conversation of the source's fan on by one message, then write the message in its place.

    By two if it is `answered`: the answer stands in the last.
    """
    c = _CONVERSATION.c
    at = _value("chat_at", c.last_at)
    row = {
        c.account_id: _value("account_id", c.account_id),
        c.fan_id: source.c.fan_id,
        c.seq: _TWO if answered else _ONE,
        c.touched_at: sa.func.clock_timestamp(),
        c.last_at: at,
        c.last_in_seq: _ONE,
        c.answered_seq: _NONE,
        c.waiting_since: at,
        c.window_until: _value("chat_until", c.window_until),
        c.window_left: _value("chat_left", c.window_left),
    }
    news = insert(_CONVERSATION).from_select(list(row), sa.select(*row.values()).select_from(source))
    moved = (
        news.on_conflict_do_update(
            index_elements=["tenant_id", "fan_id"],
            set_={
                "seq": c.seq + (_TWO if answered else _ONE),
                "last_in_seq": c.seq + _ONE,
                "touched_at": sa.func.clock_timestamp(),
                "last_at": sa.func.greatest(c.last_at, news.excluded.last_at),
                "waiting_since": sa.func.coalesce(c.waiting_since, news.excluded.waiting_since),
                "talked_at": _talked_on(),
                "ignored_by": sa.null(),
                "ignored_at": sa.null(),
                **_window(),
            },
        )
        .returning(c.tenant_id, c.id, c.seq)
        .cte("chat_moved")
    )
    m = _MESSAGE.c
    seq = moved.c.seq - _ONE if answered else moved.c.seq
    told = {
        m.conversation_id: moved.c.id,
        m.seq: seq,
        m.changed_seq: seq,
        m.direction: sa.literal_column("'in'"),
        m.kind: _value("chat_kind", m.kind),
        m.text: sa.cast(sa.bindparam("chat_text", type_=sa.LargeBinary()), sa.LargeBinary()),
        m.data: sa.cast(sa.bindparam("chat_data", type_=sa.Text()), JSONB),
        m.push_id: source.c.push_id,
        m.state: sa.literal_column("'received'"),
        m.at: at,
        m.queue: sa.literal_column(f"'{MEDIA}'"),
        m.available_at: _value("chat_fetch_at", m.available_at),
    }
    written = (
        sa.insert(_MESSAGE)
        .from_select(list(told), sa.select(*told.values()).join_from(moved, source, sa.true()))
        .returning(m.tenant_id, m.queue, m.available_at)
        .cte("chat_written")
    )
    marked = [due.marking(written)] if fetch else []
    return [moved, written, *marked, *([answering(moved)] if answered else [])]


def _talked_on() -> sa.ColumnElement[Any]:
    """Let an open session live on; one that is over stays over."""
    c = _CONVERSATION.c
    is_live = c.talked_at > _value("chat_over", c.talked_at)
    return sa.case(
        (is_live, sa.func.greatest(c.talked_at, _value("chat_now", c.talked_at))), else_=c.talked_at
    )


def _window() -> dict[str, sa.ColumnElement[Any]]:
    """Widen the window as `rules.widened` does."""
    c = _CONVERSATION.c
    left, until = _value("chat_left", c.window_left), _value("chat_until", c.window_until)
    is_live = c.window_until > _value("chat_at", c.window_until)
    return {
        "window_left": sa.case((is_live, sa.func.greatest(c.window_left, left)), else_=left),
        "window_until": sa.func.greatest(c.window_until, until),
    }


def _touched(fan_id: sa.ColumnElement[int]) -> sa.Update:
    c = _CONVERSATION.c
    touched = sa.update(_CONVERSATION).where(c.fan_id == fan_id)
    return touched.values(seq=c.seq + _ONE, touched_at=sa.func.clock_timestamp())


def _emptied(fan_id: sa.ColumnElement[int]) -> sa.Update:
    return _touched(fan_id).values(window_left=_NONE)


def _widened(fan_id: sa.ColumnElement[int]) -> sa.Update:
    opens = _value("chat_left", _CONVERSATION.c.window_left) > _NONE
    return _touched(fan_id).where(opens).values(**_window())


def _alone() -> sa.Select[Any]:
    """Build the statement of `arrived`: nothing for a push whose message stands already."""
    push_id = _value("chat_push_id", _MESSAGE.c.push_id)
    is_there = sa.exists().where(_MESSAGE.c.push_id == push_id)
    fan_id = _value("chat_fan_id", _CONVERSATION.c.fan_id)
    source = sa.select(fan_id.label("fan_id"), push_id.label("push_id")).where(~is_there).cte("chat_source")
    moved, written = _taking_in(source)
    return sa.select(moved.c.id).add_cte(written)


_ARRIVED: Final = _alone()
_LEFT: Final = _emptied(_value("chat_fan_id", _CONVERSATION.c.fan_id)).returning(_CONVERSATION.c.id)
_OPENED: Final = _widened(_value("chat_fan_id", _CONVERSATION.c.fan_id)).returning(_CONVERSATION.c.id)
