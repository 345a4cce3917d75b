"""A campaign runs: some recipients at a time get their coupon and their notice, in one transaction.

One worker at a time works on a campaign: the coupon's stock is one row, so two would only wait for each
other. A worker that dies leaves the chunk as it was, for the next.
"""

from __future__ import annotations

import datetime as dt
from collections.abc import Collection

import sqlalchemy as sa
from sqlalchemy.dialects.postgresql import ARRAY

from engage.audit import services as audit
from engage.audit.services import SYSTEM
from engage.campaigns import queries, rules
from engage.campaigns.models import Campaign, Recipient
from engage.campaigns.services import telling
from engage.coupons import services as coupons
from engage.kernel.db import Session
from engage.notifications import queries as messages
from engage.notifications import services as notifications

# A chunk ends before anybody who wants to pause has waited for long.
CHUNK = 1000

# How often a campaign is looked at that waits for its messages alone.
BEAT = dt.timedelta(seconds=2)


def work(session: Session, campaign_id: int, *, now: dt.datetime, batch: int | None = None) -> bool:
    """Give the next recipients their coupon and write down their notice; False if there is nothing to do.

    Each person gets one grant and at most one notice, however often this runs: what is given, what is
    told and who had their turn are committed together, and unique keys stand behind them.
    """
    campaign = queries.locked_while_free(session, campaign_id)
    if campaign is None:
        return False
    turn = queries.pending(session, campaign_id, limit=batch or CHUNK)
    if not turn:
        return False
    whose = {row.fan_id: row.account_id for row in turn}
    given = coupons.grant_many(
        session, campaign.coupon_id, list(whose), cause=rules.CAUSE, cause_id=campaign.id, now=now
    )
    hold = given.granted | given.already
    for account_id in sorted(set(whose.values())):
        holders = sorted(fan_id for fan_id in hold if whose[fan_id] == account_id)
        if holders:
            notice = telling.notice_of(session, campaign, account_id, now=now)
            _settle(session, campaign, holders, now=now, state="granted", notice_id=notice.id)
            if notice.batch_id is not None:
                notifications.write_many(session, notice.batch_id, holders, now=now)
    for reason in rules.REASONS_OF_GRANTING:
        _settle(session, campaign, getattr(given, reason), now=now, state="skipped", reason=reason)
    return True


def finish(session: Session, campaign_id: int, *, now: dt.datetime) -> bool:
    """Call a campaign finished once everybody had their turn and no message waits to be sent."""
    campaign = queries.locked_while_free(session, campaign_id)
    if campaign is None or queries.pending(session, campaign_id, limit=1):
        return False
    batches = queries.batches(session, campaign_id)
    if messages.under_way(session, batches):
        return False
    campaign.state, campaign.ended_at = "finished", now
    campaign.granted = queries.granted(session, campaign_id)
    notifications.close(session, batches, now=now)
    audit.record(session, "campaign.finished", by=SYSTEM, subject=("campaign", campaign_id), now=now)
    return True


def next_at(session: Session, *, now: dt.datetime) -> dt.datetime | None:
    """Give when a worker has to look again: the next start, or soon while one runs."""
    if queries.running(session):
        return now + BEAT
    return queries.next_start(session)


def skip_rest(session: Session, campaign_id: int, *, now: dt.datetime) -> None:
    """Let nobody else of a locked campaign have their turn."""
    session.execute(
        sa.update(Recipient)
        .where(Recipient.campaign_id == campaign_id, Recipient.state == "pending")
        .values(state="skipped", reason="ended", at=now)
        .execution_options(synchronize_session=False)
    )


def _settle(
    session: Session, campaign: Campaign, fan_ids: Collection[int], *, now: dt.datetime, **became: object
) -> None:
    """Note what came of the turn of some recipients."""
    these = sa.literal(sorted(fan_ids), ARRAY(sa.BigInteger))
    session.execute(
        sa.update(Recipient)
        .where(Recipient.campaign_id == campaign.id, Recipient.fan_id == sa.any_(these))
        .values(at=now, **became)
        .execution_options(synchronize_session=False)
    )
