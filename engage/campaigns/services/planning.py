"""Planning a campaign."""

from __future__ import annotations

import datetime as dt
import uuid
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

import sqlalchemy as sa
from sqlalchemy.dialects.postgresql import insert

from engage.accounts import queries as accounts
from engage.audiences.filters import EVERYBODY, Filter, to_json
from engage.audit import services as audit
from engage.audit.services import Actor
from engage.campaigns import queries, rules
from engage.campaigns.errors import (
    InThePast,
    NotOnline,
    NotPossible,
    OverByThen,
    SentBefore,
    Stale,
    TooFarAhead,
)
from engage.campaigns.models import Campaign
from engage.campaigns.rules import QUEUE
from engage.coupons import queries as coupons
from engage.coupons.rules import PUBLISHED, is_over
from engage.kernel import due
from engage.kernel.db import Session
from engage.tenancy import queries as tenancy


@dataclass(frozen=True, slots=True)
class NewPush:
    """Which coupon goes to which fans of which account (None: of all), and when. `key` makes repeats one.

    `audience` says which; its own account and whether they follow do not count.
    """

    name: str
    coupon_id: int
    account_id: int | None
    starts_at: dt.datetime
    audience: Filter = EVERYBODY
    key: uuid.UUID = field(default_factory=uuid.uuid4)

    @property
    def planned(self) -> Mapping[str, Any]:
        """Give what a campaign keeps of it, by column."""
        return {
            "name": self.name,
            "coupon_id": self.coupon_id,
            "account_id": self.account_id,
            "audience": to_json(self.audience.changed(account_id=None, following=True)),
            "starts_at": self.starts_at,
        }


def schedule(session: Session, new: NewPush, *, by: Actor, now: dt.datetime) -> Campaign:
    """Plan a campaign. Idempotent per `key`: a repeat returns the campaign it made.

    Flushes, never commits. `now` is aware UTC.

    Raises:
        NotFound: there is no such coupon or account.
        NotOnline: the coupon is not published online.
        OverByThen: the coupon's last day is past by then.
        InThePast: the time has passed.
        TooFarAhead: it is more than a year away.
        SentBefore: the campaign of this key is planned otherwise.
    """
    if made := queries.by_key(session, new.key):
        return _repeated(made, new)
    _check(session, new, now=now)
    planned = {
        **new.planned,
        "key": new.key,
        "kind": rules.PUSH,
        "state": "scheduled",
        "version": 1,
        "created_by": by.id if by.kind == "staff" else None,
        "created_at": now,
    }
    adding = insert(Campaign).values(planned).on_conflict_do_nothing(index_elements=["tenant_id", "key"])
    made_id = session.scalar(adding.returning(Campaign.id))
    if made_id is not None:
        due.mark(session, QUEUE, at=new.starts_at)
        audit.record(session, "campaign.scheduled", by=by, subject=("campaign", made_id), now=now)
    return _repeated(session.scalars(sa.select(Campaign).where(Campaign.key == new.key)).one(), new)


def edit(
    session: Session, campaign_id: int, new: NewPush, *, version: int, by: Actor, now: dt.datetime
) -> Campaign:
    """Change a campaign that has not begun. `version` is the one that was seen.

    Raises:
        NotFound: there is no such campaign, coupon or account.
        Stale: it was changed meanwhile.
        NotPossible: it has begun, or is over.
        NotOnline, OverByThen, InThePast, TooFarAhead: as for `schedule`.
    """
    campaign = queries.locked(session, campaign_id)
    if campaign.state not in rules.EDITABLE:
        raise NotPossible
    if campaign.version != version:
        raise Stale
    _check(session, new, now=now)
    wished = {**new.planned, "state": "scheduled"}
    changed = [name for name, value in wished.items() if getattr(campaign, name) != value]
    if not changed:
        return campaign
    for name in changed:
        setattr(campaign, name, wished[name])
    campaign.version += 1
    session.flush()
    due.mark(session, QUEUE, at=campaign.starts_at)
    audit.record(
        session, "campaign.changed", by=by, subject=("campaign", campaign.id), now=now, fields=changed
    )
    return campaign


def _repeated(made: Campaign, new: NewPush) -> Campaign:
    """Give what a key made, if it is what is wished now."""
    if any(getattr(made, name) != value for name, value in new.planned.items()):
        raise SentBefore
    return made


def _check(session: Session, new: NewPush, *, now: dt.datetime) -> None:
    if new.account_id is not None:
        accounts.account(session, new.account_id)
    if new.starts_at <= now:
        raise InThePast
    if new.starts_at > now + rules.AHEAD_AT_MOST:
        raise TooFarAhead
    offer = coupons.coupon(session, new.coupon_id)
    if offer.state != PUBLISHED or not offer.online:
        raise NotOnline
    if is_over(offer.terms, new.starts_at, tenancy.tenant(session).zone):
        raise OverByThen
