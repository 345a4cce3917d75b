"""A campaign begins: whom it reaches is frozen as rows, in the transaction of the start."""

from __future__ import annotations

import datetime as dt

import sqlalchemy as sa

from engage.audiences import queries as audiences
from engage.audit import services as audit
from engage.audit.services import SYSTEM, Actor
from engage.campaigns import queries, rules
from engage.campaigns.models import Campaign, Recipient
from engage.kernel.db import Session


def start_due(session: Session, *, now: dt.datetime) -> Campaign | None:
    """Begin one campaign whose time has come; None when there is none left.

    One that is too late becomes `missed`, and waits for a person. However many ask at once, each
    campaign begins once: the row is locked, and others look past it.
    """
    campaign = queries.next_due(session, now=now)
    if campaign is None:
        return None
    if rules.begins(campaign.starts_at, now) == "missed":
        campaign.state = "missed"
        audit.record(session, "campaign.missed", by=SYSTEM, subject=("campaign", campaign.id), now=now)
    else:
        begin(session, campaign, by=SYSTEM, now=now)
    return campaign


def begin(session: Session, campaign: Campaign, *, by: Actor, now: dt.datetime) -> None:
    """Let a locked campaign run, for those of its audience who follow at this moment."""
    campaign.state, campaign.started_at = "running", now
    freeze(session, campaign, now=now)
    campaign.targeted = queries.turns(session, [campaign.id])[campaign.id].pending
    audit.record(session, "campaign.started", by=by, subject=("campaign", campaign.id), now=now)


def freeze(session: Session, campaign: Campaign, *, now: dt.datetime) -> None:
    """Write down whom a campaign reaches, by one statement."""
    whom = audiences.matching(queries.audience(campaign), now=now).subquery()
    session.execute(
        sa.insert(Recipient).from_select(
            ["campaign_id", "fan_id", "account_id", "state"],
            sa.select(
                sa.literal(campaign.id, sa.BigInteger),
                whom.c.fan_id,
                whom.c.account_id,
                sa.literal("pending", sa.Text),
            ).order_by(whom.c.fan_id),
        )
    )
