"""Tables of tenants, staff, roles and log-in sessions."""

from __future__ import annotations

import datetime as dt

import sqlalchemy as sa
from sqlalchemy.orm import Mapped, mapped_column

from engage.kernel.db import Identified, Model, TenantOwned, belongs_to
from engage.kernel.sealing import Sealed


class Tenant(Model):
    """A clinic chain. Walled by its own id."""

    __tablename__ = "tenant"

    id: Mapped[int] = mapped_column(sa.Identity(), primary_key=True)
    slug: Mapped[str] = mapped_column(unique=True)
    name: Mapped[str]
    short_name: Mapped[str]
    zone: Mapped[str]
    currency: Mapped[str]
    accent: Mapped[str]
    created_at: Mapped[dt.datetime]


class Staff(Identified, Model):
    """A person who logs in to the console."""

    __tablename__ = "staff"
    __table_args__ = (
        sa.UniqueConstraint("tenant_id", "login"),
        sa.CheckConstraint("failed_logins >= 0", name="failed_logins_not_negative"),
    )

    login: Mapped[str]
    name: Mapped[str]
    language: Mapped[str]
    password_hash: Mapped[str]
    password_changed_at: Mapped[dt.datetime]
    must_change_password: Mapped[bool]
    failed_logins: Mapped[int] = mapped_column(sa.Integer, server_default=sa.text("0"))
    locked_until: Mapped[dt.datetime | None]
    disabled_at: Mapped[dt.datetime | None]
    created_at: Mapped[dt.datetime]
    last_seen_at: Mapped[dt.datetime | None]

    @property
    def state(self) -> str:
        """`active` or `disabled`."""
        return "disabled" if self.disabled_at else "active"


class StaffRole(Identified, Model):
    """A role held at one store, or at all of them when `store_id` is NULL."""

    __tablename__ = "staff_role"
    __table_args__ = (
        belongs_to("staff", "staff_id", ondelete="CASCADE"),
        belongs_to("store", "store_id"),
        sa.UniqueConstraint("tenant_id", "staff_id", "role", "store_id", postgresql_nulls_not_distinct=True),
        sa.CheckConstraint("role <> 'owner' OR store_id IS NULL", name="owner_of_all_stores"),
    )

    staff_id: Mapped[int]
    role: Mapped[str]
    store_id: Mapped[int | None]


class StaffSession(Identified, Model):
    """A log-in on one browser; the cookie holds a token, the row its digest."""

    __tablename__ = "staff_session"
    __table_args__ = (
        belongs_to("staff", "staff_id", ondelete="CASCADE"),
        belongs_to("store", "store_id"),
        sa.UniqueConstraint("tenant_id", "token_digest"),
        sa.Index(None, "tenant_id", "staff_id", postgresql_where=sa.text("ended_at IS NULL")),
    )

    staff_id: Mapped[int]
    token_digest: Mapped[str]
    browser: Mapped[str]
    store_id: Mapped[int | None]
    created_at: Mapped[dt.datetime]
    seen_at: Mapped[dt.datetime]
    expires_at: Mapped[dt.datetime]
    ended_at: Mapped[dt.datetime | None]


class SecondFactor(TenantOwned, Model):
    """The secret of a person's authenticator app; it counts from `confirmed_at` on.

    `last_step` is the step of 30 seconds whose code was accepted last: none counts twice.
    """

    __tablename__ = "staff_second_factor"
    __table_args__ = (belongs_to("staff", "staff_id", ondelete="CASCADE"),)

    staff_id: Mapped[int] = mapped_column(primary_key=True, autoincrement=False)
    secret: Mapped[str] = mapped_column(Sealed)
    confirmed_at: Mapped[dt.datetime | None]
    last_step: Mapped[int]


class RecoveryCode(Identified, Model):
    """A code that stands in for a lost authenticator app, once; only its index is kept."""

    __tablename__ = "staff_recovery_code"
    __table_args__ = (
        belongs_to("staff", "staff_id", ondelete="CASCADE"),
        sa.UniqueConstraint("tenant_id", "staff_id", "code_index"),
    )

    staff_id: Mapped[int]
    code_index: Mapped[bytes]
    used_at: Mapped[dt.datetime | None]
