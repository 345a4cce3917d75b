"""How a campaign's people are told: in a batch of their account, or not at all, for a reason."""

from __future__ import annotations

import datetime as dt

from engage.campaigns import queries, rules
from engage.campaigns.models import Campaign, Notice
from engage.coupons import queries as coupons
from engage.coupons.rules import validity
from engage.kernel import clock
from engage.kernel.db import Session
from engage.notifications import services as notifications
from engage.notifications.services import NewBatch
from engage.tenancy import queries as tenancy

# The page a message leads to, below the account's.
PAGE = "coupons"


def notice_of(session: Session, campaign: Campaign, account_id: int, *, now: dt.datetime) -> Notice:
    """Give how an account's fans are told today, and settle it the first time; the campaign is locked."""
    zone = tenancy.tenant(session).zone
    today = clock.local(now, zone).date()
    found = queries.notice(session, campaign.id, account_id, today)
    if found is not None:
        return found
    offer = coupons.coupon(session, campaign.coupon_id)
    _begins, ends = validity(offer.terms, now, zone)
    values = {"coupon": offer.name, "valid_until": last_day(ends, zone)}
    new = NewBatch(rules.NOTICE, campaign.id, account_id, values, PAGE)
    opened = notifications.open_batch(session, new, now=now)
    made = Notice(
        campaign_id=campaign.id,
        account_id=account_id,
        day=today,
        batch_id=opened.batch_id,
        reason=opened.reason,
    )
    session.add(made)
    session.flush()
    return made


def last_day(ends: dt.datetime, zone: str) -> str:
    """Write the last day on which a coupon is good, whose end is not in it."""
    return f"{clock.local(ends - dt.timedelta(seconds=1), zone):%Y-%m-%d %H:%M}"  # fits keys of a time too
