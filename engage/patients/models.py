"""Tables of patients: charts, bindings, codes sent to phones, the timeline."""

from __future__ import annotations

import datetime as dt
from collections.abc import Collection
from typing import Any

import sqlalchemy as sa
from sqlalchemy.orm import Mapped, mapped_column

from engage.kernel.db import Identified, Model, TenantOwned, belongs_to
from engage.kernel.leases import Leased
from engage.kernel.sealing import Sealed
from engage.patients.rules import CODE_STATES, SEXES, SOURCES, WAYS


def _one_of(column: str, words: Collection[str], name: str) -> sa.CheckConstraint:
    return sa.CheckConstraint(f"{column} IN ({', '.join(repr(word) for word in words)})", name=name)


class Patient(Identified, Model):
    """A person's chart. `number` counts from 1 in a chain.

    A phone cannot be compared as it is sealed: the indexes beside it are of the whole number and of
    its last four digits (design §3.8). Families share a phone, so several charts may.
    """

    __tablename__ = "patient"
    __table_args__ = (
        belongs_to("store", "store_id"),
        sa.UniqueConstraint("tenant_id", "number"),
        sa.Index(None, "tenant_id", "phone_index", postgresql_where=sa.text("phone_index IS NOT NULL")),
        sa.Index(None, "tenant_id", "tail_index", postgresql_where=sa.text("tail_index IS NOT NULL")),
        _one_of("sex", SEXES, "sex_known"),
        _one_of("source", SOURCES, "source_known"),
        sa.CheckConstraint(
            "(phone IS NULL) = (phone_index IS NULL) AND (phone IS NULL) = (tail_index IS NULL)",
            name="phone_is_indexed",
        ),
    )

    number: Mapped[int] = mapped_column(sa.Integer)
    name: Mapped[str] = mapped_column(Sealed)
    phone: Mapped[str | None] = mapped_column(Sealed)
    phone_index: Mapped[bytes | None]
    tail_index: Mapped[bytes | None]
    sex: Mapped[str | None]
    birth_date: Mapped[dt.date | None]
    source: Mapped[str]
    store_id: Mapped[int | None]
    memo: Mapped[str] = mapped_column(Sealed)
    created_at: Mapped[dt.datetime]


class ChartNumber(TenantOwned, Model):
    """The last number given to a chart of the chain."""

    __tablename__ = "chart_number"

    last: Mapped[int] = mapped_column(sa.Integer)


class PatientTerm(TenantOwned, Model):
    """What a patient is searched by, with `>=` and `<`: row-level security lets an index serve these."""

    __tablename__ = "patient_term"
    __table_args__ = (belongs_to("patient", "patient_id", ondelete="CASCADE"),)

    term: Mapped[str] = mapped_column(sa.Text(collation="C"), primary_key=True)
    patient_id: Mapped[int] = mapped_column(primary_key=True, autoincrement=False)


class Binding(Identified, Model):
    """A fan speaks for a patient, from `bound_at` until `unbound_at`; past ones are kept."""

    __tablename__ = "binding"
    __table_args__ = (
        belongs_to("fan", "fan_id"),
        belongs_to("patient", "patient_id"),
        sa.Index(
            "uq_binding_live",
            "tenant_id",
            "fan_id",
            "patient_id",
            unique=True,
            postgresql_where=sa.text("unbound_at IS NULL"),
        ),
        sa.Index(None, "tenant_id", "patient_id"),
        sa.Index(None, "tenant_id", "fan_id", "bound_at"),
        _one_of("how", WAYS, "how_known"),
        sa.CheckConstraint("bound_at <= unbound_at", name="unbound_after_bound"),
    )

    fan_id: Mapped[int]
    patient_id: Mapped[int]
    how: Mapped[str]
    bound_at: Mapped[dt.datetime]
    unbound_at: Mapped[dt.datetime | None]


class FanPhone(TenantOwned, Model):
    """The phone a fan has proven last."""

    __tablename__ = "fan_phone"
    __table_args__ = (belongs_to("fan", "fan_id"),)

    fan_id: Mapped[int] = mapped_column(primary_key=True, autoincrement=False)
    phone: Mapped[str] = mapped_column(Sealed)
    phone_index: Mapped[bytes]
    verified_at: Mapped[dt.datetime]


class PhoneCode(Leased, Model):
    """A code for one fan and one phone: pending → sent, failed, or unknown when nobody answered.

    Only the latest of a fan and phone counts. `tries` counts what was typed, right or wrong.
    """

    __tablename__ = "phone_code"
    __table_args__ = (
        belongs_to("fan", "fan_id"),
        sa.Index(
            None, "tenant_id", "queue", "available_at", postgresql_where=sa.text("available_at IS NOT NULL")
        ),
        sa.Index(None, "tenant_id", "fan_id", "phone_index", "id"),
        sa.Index(
            "ix_phone_code_lost",
            "tenant_id",
            "created_at",
            postgresql_where=sa.text("state IN ('failed', 'unknown')"),
        ),
        _one_of("state", CODE_STATES, "state_known"),
    )

    fan_id: Mapped[int]
    phone: Mapped[str] = mapped_column(Sealed)
    phone_index: Mapped[bytes]
    code: Mapped[str] = mapped_column(Sealed)
    state: Mapped[str]
    reason: Mapped[str | None]
    created_at: Mapped[dt.datetime]
    expires_at: Mapped[dt.datetime]
    tries: Mapped[int] = mapped_column(sa.Integer, server_default=sa.text("0"))
    used_at: Mapped[dt.datetime | None]


class PhoneLimit(TenantOwned, Model):
    """How many codes a phone, or an address, asked for on its last day, and when last."""

    __tablename__ = "phone_limit"

    key: Mapped[bytes] = mapped_column(primary_key=True)
    day: Mapped[dt.date]
    count: Mapped[int] = mapped_column(sa.Integer)
    last_at: Mapped[dt.datetime]


class TimelineEntry(Identified, Model):
    """Something that happened to a fan or a patient. `cause` is what makes a repeat one."""

    __tablename__ = "timeline_entry"
    __table_args__ = (
        belongs_to("fan", "fan_id"),
        belongs_to("patient", "patient_id"),
        sa.UniqueConstraint("tenant_id", "cause"),
        sa.Index(None, "tenant_id", "patient_id", "at", "id"),
        sa.Index(None, "tenant_id", "fan_id", "at", "id"),
        sa.CheckConstraint("fan_id IS NOT NULL OR patient_id IS NOT NULL", name="about_somebody"),
    )

    at: Mapped[dt.datetime]
    kind: Mapped[str]
    fan_id: Mapped[int | None]
    patient_id: Mapped[int | None]
    subject_id: Mapped[int]
    data: Mapped[dict[str, Any]]
    cause: Mapped[str]
