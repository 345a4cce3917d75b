"""Tables of coupons: the coupon, the terms it is given under, and what people hold."""

from __future__ import annotations

import datetime as dt
from typing import Any

import sqlalchemy as sa
from sqlalchemy.orm import Mapped, mapped_column

from engage.coupons.rules import GRANT_STATES, STATES
from engage.kernel.db import Identified, Model, belongs_to


class CouponTerms(Identified, Model):
    """Terms as data (`rules.Terms`). Of a published coupon they never change: an edit makes a new row."""

    __tablename__ = "coupon_terms"

    data: Mapped[dict[str, Any]]
    made_at: Mapped[dt.datetime]


class Coupon(Identified, Model):
    """A coupon the clinic gives. `granted` counts all that were given out and never passes `stock`.

    `terms_id` are the terms under which the next ones are given; those given before keep theirs.
    Whoever gives some locks the row, so that stock and the limit per person are counted in turn.
    """

    __tablename__ = "coupon"
    __table_args__ = (
        belongs_to("coupon_terms", "terms_id"),
        sa.CheckConstraint(f"state IN ({', '.join(repr(state) for state in STATES)})", name="state_known"),
        sa.CheckConstraint("granted >= 0 AND granted <= stock", name="granted_within_stock"),
        sa.CheckConstraint("stock > 0", name="stock_is_some"),
        sa.CheckConstraint("per_person > 0", name="per_person_is_some"),
        sa.CheckConstraint("state <> 'published' OR online OR offline", name="published_somewhere"),
        sa.Index(None, "tenant_id", "state", "id"),
    )

    name: Mapped[str]
    terms_id: Mapped[int]
    state: Mapped[str]
    online: Mapped[bool]
    offline: Mapped[bool]
    stock: Mapped[int | None] = mapped_column(sa.Integer)
    granted: Mapped[int] = mapped_column(sa.Integer)
    per_person: Mapped[int | None] = mapped_column(sa.Integer)
    version: Mapped[int] = mapped_column(sa.Integer)
    created_at: Mapped[dt.datetime]
    published_at: Mapped[dt.datetime | None]
    withdrawn_at: Mapped[dt.datetime | None]


class CouponGrant(Identified, Model):
    """One coupon in a fan's account. That its time is over is a fact of the clock, not a state.

    `cause` and `cause_id` say what gave it (a campaign and its id), `number` counts where one cause
    gives several.
    """

    __tablename__ = "coupon_grant"
    __table_args__ = (
        belongs_to("coupon", "coupon_id"),
        belongs_to("coupon_terms", "terms_id"),
        belongs_to("fan", "fan_id"),
        belongs_to("staff", "redeemed_by"),
        belongs_to("store", "redeemed_store_id"),
        sa.UniqueConstraint(
            "tenant_id", "coupon_id", "cause", "cause_id", "fan_id", "number", name="uq_coupon_grant_cause"
        ),
        sa.UniqueConstraint("tenant_id", "code"),
        sa.Index(None, "tenant_id", "fan_id", "state", "valid_until"),
        sa.Index(None, "tenant_id", "coupon_id", "fan_id"),
        sa.Index(None, "tenant_id", "coupon_id", "state", "valid_until"),
        sa.Index(None, "tenant_id", "coupon_id", "id"),
        sa.Index(
            None,
            "tenant_id",
            "redeemed_at",
            "id",
            postgresql_where=sa.text("redeemed_at IS NOT NULL"),
        ),
        sa.CheckConstraint(
            f"state IN ({', '.join(repr(state) for state in GRANT_STATES)})", name="state_known"
        ),
        sa.CheckConstraint("valid_from < valid_until", name="valid_for_a_while"),
        sa.CheckConstraint(
            "(state = 'redeemed') = (redeemed_at IS NOT NULL)"
            " AND (redeemed_at IS NULL) = (redeemed_store_id IS NULL)"
            " AND (redeemed_at IS NULL) = (redeemed_by IS NULL)",
            name="redeemed_is_whole",
        ),
    )

    coupon_id: Mapped[int]
    terms_id: Mapped[int]
    fan_id: Mapped[int]
    cause: Mapped[str]
    cause_id: Mapped[int]
    number: Mapped[int] = mapped_column(sa.Integer)
    code: Mapped[str]
    state: Mapped[str]
    granted_at: Mapped[dt.datetime]
    valid_from: Mapped[dt.datetime]
    valid_until: Mapped[dt.datetime]
    redeemed_at: Mapped[dt.datetime | None]
    redeemed_by: Mapped[int | None]
    redeemed_store_id: Mapped[int | None]
