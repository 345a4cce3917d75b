"""Reading conversations: the queue's rows, what changed, who waits."""

from __future__ import annotations

import datetime as dt
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Literal

import sqlalchemy as sa

from engage.accounts import queries as accounts
from engage.chat import rules
from engage.chat.models import ChatMessage, ChatSession, Conversation
from engage.chat.rules import Window
from engage.fans import queries as fans
from engage.kernel.db import Session
from engage.kernel.errors import NotFound
from engage.kernel.paging import SIZE, Keyset, Page
from engage.patients import queries as patients
from engage.patients import waiting as profiles
from engage.tenancy import queries as tenancy
from engage.tenancy.rules import StoreScope

Which = Literal["waiting", "mine", "all"]

NEWEST = Keyset((Conversation.last_at, Conversation.id), descending=True)
LONGEST = Keyset((Conversation.waiting_since, Conversation.id))


@dataclass(frozen=True, slots=True)
class Row:
    """A conversation as the queue and its head show it, at one moment.

    `unread` are the fan's messages that are neither answered nor ignored. `holder` is who talks with the
    fan by the fact, not by whether the end was written down; `ignored_by` who ignored messages, until the
    fan writes again or is answered. Staff stand by id and name. `profile_id` is a profile that waits.
    """

    id: int
    account_id: int
    fan_id: int
    seq: int
    last_in_seq: int
    answered_seq: int
    nickname: str | None
    avatar: str | None
    following: bool
    patient_names: tuple[str, ...]
    unread: int
    last_kind: str | None
    last_direction: str | None
    last_text: str | None
    last_state: str | None
    last_at: dt.datetime
    waiting_since: dt.datetime | None
    session_id: int | None
    holder_id: int | None
    holder: str | None
    dedicated_id: int | None
    dedicated: str | None
    ignored_by_id: int | None
    ignored_by: str | None
    ignored_at: dt.datetime | None
    window: Window
    profile_id: int | None


def accounts_in_reach(session: Session, scope: StoreScope) -> frozenset[int]:
    """Give the accounts whose conversations may be seen: the chain's, and those of the stores in scope.

    A scope without a store is that of somebody without the permission: none, also not the chain's.
    """
    if not (scope.everywhere or scope.store_ids):
        return frozenset()
    return frozenset(
        account.id
        for account in accounts.accounts(session)
        if account.store_id is None or scope.holds(account.store_id)
    )


def locked(session: Session, conversation_id: int) -> Conversation:
    """Lock a conversation and give it as it is now.

    Raises:
        NotFound: there is none with this id.
    """
    found = session.get(
        Conversation,
        (session.tenant_id, conversation_id),
        with_for_update={"key_share": True},  # messages and sessions point at its key
        populate_existing=True,
    )
    if found is None:
        raise NotFound(conversation=conversation_id)
    return found


def conversation(session: Session, conversation_id: int, within: Collection[int], *, now: dt.datetime) -> Row:
    """Give one conversation of the accounts in `within`.

    Raises:
        NotFound: there is none with this id, or it is of another account.
    """
    found = rows_of(session, [conversation_id], now=now).get(conversation_id)
    if found is None or found.account_id not in within:
        raise NotFound(conversation=conversation_id)
    return found


def rows(
    session: Session,
    within: Collection[int],
    *,
    which: Which,
    staff_id: int,
    cursor: str | None,
    now: dt.datetime,
    size: int = SIZE,
) -> Page[Row]:
    """Give a page of the queue: who waits, longest first; else the last talked with first.

    `mine` are those that the member of staff holds or is the dedicated agent of.
    """
    order = LONGEST if which == "waiting" else NEWEST
    statement = sa.select(Conversation).where(Conversation.account_id.in_(within))
    if which == "waiting":
        statement = statement.where(Conversation.waiting_since.is_not(None))
    elif which == "mine":
        statement = statement.where(Conversation.id.in_(_mine(staff_id, now)))
    page = order.page(session.scalars(order.statement(statement, cursor, size)).all(), size)
    told = rows_of(session, [one.id for one in page.items], now=now)
    return Page([told[one.id] for one in page.items if one.id in told], page.next)


def rows_of(session: Session, ids: Collection[int], *, now: dt.datetime) -> Mapping[int, Row]:
    """Give conversations by their ids, in six statements however many."""
    found = session.execute(_full(now).where(Conversation.id.in_(ids))).all()
    fan_ids = [row.Conversation.fan_id for row in found]
    staff_ids = {
        staff_id
        for row in found
        for staff_id in (row.holder_id, row.Conversation.dedicated_staff_id, row.Conversation.ignored_by)
        if staff_id is not None
    }
    known = _Known(
        fans.by_ids(session, fan_ids),
        patients.names_of_fans(session, fan_ids),
        tenancy.names_of(session, staff_ids),
        profiles.waiting_of(session, fan_ids),
    )
    return {row.Conversation.id: known.row(row) for row in found}


def changed(session: Session, *, since_seconds: int = 30) -> Sequence[tuple[int, int, int]]:
    """Give (conversation, account, seq) of what changed lately, by the database's own clock.

    The time is only where to look: a change is committed after its time, so look further back than to
    the last time you looked, and compare numbers.
    """
    since = sa.func.now() - dt.timedelta(seconds=since_seconds)
    found = session.execute(
        sa.select(Conversation.id, Conversation.account_id, Conversation.seq).where(
            Conversation.touched_at > since
        )
    )
    return [(row.id, row.account_id, row.seq) for row in found]


