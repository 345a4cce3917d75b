"""Tables of messages to patients."""

from __future__ import annotations

import datetime as dt
from typing import Any

import sqlalchemy as sa
from sqlalchemy.orm import Mapped

from engage.kernel.db import Model, belongs_to
from engage.kernel.leases import Leased
from engage.notifications.rules import CHANNELS, STATES


class Delivery(Leased, Model):
    """One message to one fan: pending → sending → sent → delivered / failed / unknown, or skipped.

    The unique key (kind, subject, version, fan) keeps a message from being written twice. `fields`
    is what was sent: the template's values, or the text of a customer-service message, which has
    neither template nor page and is never repeated. `first_tried_at` begins the ten minutes in which
    WeChat takes a repeat with the same `client_msg_id` for the same message (WeChat §4).
    """

    __tablename__ = "notification_delivery"
    __table_args__ = (
        belongs_to("official_account", "account_id"),
        belongs_to("fan", "fan_id"),
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
    template_id: Mapped[str]
    fields: Mapped[dict[str, Any]]
    page: Mapped[str]
    state: Mapped[str]
    reason: Mapped[str | None]
    msg_id: Mapped[int | None]
    created_at: Mapped[dt.datetime]
    first_tried_at: Mapped[dt.datetime | None]
    sent_at: Mapped[dt.datetime | None]
    ended_at: Mapped[dt.datetime | None]
