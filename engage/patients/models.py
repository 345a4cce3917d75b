"""Tables of patients: charts, bindings, codes sent to phones, the timeline."""

from __future__ import annotations

import datetime as dt
import uuid
from collections.abc import Collection
from typing import Any

import sqlalchemy as sa
from sqlalchemy.dialects.postgresql import JSONB
from sqlalchemy.orm import Mapped, mapped_column

from engage.kernel.db import Identified, Model, TenantOwned, belongs_to
from engage.kernel.leases import Leased
from engage.kernel.sealing import Sealed
from engage.patients.profiles import STATES as PROFILE_STATES
from engage.patients.rules import CODE_STATES, REGIONS, SEXES, SOURCES, WAYS


def _one_of(column: str, words: Collection[str], name: str) -> sa.CheckConstraint:
    return sa.CheckConstraint(f"{column} IN ({', '.join(repr(word) for word in words)})", name=name)


class Patient(Identified, Model):
    """A person's chart. `number` counts from 1 in a chain.

    A phone cannot be compared as it is sealed: the indexes beside it are of the whole number and of
    its last four digits (design §3.8). Families share a phone, so several charts may.
    `name` is the whole name as it is shown; its parts are known where somebody gave them.
    A chart that was merged into another stays, with `merged_into_id`, and is not searched any more.
    """

    __tablename__ = "patient"
    __table_args__ = (
        belongs_to("store", "store_id"),
        belongs_to("staff", "consultant_id"),
        belongs_to("patient", "merged_into_id"),
        sa.UniqueConstraint("tenant_id", "number"),
        sa.Index(None, "tenant_id", "phone_index", postgresql_where=sa.text("phone_index IS NOT NULL")),
        sa.Index(None, "tenant_id", "tail_index", postgresql_where=sa.text("tail_index IS NOT NULL")),
        sa.Index(None, "tenant_id", "email_index", postgresql_where=sa.text("email_index IS NOT NULL")),
        sa.Index(None, "tenant_id", "store_id", "id"),
        sa.Index(
            None, "tenant_id", "consultant_id", "id", postgresql_where=sa.text("consultant_id IS NOT NULL")
        ),
        sa.Index(None, "tenant_id", "source", "id"),
        sa.Index("ix_patient_on_treatment", "tenant_id", "id", postgresql_where=sa.text("on_treatment")),
        sa.Index(None, "tenant_id", "merged_into_id", postgresql_where=sa.text("merged_into_id IS NOT NULL")),
        _one_of("sex", SEXES, "sex_known"),
        _one_of("source", SOURCES, "source_known"),
        _one_of("region", REGIONS, "region_known"),
        sa.CheckConstraint("(email IS NULL) = (email_index IS NULL)", name="email_is_indexed"),
        sa.CheckConstraint("merged_into_id <> id", name="merged_into_another"),
        sa.CheckConstraint(
            "(phone IS NULL) = (phone_index IS NULL) AND (phone IS NULL) = (tail_index IS NULL)",
            name="phone_is_indexed",
        ),
    )

    number: Mapped[int] = mapped_column(sa.Integer)
    name: Mapped[str] = mapped_column(Sealed)
    family_name: Mapped[str | None] = mapped_column(Sealed)
    middle_name: Mapped[str | None] = mapped_column(Sealed)
    given_name: Mapped[str | None] = mapped_column(Sealed)
    phone: Mapped[str | None] = mapped_column(Sealed)
    phone_index: Mapped[bytes | None]
    tail_index: Mapped[bytes | None]
    email: Mapped[str | None] = mapped_column(Sealed)
    email_index: Mapped[bytes | None]
    sex: Mapped[str | None]
    birth_date: Mapped[dt.date | None]
    region: Mapped[str | None]
    source: Mapped[str]
    store_id: Mapped[int | None]
    consultant_id: Mapped[int | None]
    on_treatment: Mapped[bool] = mapped_column(server_default=sa.false())
    memo: Mapped[str] = mapped_column(Sealed)
    created_at: Mapped[dt.datetime]
    version: Mapped[int] = mapped_column(sa.Integer, server_default=sa.text("1"))
    merged_into_id: Mapped[int | None]
    erased_at: Mapped[dt.datetime | None]


class PatientFact(TenantOwned, Model):
    """What follows from a patient's visits, bills and bindings; always computed anew from those rows."""

    __tablename__ = "patient_fact"
    __table_args__ = (
        belongs_to("patient", "patient_id", ondelete="CASCADE"),
        sa.Index(None, "tenant_id", "last_visit_at", "patient_id"),
        sa.Index(
            "ix_patient_fact_unbound", "tenant_id", "patient_id", postgresql_where=sa.text("NOT is_bound")
        ),
        sa.CheckConstraint("(visits = 0) = (last_visit_at IS NULL)", name="visits_have_days"),
        sa.CheckConstraint("(first_visit_at IS NULL) = (last_visit_at IS NULL)", name="first_and_last"),
    )

    patient_id: Mapped[int] = mapped_column(primary_key=True, autoincrement=False)
    first_visit_at: Mapped[dt.datetime | None]
    last_visit_at: Mapped[dt.datetime | None]
    visits: Mapped[int] = mapped_column(sa.Integer, server_default=sa.text("0"))
    is_bound: Mapped[bool] = mapped_column(server_default=sa.false())
    paid_minor: Mapped[int] = mapped_column(server_default=sa.text("0"))
    refunded_minor: Mapped[int] = mapped_column(server_default=sa.text("0"))


