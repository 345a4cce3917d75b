"""What conversations keep of people: texts and files. That there were some stays, for figures."""

from __future__ import annotations

import datetime as dt
from collections.abc import Callable
from typing import Any

import sqlalchemy as sa

from engage.chat.models import ChatMessage, ChatSession, Conversation
from engage.chat.rules import STATES
from engage.kernel.errors import N_
from engage.kernel.people import Holder, Kept, Who, among, of_fan


def _within(conversation_id: Any) -> Callable[[Who], sa.ColumnElement[bool]]:
    """Rows of the conversations of fans."""

    def whose(who: Who) -> sa.ColumnElement[bool]:
        theirs = sa.select(Conversation.id).where(among(Conversation.fan_id, who.fan_ids))
        found: sa.ColumnElement[bool] = conversation_id.in_(theirs)
        return found

    return whose


def _emptied(_now: dt.datetime) -> dict[str, Any]:
    """What waits for a worker is let go."""
    return {"text": None, "file": None, "data": {}, "error": None, "available_at": None, "lease": None}


HOLDER = Holder(
    "chat",
    (
        Kept(
            ChatMessage,
            N_("Chats"),
            columns=("conversation_id",),
            whose=_within(ChatMessage.conversation_id),
            shown={
                "at": N_("Time"),
                "direction": N_("From"),
                "kind": N_("Kind"),
                "text": N_("Text"),
                "state": N_("State"),
            },
            words={"state": STATES, "direction": {"in": N_("The person"), "out": N_("The clinic")}},
            emptied=_emptied,
            file="file",
        ),
        Kept(
            ChatSession,
            N_("Chat sessions"),
            columns=("conversation_id",),
            whose=_within(ChatSession.conversation_id),
            shown={"opened_at": N_("Begun"), "closed_at": N_("Ended")},
        ),
        Kept(Conversation, N_("Conversations"), columns=("fan_id",), whose=of_fan(Conversation.fan_id)),
    ),
)
