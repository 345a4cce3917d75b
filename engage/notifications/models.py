"""Tables of messages to patients, and of how each kind is worded."""

from __future__ import annotations

import datetime as dt
from typing import Any

import sqlalchemy as sa
from sqlalchemy.dialects.postgresql import JSONB
from sqlalchemy.orm import Mapped, mapped_column

from engage.kernel.db import Identified, Model, belongs_to
from engage.kernel.leases import Leased
from engage.kernel.sealing import Sealed
from engage.notifications.rules import CHANNELS, STATES


class Delivery(Leased, Model):
    """One message to one fan: pending → sending → sent → delivered / failed / unknown, or skipped.

    The unique key (kind, subject, version, fan) keeps a message from being written twice. `fields`
    is what was sent: the template's values, or the text of a customer-service message, which has
    neither template nor page and is never repeated. `title` and `text` are the same as it was read;
    messages older than the column have no `text`. `first_tried_at` begins the ten minutes in which
    WeChat takes a repeat with the same `client_msg_id` for the same message (WeChat §4). A message
    with `withdrawn_at` was overtaken by a change, one past `expires_at` is of no use any more: neither is
    let out (again).
    """

    __tablename__ = "notification_delivery"
    __table_args__ = (
        belongs_to("official_account", "account_id"),
        belongs_to("fan", "fan_id"),
        belongs_to("patient", "patient_id"),
        sa.UniqueConstraint(
            "tenant_id",
            "kind",
            "subject_id",
            "subject_version",
            "fan_id",
            name="uq_notification_delivery_message",
        ),
        sa.UniqueConstraint("tenant_id", "account_id", "msg_id"),
        sa.Index(
            None, "tenant_id", "queue", "available_at", postgresql_where=sa.text("available_at IS NOT NULL")
        ),
        sa.Index(None, "tenant_id", "created_at", "id"),
        sa.Index(
            None,
            "tenant_id",
            "patient_id",
            "created_at",
            "id",
            postgresql_where=sa.text("patient_id IS NOT NULL"),
        ),
        sa.Index(None, "tenant_id", "kind", "created_at", "id"),
        sa.Index(
            "ix_notification_delivery_odd",
            "tenant_id",
            "state",
            "created_at",
            "id",
            postgresql_where=sa.text("state IN ('failed', 'unknown', 'skipped')"),
        ),
        sa.CheckConstraint(f"state IN ({', '.join(repr(state) for state in STATES)})", name="state_known"),
        sa.CheckConstraint(
            f"channel IN ({', '.join(repr(channel) for channel in CHANNELS)})", name="channel_known"
        ),
    )

    kind: Mapped[str]
    channel: Mapped[str]
    subject_id: Mapped[int]
    subject_version: Mapped[int]
    account_id: Mapped[int]
    fan_id: Mapped[int]
    patient_id: Mapped[int | None]
    template_id: Mapped[str]
    fields: Mapped[dict[str, Any]]
    title: Mapped[str]
    text: Mapped[str | None] = mapped_column(Sealed)
    page: Mapped[str]
    state: Mapped[str]
    reason: Mapped[str | None]
    msg_id: Mapped[int | None]
    created_at: Mapped[dt.datetime]
    expires_at: Mapped[dt.datetime | None]
    first_tried_at: Mapped[dt.datetime | None]
    withdrawn_at: Mapped[dt.datetime | None]
    sent_at: Mapped[dt.datetime | None]
    ended_at: Mapped[dt.datetime | None]


class Wording(Identified, Model):
    """How an account words one kind of message: its template at WeChat, and a text for each of its keys.

    `title` and `content` are the template's own, as WeChat gave them; `fields` is a list of
    `{"key": …, "text": …}` whose texts hold placeholders.
    """

    __tablename__ = "notification_wording"
    __table_args__ = (
        belongs_to("official_account", "account_id"),
        sa.UniqueConstraint("tenant_id", "account_id", "kind"),
    )

    account_id: Mapped[int]
    kind: Mapped[str]
    enabled: Mapped[bool]
    template_id: Mapped[str]
    title: Mapped[str]
    content: Mapped[str]
    fields: Mapped[list[dict[str, str]]] = mapped_column(JSONB)
    updated_at: Mapped[dt.datetime]
