"""Tables of conversations, their sessions and messages."""

from __future__ import annotations

import datetime as dt
import uuid
from typing import Any

import sqlalchemy as sa
from sqlalchemy.orm import Mapped, mapped_column

from engage.chat.rules import KINDS
from engage.kernel.db import Identified, Model, TenantOwned, belongs_to
from engage.kernel.leases import Leased
from engage.kernel.sealing import Sealed


class Conversation(Identified, Model):
    """All that a fan and the staff wrote to each other, one per fan.

    `seq` is the last number given out. Every change that somebody sees takes the next one, under this
    row's lock, so that numbers are committed in their order; `touched_at` is the database's time of it.
    The fan's messages up to `answered_seq` are answered or ignored, `last_in_seq` is the fan's last, and
    `waiting_since` the time of the first that is neither. `talked_at` is set while a session is open: when
    either side last wrote in it. `window_*` is what WeChat still takes, and until when.
    """

    __tablename__ = "conversation"
    __table_args__ = (
        belongs_to("official_account", "account_id"),
        belongs_to("fan", "fan_id"),
        belongs_to("staff", "dedicated_staff_id"),
        belongs_to("staff", "ignored_by"),
        sa.UniqueConstraint("tenant_id", "fan_id"),
        sa.Index(None, "tenant_id", "touched_at"),
        sa.Index(None, "tenant_id", "last_at", "id"),
        sa.Index(
            "ix_conversation_waiting",
            "tenant_id",
            "account_id",
            "waiting_since",
            "id",
            postgresql_where=sa.text("waiting_since IS NOT NULL"),
        ),
        sa.Index(
            "ix_conversation_dedicated",
            "tenant_id",
            "dedicated_staff_id",
            postgresql_where=sa.text("dedicated_staff_id IS NOT NULL"),
        ),
        sa.Index(
            "ix_conversation_talking",
            "tenant_id",
            "talked_at",
            postgresql_where=sa.text("talked_at IS NOT NULL"),
        ),
        sa.CheckConstraint("window_left >= 0", name="window_left_counted"),
        sa.CheckConstraint("answered_seq BETWEEN 0 AND last_in_seq", name="answered_what_came"),
        sa.CheckConstraint("last_in_seq <= seq", name="seq_is_last"),
        sa.CheckConstraint(
            "(waiting_since IS NULL) = (answered_seq = last_in_seq)", name="waits_while_unanswered"
        ),
        sa.CheckConstraint("(ignored_by IS NULL) = (ignored_at IS NULL)", name="ignored_by_somebody"),
    )

    account_id: Mapped[int]
    fan_id: Mapped[int]
    seq: Mapped[int]
    touched_at: Mapped[dt.datetime]
    last_at: Mapped[dt.datetime]
    last_in_seq: Mapped[int]
    answered_seq: Mapped[int]
    waiting_since: Mapped[dt.datetime | None]
    talked_at: Mapped[dt.datetime | None]
    ignored_by: Mapped[int | None]
    ignored_at: Mapped[dt.datetime | None]
    dedicated_staff_id: Mapped[int | None]
    window_until: Mapped[dt.datetime | None]
    window_left: Mapped[int] = mapped_column(sa.Integer)


class ChatSession(Identified, Model):
    """A member of staff talks with a fan, one at a time per conversation.

    `closed_by` is empty where it ended by itself. It is over ten minutes after the conversation's
    `talked_at`, also before somebody wrote that down.
    """

    __tablename__ = "chat_session"
    __table_args__ = (
        belongs_to("conversation", "conversation_id"),
        belongs_to("staff", "staff_id"),
        belongs_to("staff", "closed_by"),
        sa.Index(
            "uq_chat_session_open",
            "tenant_id",
            "conversation_id",
            unique=True,
            postgresql_where=sa.text("closed_at IS NULL"),
        ),
        sa.Index(
            "ix_chat_session_held", "tenant_id", "staff_id", postgresql_where=sa.text("closed_at IS NULL")
        ),
        sa.Index(None, "tenant_id", "conversation_id", "opened_at"),
        sa.CheckConstraint("closed_by IS NULL OR closed_at IS NOT NULL", name="closed_by_at"),
    )

    conversation_id: Mapped[int]
    staff_id: Mapped[int]
    opened_at: Mapped[dt.datetime]
    closed_at: Mapped[dt.datetime | None]
    closed_by: Mapped[int | None]


class ChatMessage(Leased, Model):
    """One message of a conversation; `seq` is its place, `changed_seq` the number of its last change.

    A fan's is `received`, once per push; its file is fetched by the queue "media". One of staff is
    written once per `key` and goes pending → sending → sent / failed / unknown by the queue "chats".
    `text` holds the words of it: also the label of a place, the title of a link, what was recognised in
    speech. `file` is a key of `kernel.files`. `data` has what a kind needs beside it: `media_id`, `width`,
    `height`, `latitude`, `longitude`, `url`, and `again`, the id of the message that was sent in its place.
    """

    __tablename__ = "chat_message"
    __table_args__ = (
        belongs_to("conversation", "conversation_id"),
        belongs_to("staff", "author_id"),
        belongs_to("chat_session", "session_id"),
        sa.UniqueConstraint("tenant_id", "conversation_id", "seq"),
        sa.Index(None, "tenant_id", "conversation_id", "changed_seq"),
        sa.Index(
            "uq_chat_message_key",
            "tenant_id",
            "conversation_id",
            "key",
            unique=True,
            postgresql_where=sa.text("key IS NOT NULL"),
        ),
        sa.Index(
            "uq_chat_message_push",
            "tenant_id",
            "push_id",
            unique=True,
            postgresql_where=sa.text("push_id IS NOT NULL"),
        ),
        sa.Index(
            None, "tenant_id", "queue", "available_at", postgresql_where=sa.text("available_at IS NOT NULL")
        ),
        sa.CheckConstraint(f"kind IN ({', '.join(repr(kind) for kind in KINDS)})", name="kind_known"),
        sa.CheckConstraint(
            "CASE direction WHEN 'in' THEN state = 'received' "
            "WHEN 'out' THEN state IN ('pending', 'sending', 'sent', 'failed', 'unknown') ELSE false END",
            name="state_known",
        ),
        sa.CheckConstraint("changed_seq >= seq", name="changed_after_made"),
    )

    conversation_id: Mapped[int]
    seq: Mapped[int]
    changed_seq: Mapped[int]
    direction: Mapped[str]
    author_id: Mapped[int | None]
    session_id: Mapped[int | None]
    kind: Mapped[str]
    text: Mapped[str | None] = mapped_column(Sealed)
    file: Mapped[str | None]
    data: Mapped[dict[str, Any]]
    key: Mapped[uuid.UUID | None]
    push_id: Mapped[int | None]
    state: Mapped[str]
    reason: Mapped[str | None]
    at: Mapped[dt.datetime]
    sent_at: Mapped[dt.datetime | None]
    first_tried_at: Mapped[dt.datetime | None]


class Presence(TenantOwned, Model):
    """When a browser of a person last told that it is open, and by which log-in."""

    __tablename__ = "presence"
    __table_args__ = (
        belongs_to("staff", "staff_id", ondelete="CASCADE"),
        belongs_to("staff_session", "session_id", ondelete="CASCADE"),
    )

    staff_id: Mapped[int] = mapped_column(primary_key=True, autoincrement=False)
    session_id: Mapped[int]
    seen_at: Mapped[dt.datetime]