class ChartNumber(TenantOwned, Model):
    """The last number given to a chart of the chain."""

    __tablename__ = "chart_number"

    last: Mapped[int] = mapped_column(sa.Integer)


class PatientTerm(TenantOwned, Model):
    """What a patient is searched by, with `>=` and `<`: row-level security lets an index serve these."""

    __tablename__ = "patient_term"
    __table_args__ = (
        belongs_to("patient", "patient_id", ondelete="CASCADE"),
        sa.Index(None, "tenant_id", "patient_id"),
    )

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


class BindTicket(Identified, Model):
    """A code that the desk shows for one patient: who scans it first, and soon, speaks for them."""

    __tablename__ = "bind_ticket"
    __table_args__ = (
        belongs_to("patient", "patient_id"),
        belongs_to("staff", "made_by"),
        belongs_to("fan", "used_by_fan_id"),
        sa.UniqueConstraint("tenant_id", "token_digest"),
        sa.Index(None, "tenant_id", "patient_id"),
        sa.Index(
            "ix_bind_ticket_used_by",
            "tenant_id",
            "used_by_fan_id",
            postgresql_where=sa.text("used_by_fan_id IS NOT NULL"),
        ),
        sa.CheckConstraint("(used_at IS NULL) = (used_by_fan_id IS NULL)", name="used_by_somebody"),
    )

    patient_id: Mapped[int]
    token_digest: Mapped[str]
    made_by: Mapped[int]
    made_at: Mapped[dt.datetime]
    expires_at: Mapped[dt.datetime]
    used_at: Mapped[dt.datetime | None]
    used_by_fan_id: Mapped[int | None]


class ProfileForm(TenantOwned, Model):
    """What patients are asked for when they complete their profile; the latest version counts."""

    __tablename__ = "profile_form"
    __table_args__ = (belongs_to("staff", "made_by"),)

    version: Mapped[int] = mapped_column(sa.Integer, primary_key=True, autoincrement=False)
    questions: Mapped[list[dict[str, Any]]] = mapped_column(JSONB)
    made_by: Mapped[int]
    made_at: Mapped[dt.datetime]


class ProfileSubmission(Identified, Model):
    """A profile that a fan handed in. One of a fan waits: handing in again changes it, `version` by one.

    `data` holds the answers as JSON. `key` makes a second tap the same. `patient_id` is the chart that
    was made, or that they were added to.
    """

    __tablename__ = "profile_submission"
    __table_args__ = (
        belongs_to("official_account", "account_id"),
        belongs_to("fan", "fan_id"),
        belongs_to("staff", "decided_by"),
        belongs_to("patient", "patient_id"),
        sa.UniqueConstraint("tenant_id", "key"),
        sa.Index(
            "uq_profile_submission_waiting",
            "tenant_id",
            "fan_id",
            unique=True,
            postgresql_where=sa.text("state = 'waiting'"),
        ),
        sa.Index(None, "tenant_id", "fan_id", "id"),
        sa.Index(
            "ix_profile_submission_waiting",
            "tenant_id",
            "submitted_at",
            "id",
            postgresql_where=sa.text("state = 'waiting'"),
        ),
        sa.Index(
            "ix_profile_submission_decided",
            "tenant_id",
            "submitted_at",
            "id",
            postgresql_where=sa.text("state <> 'waiting'"),
        ),
        sa.Index(None, "tenant_id", "patient_id", postgresql_where=sa.text("patient_id IS NOT NULL")),
        _one_of("state", PROFILE_STATES, "state_known"),
        sa.CheckConstraint(
            "(state = 'waiting') = (decided_at IS NULL) AND (decided_at IS NULL) = (decided_by IS NULL)",
            name="decided_by_somebody",
        ),
        sa.CheckConstraint("(state = 'rejected') = (reason IS NOT NULL)", name="rejected_for_a_reason"),
        sa.CheckConstraint(
            "(state IN ('created', 'attached')) = (patient_id IS NOT NULL)", name="accepted_has_chart"
        ),
    )

    account_id: Mapped[int]
    fan_id: Mapped[int]
    key: Mapped[uuid.UUID]
    form_version: Mapped[int] = mapped_column(sa.Integer)
    data: Mapped[str] = mapped_column(Sealed)
    state: Mapped[str]
    version: Mapped[int] = mapped_column(sa.Integer)
    submitted_at: Mapped[dt.datetime]
    decided_at: Mapped[dt.datetime | None]
    decided_by: Mapped[int | None]
    reason: Mapped[str | None] = mapped_column(Sealed)
    patient_id: Mapped[int | None]
