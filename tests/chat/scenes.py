"""A chain whose account fans write to, and two agents who answer."""

from __future__ import annotations

import datetime as dt
import itertools
import uuid
from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Any

import sqlalchemy as sa

from engage.audit.services import Actor
from engage.chat import queries, services
from engage.chat.models import ChatMessage, ChatSession, Conversation
from engage.chat.reading import Arrival
from engage.kernel import clock
from engage.kernel.db import Session, tenant_scope, unit_of_work
from engage.tenancy import queries as tenancy
from engage.wechat.outcomes import Outcome
from tests.booking.scenes import make_scene
from tests.conftest import Chain

pushes = itertools.count(1)

TEXT = Arrival("text", "你好", {})


@dataclass(frozen=True)
class Talk:
    """Who is there; `now` is when it begins. All that it does is committed."""

    chain: Chain
    account_id: int
    fan_ids: tuple[int, ...]
    lina: int
    wang: int
    now: dt.datetime

    def writes(self, text: str = "你好", *, fan: int = 0, at: dt.datetime | None = None) -> int:
        """Let a fan write; gives their conversation."""
        return self.sends(replace(TEXT, text=text), fan=fan, at=at)

    def sends(self, arrival: Arrival, *, fan: int = 0, at: dt.datetime | None = None) -> int:
        """Let a fan send something; gives their conversation."""
        at = at or self.now
        with unit_of_work() as session:
            self.arrive(session, arrival, fan=fan, at=at)
            found = queries.of_fan(session, self.fan_ids[fan])
        assert found is not None
        return found

    def arrive(self, session: Session, arrival: Arrival, *, fan: int = 0, at: dt.datetime) -> None:
        """Let a message arrive in a transaction of the caller."""
        services.arrived(session, self.account_id, self.fan_ids[fan], next(pushes), arrival, at=at, now=at)

    def replies(self, conversation_id: int, text: str = "您好", **changes: Any) -> int:
        """Let Lina, or another, reply to all that came; gives the message."""
        with unit_of_work() as session:
            return self.reply(session, conversation_id, text, **changes).id

    def reply(
        self, session: Session, conversation_id: int, text: str = "您好", **changes: Any
    ) -> ChatMessage:
        """Reply in a transaction of the caller."""
        told: dict[str, Any] = {
            "text": text,
            "key": uuid.uuid4(),
            "seen": 10**6,
            "by_staff": self.lina,
            "now": self.now,
            **changes,
        }
        return services.reply(session, conversation_id, **told)

    def row(self, conversation_id: int, *, now: dt.datetime | None = None) -> queries.Row:
        """Give a conversation as it is shown."""
        with unit_of_work() as session:
            return queries.conversation(session, conversation_id, [self.account_id], now=now or self.now)

    def sent(self, outcome: Outcome, *, now: dt.datetime | None = None) -> services.Parcel:
        """Take the next message to send, with that outcome."""
        with unit_of_work() as session:
            parcel = services.claim(session, now=now or self.now)
        assert parcel is not None
        with unit_of_work() as session:
            services.settle(session, parcel, outcome, now=now or self.now)
        return parcel


def make_talk(chain: Chain, make_staff: Callable[..., str], *, fan_count: int = 2) -> Talk:
    """Set the scene, committed."""
    scene = make_scene(chain, fan_count=fan_count)
    logins = [make_staff(chain, f"{name}-{chain.slug}", "agent") for name in ("lina", "wang")]
    with tenant_scope(chain.id), unit_of_work() as session:
        lina, wang = (tenancy.by_login(session, login).id for login in logins)
    return Talk(chain, scene.account_id, scene.fan_ids, lina, wang, clock.now())


def conversation(conversation_id: int) -> Conversation:
    """Give a conversation's row."""
    with unit_of_work() as session:
        return session.get_one(Conversation, (session.tenant_id, conversation_id))


def messages(conversation_id: int) -> list[ChatMessage]:
    """Give a conversation's messages in their order."""
    with unit_of_work() as session:
        mine = ChatMessage.conversation_id == conversation_id
        return list(session.scalars(sa.select(ChatMessage).where(mine).order_by(ChatMessage.seq)))


def sessions(conversation_id: int) -> list[ChatSession]:
    """Give a conversation's sessions in their order."""
    with unit_of_work() as session:
        mine = ChatSession.conversation_id == conversation_id
        return list(session.scalars(sa.select(ChatSession).where(mine).order_by(ChatSession.id)))


def as_staff(staff_id: int) -> Actor:
    """Give a member of staff as who acts."""
    return Actor("staff", staff_id)
