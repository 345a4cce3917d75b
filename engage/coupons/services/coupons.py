"""The life of a coupon: draft, published, withdrawn."""

from __future__ import annotations

import datetime as dt
from dataclasses import dataclass

import sqlalchemy as sa

from engage.audit import services as audit
from engage.audit.services import Actor
from engage.coupons import rules
from engage.coupons.errors import (
    BelowGranted,
    KindFixed,
    NotADraft,
    NotPublished,
    NowhereToPublish,
    Over,
    Stale,
    Withdrawn,
)
from engage.coupons.models import Coupon, CouponTerms
from engage.coupons.rules import Terms
from engage.kernel.db import Session
from engage.kernel.errors import Invalid, NotFound
from engage.tenancy import queries as tenancy


@dataclass(frozen=True, slots=True)
class NewCoupon:
    """What the coupon's form holds; without `stock` and `per_person` there is no limit."""

    name: str
    terms: Terms
    stock: int | None = None
    per_person: int | None = None


def create(session: Session, new: NewCoupon, *, by: Actor, now: dt.datetime) -> Coupon:
    """Make a draft.

    Raises:
        Invalid: the terms do not hold together.
    """
    _check(new)
    coupon = Coupon(
        name=new.name,
        terms_id=_store(session, new.terms, now=now).id,
        state=rules.DRAFT,
        online=False,
        offline=False,
        stock=new.stock,
        granted=0,
        per_person=new.per_person,
        version=1,
        created_at=now,
    )
    session.add(coupon)
    session.flush()
    audit.record(session, "coupon.created", by=by, subject=("coupon", coupon.id), now=now)
    return coupon


def edit(
    session: Session, coupon_id: int, changed: NewCoupon, *, version: int, by: Actor, now: dt.datetime
) -> Coupon:
    """Change a coupon. What people hold of a published one keeps the terms it was given under.

    Raises:
        NotFound: no such coupon.
        Stale: it was changed since `version`.
        Withdrawn: it is not given any more.
        KindFixed: it was published as another kind.
        BelowGranted: the stock would be less than what was given out.
        Invalid: the terms do not hold together.
    """
    _check(changed)
    coupon = _locked(session, coupon_id)
    if coupon.version != version:
        raise Stale
    if coupon.state == rules.WITHDRAWN:
        raise Withdrawn
    if changed.stock is not None and changed.stock < coupon.granted:
        raise BelowGranted(granted=coupon.granted)
    fields = [
        name for name in ("name", "stock", "per_person") if getattr(coupon, name) != getattr(changed, name)
    ]
    for name in fields:
        setattr(coupon, name, getattr(changed, name))
    if _change_terms(session, coupon, changed.terms, now=now):
        fields.append("terms")
    if fields:
        coupon.version += 1
        subject = ("coupon", coupon.id)
        audit.record(session, "coupon.updated", by=by, subject=subject, now=now, fields=fields)
    session.flush()
    return coupon


def publish(
    session: Session, coupon_id: int, *, online: bool, offline: bool, by: Actor, now: dt.datetime
) -> Coupon:
    """Let a draft be given out: online, at the desk, or both.

    Raises:
        NotFound: no such coupon.
        NowhereToPublish: neither is wanted.
        NotADraft: it was published before.
        Over: its last day is past.
    """
    coupon = _locked(session, coupon_id)
    if not (online or offline):
        raise NowhereToPublish
    if coupon.state != rules.DRAFT:
        raise NotADraft
    terms = Terms.of_data(session.get_one(CouponTerms, (session.tenant_id, coupon.terms_id)).data)
    if rules.is_over(terms, now, tenancy.tenant(session).zone):
        raise Over
    coupon.state, coupon.published_at = rules.PUBLISHED, now
    coupon.online, coupon.offline = online, offline
    coupon.version += 1
    audit.record(session, "coupon.published", by=by, subject=("coupon", coupon.id), now=now)
    session.flush()
    return coupon


def withdraw(session: Session, coupon_id: int, *, by: Actor, now: dt.datetime) -> Coupon:
    """Give a coupon out no more; what people hold stays good. Repeating changes nothing.

    Raises:
        NotFound: no such coupon.
        NotPublished: it is a draft.
    """
    coupon = _locked(session, coupon_id)
    if coupon.state == rules.DRAFT:
        raise NotPublished
    if coupon.state == rules.PUBLISHED:
        coupon.state, coupon.withdrawn_at = rules.WITHDRAWN, now
        coupon.version += 1
        audit.record(session, "coupon.withdrawn", by=by, subject=("coupon", coupon.id), now=now)
        session.flush()
    return coupon


def _change_terms(session: Session, coupon: Coupon, terms: Terms, *, now: dt.datetime) -> bool:
    """Change a draft's terms in place, and give a published coupon new ones; says whether they differ."""
    held = session.get_one(CouponTerms, (session.tenant_id, coupon.terms_id))
    if Terms.of_data(held.data) == terms:
        return False
    if coupon.state == rules.DRAFT:
        held.data = terms.as_data()
        return True
    if held.data["kind"] != terms.kind:
        raise KindFixed
    coupon.terms_id = _store(session, terms, now=now).id
    return True


def _store(session: Session, terms: Terms, *, now: dt.datetime) -> CouponTerms:
    stored = CouponTerms(data=terms.as_data(), made_at=now)
    session.add(stored)
    session.flush()
    return stored


def _locked(session: Session, coupon_id: int) -> Coupon:
    coupon = session.scalar(sa.select(Coupon).where(Coupon.id == coupon_id).with_for_update())
    if coupon is None:
        raise NotFound(coupon=coupon_id)
    return coupon


def _check(new: NewCoupon) -> None:
    wrong = rules.problems(new.terms)
    if wrong:
        raise Invalid({field: [sentence] for field, sentence in wrong.items()})
