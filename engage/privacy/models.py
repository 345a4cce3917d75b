"""Tables of privacy: notices, consent, what was asked for, and the work that follows."""

from __future__ import annotations

import datetime as dt

import sqlalchemy as sa
from sqlalchemy.dialects.postgresql import ARRAY
from sqlalchemy.orm import Mapped, mapped_column

from engage.kernel.db import Identified, Model, TenantOwned, belongs_to
from engage.kernel.leases import Leased
from engage.privacy.rules import REASONS, REQUEST_STATES, REQUESTS, TASK_STATES, TASKS


def _one_of(column: str, words: dict[str, str], name: str) -> sa.CheckConstraint:
    return sa.CheckConstraint(f"{column} IN ({', '.join(repr(word) for word in words)})", name=name)


class Notice(TenantOwned, Model):
    """The clinic's privacy notice; a new wording is a new version, and people agree to a version."""

    __tablename__ = "privacy_notice"
    __table_args__ = (belongs_to("staff", "written_by"),)

    version: Mapped[int] = mapped_column(sa.Integer, primary_key=True, autoincrement=False)
    text: Mapped[str]
    written_at: Mapped[dt.datetime]
    written_by: Mapped[int | None]


class Consent(Identified, Model):
    """A fan agreed to a notice, until `withdrawn_at`; past ones are kept. One lives per fan."""

    __tablename__ = "consent"
    __table_args__ = (
        belongs_to("fan", "fan_id"),
        sa.Index(
            "uq_consent_live",
            "tenant_id",
            "fan_id",
            unique=True,
            postgresql_where=sa.text("withdrawn_at IS NULL"),
        ),
        sa.Index(None, "tenant_id", "fan_id", "id"),
        sa.CheckConstraint("given_at <= withdrawn_at", name="withdrawn_after_given"),
    )

    fan_id: Mapped[int]
    notice_version: Mapped[int] = mapped_column(sa.Integer)
    given_at: Mapped[dt.datetime]
    withdrawn_at: Mapped[dt.datetime | None]


class PrivacyRequest(Identified, Model):
    """A fan asked for a copy, or for erasure; staff decide. One of a kind waits per fan."""

    __tablename__ = "privacy_request"
    __table_args__ = (
        belongs_to("fan", "fan_id"),
        belongs_to("staff", "decided_by"),
        sa.Index(
            "uq_privacy_request_waiting",
            "tenant_id",
            "fan_id",
            "kind",
            unique=True,
            postgresql_where=sa.text("state = 'waiting'"),
        ),
        sa.Index(None, "tenant_id", "state", "id"),
        sa.Index(None, "tenant_id", "fan_id", "id"),
        _one_of("kind", REQUESTS, "kind_known"),
        _one_of("state", REQUEST_STATES, "state_known"),
        sa.CheckConstraint("(state = 'waiting') = (decided_at IS NULL)", name="decided_has_time"),
    )

    fan_id: Mapped[int]
    kind: Mapped[str]
    state: Mapped[str]
    asked_at: Mapped[dt.datetime]
    decided_at: Mapped[dt.datetime | None]
    decided_by: Mapped[int | None]


class PrivacyTask(Leased, Model):
    """A copy to make, a person to erase, or files to remove: waiting → done, or failed.

    `file` is the key of the copy's bytes in `kernel.files`; of `files`, those go that no row names any more.
    `progress` counts tables of `steps`.
    """

    __tablename__ = "privacy_task"
    __table_args__ = (
        belongs_to("patient", "patient_id"),
        belongs_to("staff", "asked_by"),
        sa.Index(
            None, "tenant_id", "queue", "available_at", postgresql_where=sa.text("available_at IS NOT NULL")
        ),
        sa.Index(
            "uq_privacy_task_waiting",
            "tenant_id",
            "patient_id",
            "kind",
            unique=True,
            postgresql_where=sa.text("state = 'waiting' AND patient_id IS NOT NULL"),
        ),
        sa.Index(None, "tenant_id", "patient_id", "id"),
        sa.Index("ix_privacy_task_failed", "tenant_id", "id", postgresql_where=sa.text("state = 'failed'")),
        _one_of("kind", TASKS, "kind_known"),
        _one_of("state", TASK_STATES, "state_known"),
    )

    kind: Mapped[str]
    state: Mapped[str]
    patient_id: Mapped[int | None]
    asked_by: Mapped[int | None]
    language: Mapped[str]
    progress: Mapped[int] = mapped_column(sa.Integer)
    steps: Mapped[int] = mapped_column(sa.Integer)
    file: Mapped[str | None]
    files: Mapped[list[str]] = mapped_column(ARRAY(sa.Text))
    asked_at: Mapped[dt.datetime]
    done_at: Mapped[dt.datetime | None]


class DuplicateKey(TenantOwned, Model):
    """What a chart is compared by (`rules.twin_keys`), as keyed digests: who shares one may be the same."""

    __tablename__ = "duplicate_key"
    __table_args__ = (
        belongs_to("patient", "patient_id"),
        sa.Index(None, "tenant_id", "key", "patient_id"),
        _one_of("reason", REASONS, "reason_known"),
    )

    patient_id: Mapped[int] = mapped_column(primary_key=True, autoincrement=False)
    reason: Mapped[str] = mapped_column(primary_key=True)
    key: Mapped[bytes]


class DuplicatePair(TenantOwned, Model):
    """Two charts that may be one person's, the older first, and why. Dismissed: they are two persons'."""

    __tablename__ = "duplicate_pair"
    __table_args__ = (
        belongs_to("patient", "first_id"),
        belongs_to("patient", "second_id"),
        belongs_to("staff", "dismissed_by"),
        sa.Index(None, "tenant_id", "second_id", "first_id"),
        sa.Index(
            "ix_duplicate_pair_open",
            "tenant_id",
            "found_at",
            "first_id",
            "second_id",
            postgresql_where=sa.text("dismissed_at IS NULL"),
        ),
        sa.CheckConstraint("first_id < second_id", name="in_order"),
        sa.CheckConstraint("(dismissed_at IS NULL) = (dismissed_by IS NULL)", name="dismissed_by_somebody"),
    )

    first_id: Mapped[int] = mapped_column(primary_key=True, autoincrement=False)
    second_id: Mapped[int] = mapped_column(primary_key=True, autoincrement=False)
    reasons: Mapped[list[str]] = mapped_column(ARRAY(sa.Text))
    found_at: Mapped[dt.datetime]
    dismissed_at: Mapped[dt.datetime | None]
    dismissed_by: Mapped[int | None]