def waiting(session: Session, within: Collection[int]) -> Mapping[int, int]:
    """Give how many conversations of each account wait for an answer; an account with none is left out."""
    found = session.execute(
        sa.select(Conversation.account_id, sa.func.count().label("waiting"))
        .where(Conversation.account_id.in_(within), Conversation.waiting_since.is_not(None))
        .group_by(Conversation.account_id)
    )
    return {row.account_id: row.waiting for row in found}


def of_fan(session: Session, fan_id: int) -> int | None:
    """Give the id of a fan's conversation, if they ever wrote."""
    return session.scalar(sa.select(Conversation.id).where(Conversation.fan_id == fan_id))


def dedicated_of(session: Session, fan_ids: Collection[int]) -> Mapping[int, int]:
    """Give who is the dedicated agent of fans, by fan, in one statement."""
    found = sa.select(Conversation.fan_id, Conversation.dedicated_staff_id).where(
        Conversation.fan_id.in_(fan_ids), Conversation.dedicated_staff_id.is_not(None)
    )
    return {fan_id: staff_id for fan_id, staff_id in session.execute(found) if staff_id is not None}


def fan_of(session: Session, conversation_id: int) -> int:
    """Give the fan of a conversation.

    Raises:
        NotFound: there is none with this id.
    """
    found = session.get(Conversation, (session.tenant_id, conversation_id))
    if found is None:
        raise NotFound(conversation=conversation_id)
    return found.fan_id


def fan_of_session(session: Session, session_id: int) -> int:
    """Give the fan with whom a session was.

    Raises:
        NotFound: there is none with this id.
    """
    found = session.get(ChatSession, (session.tenant_id, session_id))
    if found is None:
        raise NotFound(chat_session=session_id)
    return fan_of(session, found.conversation_id)


def _mine(staff_id: int, now: dt.datetime) -> sa.CompoundSelect[Any]:
    dedicated = sa.select(Conversation.id).where(Conversation.dedicated_staff_id == staff_id)
    talking = _talking(now)
    held = (
        sa.select(ChatSession.conversation_id)
        .join(Conversation, talking)
        .where(ChatSession.staff_id == staff_id)
    )
    return dedicated.union(held)


def _talking(now: dt.datetime) -> sa.ColumnElement[bool]:
    """Say that a session is a conversation's and not over, as `rules.is_live` does of one."""
    return sa.and_(
        ChatSession.tenant_id == Conversation.tenant_id,
        ChatSession.conversation_id == Conversation.id,
        ChatSession.closed_at.is_(None),
        Conversation.talked_at > now - rules.IDLE,
    )


def _full(now: dt.datetime) -> sa.Select[Any]:
    """Select conversations with their session, their count of unread messages and their last message."""
    its_own = (
        ChatMessage.tenant_id == Conversation.tenant_id,
        ChatMessage.conversation_id == Conversation.id,
    )
    unread = (
        sa.select(sa.func.count())
        .where(*its_own, ChatMessage.seq > Conversation.answered_seq, ChatMessage.direction == "in")
        .correlate(Conversation)
        .scalar_subquery()
    )
    last = (
        sa.select(ChatMessage.kind, ChatMessage.direction, ChatMessage.text, ChatMessage.state)
        .where(*its_own)
        .order_by(ChatMessage.seq.desc())
        .limit(1)
        .correlate(Conversation)
        .lateral("last")
    )
    return (
        sa.select(
            Conversation,
            ChatSession.id.label("session_id"),
            ChatSession.staff_id.label("holder_id"),
            unread.label("unread"),
            last.c.kind,
            last.c.direction,
            last.c.text,
            last.c.state,
        )
        .outerjoin(ChatSession, _talking(now))
        .outerjoin(last, sa.true())
    )


@dataclass(frozen=True, slots=True)
class _Known:
    """Who the ids of some conversations are."""

    fans: Mapping[int, Any]
    patients: Mapping[int, Sequence[str]]
    staff: Mapping[int, str]
    profiles: Mapping[int, Any]

    def row(self, found: sa.Row[Any]) -> Row:
        """Make the row of a conversation as `_full` found it."""
        one: Conversation = found.Conversation
        fan = self.fans[one.fan_id]
        return Row(
            id=one.id,
            account_id=one.account_id,
            fan_id=one.fan_id,
            seq=one.seq,
            last_in_seq=one.last_in_seq,
            answered_seq=one.answered_seq,
            nickname=fan.nickname,
            avatar=fan.avatar,
            following=fan.following,
            patient_names=tuple(self.patients.get(one.fan_id, ())),
            unread=found.unread,
            last_kind=found.kind,
            last_direction=found.direction,
            last_text=found.text,
            last_state=found.state,
            last_at=one.last_at,
            waiting_since=one.waiting_since,
            session_id=found.session_id,
            holder_id=found.holder_id,
            holder=self._name(found.holder_id),
            dedicated_id=one.dedicated_staff_id,
            dedicated=self._name(one.dedicated_staff_id),
            ignored_by_id=one.ignored_by,
            ignored_by=self._name(one.ignored_by),
            ignored_at=one.ignored_at,
            window=Window(one.window_left, one.window_until),
            profile_id=self.profiles[one.fan_id].id if one.fan_id in self.profiles else None,
        )

    def _name(self, staff_id: int | None) -> str | None:
        return None if staff_id is None else self.staff[staff_id]
