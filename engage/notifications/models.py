"""Tables of messages to patients, and of how each kind is worded."""

from __future__ import annotations

import datetime as dt
import uuid
from typing import Any

import sqlalchemy as sa
from sqlalchemy.dialects.postgresql import JSONB
from sqlalchemy.orm import Mapped, mapped_column

from engage.kernel.db import Identified, Model, TenantOwned, belongs_to
from engage.kernel.leases import Leased
from engage.kernel.sealing import Sealed
from engage.notifications.rules import BATCH_STATES, CHANNELS, STATES


class Delivery(Leased, Model):
    """One message to one fan: pending → sending → sent → delivered / failed / unknown, or skipped.

    The unique key (kind, subject, version, fan) keeps a message from being written twice. `fields`
    is what was sent: the template's values, or the text of a customer-service message, which has
    neither template nor page and is never repeated. `title` and `text` are the same as it was read;
    messages older than the column have no `text`. `first_tried_at` begins the ten minutes in which
    WeChat takes a repeat with the same `client_msg_id` for the same message (WeChat §4). A message
    with `withdrawn_at` was overtaken by a change, one past `expires_at` is of no use any more: neither is
    let out (again).

    One of a batch leaves `fields`, `title`, `text`, `page` and `template_id` to it and is claimed with
    its bundle; no foreign key leads there, for each row would cost a look, and no bundle is ever removed.
    """

    __tablename__ = "notification_delivery"
    __table_args__ = (
        belongs_to("official_account", "account_id"),
        belongs_to("fan", "fan_id"),
        belongs_to("patient", "patient_id"),
        belongs_to("notification_batch", "batch_id"),
        sa.Index(
            "ix_notification_delivery_bundle",
            "tenant_id",
            "bundle_id",
            "id",
            postgresql_where=sa.text("bundle_id IS NOT NULL AND available_at IS NOT NULL"),
        ),
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
    batch_id: Mapped[int | None]
    bundle_id: Mapped[int | None]


class Batch(Identified, Model):
    """One message to many fans of an account, worded once; the columns are those of `Delivery`."""

    __tablename__ = "notification_batch"
    __table_args__ = (
        belongs_to("official_account", "account_id"),
        sa.Index(None, "tenant_id", "kind", "subject_id"),
        sa.Index("ix_notification_batch_open", "tenant_id", "id", postgresql_where=sa.text("state = 'open'")),
        sa.CheckConstraint(
            f"state IN ({', '.join(repr(state) for state in BATCH_STATES)})", name="state_known"
        ),
    )

    account_id: Mapped[int]
    kind: Mapped[str]
    subject_id: Mapped[int]
    template_id: Mapped[str]
    fields: Mapped[dict[str, Any]]
    title: Mapped[str]
    text: Mapped[str | None] = mapped_column(Sealed)
    page: Mapped[str]
    state: Mapped[str]
    created_at: Mapped[dt.datetime]


class Bundle(Identified, Model):
    """Up to 500 messages of a batch, which one worker claims, sends and settles together (ADR 0012).

    `available_at` is NULL once none of them waits any more. While a worker has it out, `out_since` is
    when it took it, and `out_last` the last message it took: found again after the lease, those up to
    it may have been sent since then.
    """

    __tablename__ = "notification_bundle"
    __table_args__ = (
        belongs_to("notification_batch", "batch_id"),
        sa.Index(
            "ix_notification_bundle_due",
            "tenant_id",
            "batch_id",
            "available_at",
            "id",
            postgresql_where=sa.text("available_at IS NOT NULL"),
        ),
    )

    batch_id: Mapped[int]
    available_at: Mapped[dt.datetime | None]
    lease: Mapped[uuid.UUID | None]
    attempts: Mapped[int] = mapped_column(sa.Integer, server_default=sa.text("0"))
    out_since: Mapped[dt.datetime | None]
    out_last: Mapped[int | None]


class Pace(TenantOwned, Model):
    """How fast an account may send now, and how much it sent on WeChat's `day` (P17).

    `tokens` were there at `refilled_at`. Until `held_until` no message to many goes out: WeChat said
    that the day's calls are spent.
    """

    __tablename__ = "message_pace"
    __table_args__ = (belongs_to("official_account", "account_id"),)

    account_id: Mapped[int] = mapped_column(primary_key=True, autoincrement=False)
    tokens: Mapped[float]
    refilled_at: Mapped[dt.datetime]
    day: Mapped[dt.date]
    used: Mapped[int] = mapped_column(sa.Integer)
    held_until: Mapped[dt.datetime | None]


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
