"""What people do with a campaign: start it now, pause, resume and end it. `rules.ACTIONS` says when."""

from __future__ import annotations

import datetime as dt

from engage.audit import services as audit
from engage.audit.services import Actor
from engage.campaigns import queries, rules
from engage.campaigns.errors import NotPossible
from engage.campaigns.models import Campaign
from engage.campaigns.rules import QUEUE
from engage.campaigns.services.starting import begin
from engage.campaigns.services.working import skip_rest
from engage.kernel import due
from engage.kernel.db import Session
from engage.notifications import services as notifications


def start(session: Session, campaign_id: int, *, by: Actor, now: dt.datetime) -> Campaign:
    """Begin a campaign at once, before its time or although it was missed; a repeat changes nothing.

    Raises:
        NotFound: there is no such campaign.
        NotPossible: it is over, or rests.
    """
    campaign, is_done = _asked(session, campaign_id, "start")
    if not is_done:
        begin(session, campaign, by=by, now=now)
        due.mark(session, QUEUE, at=now)
    return campaign


def pause(session: Session, campaign_id: int, *, by: Actor, now: dt.datetime) -> Campaign:
    """Let nothing more out: no coupon after the chunk, no message after the bundle that is on its way.

    A repeat changes nothing.

    Raises:
        NotFound: there is no such campaign.
        NotPossible: it does not run.
    """
    campaign, is_done = _asked(session, campaign_id, "pause")
    if not is_done:
        campaign.state, campaign.paused_at = "paused", now
        notifications.pause(session, queries.batches(session, campaign_id))
        audit.record(session, "campaign.paused", by=by, subject=("campaign", campaign_id), now=now)
    return campaign


def resume(session: Session, campaign_id: int, *, by: Actor, now: dt.datetime) -> Campaign:
    """Go on where it stopped; a repeat changes nothing.

    Raises:
        NotFound: there is no such campaign.
        NotPossible: it does not rest.
    """
    campaign, is_done = _asked(session, campaign_id, "resume")
    if not is_done:
        campaign.state, campaign.paused_at = "running", None
        notifications.resume(session, queries.batches(session, campaign_id), now=now)
        due.mark(session, QUEUE, at=now)
        audit.record(session, "campaign.resumed", by=by, subject=("campaign", campaign_id), now=now)
    return campaign


def end(session: Session, campaign_id: int, *, by: Actor, now: dt.datetime) -> Campaign:
    """End a campaign for good: who had no turn gets nothing, messages that wait are skipped.

    Coupons that were given stay. A repeat changes nothing.

    Raises:
        NotFound: there is no such campaign.
        NotPossible: it is finished.
    """
    campaign, is_done = _asked(session, campaign_id, "end")
    if not is_done:
        campaign.state, campaign.ended_at = "ended", now
        skip_rest(session, campaign_id, now=now)
        campaign.granted = queries.granted(session, campaign_id)
        notifications.close(session, queries.batches(session, campaign_id), now=now)
        audit.record(session, "campaign.ended", by=by, subject=("campaign", campaign_id), now=now)
    return campaign


def _asked(session: Session, campaign_id: int, name: str) -> tuple[Campaign, bool]:
    """Lock the campaign; gives it, and whether it was done before."""
    campaign, action = queries.locked(session, campaign_id), rules.ACTIONS[name]
    if campaign.state == action.to:
        return campaign, True
    if campaign.state not in action.from_states:
        raise NotPossible
    return campaign, False
