"""Reading campaigns: lists, how one stands, and whom it reached."""

from __future__ import annotations

import datetime as dt
import uuid
from collections import Counter
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass

import sqlalchemy as sa

from engage.audiences import queries as audiences
from engage.audiences.filters import Filter, from_json
from engage.campaigns import rules
from engage.campaigns.models import Campaign, Notice, Recipient
from engage.coupons import queries as coupons
from engage.fans import queries as fans
from engage.kernel.db import Session
from engage.kernel.errors import NotFound
from engage.kernel.paging import SIZE, Keyset, Page
from engage.notifications import queries as messages
from engage.notifications.rules import UNDER_WAY
from engage.patients import queries as patients

NEWEST = Keyset((Campaign.starts_at, Campaign.id), descending=True)
BY_FAN = Keyset((Recipient.fan_id,))

FOUND_AT_MOST = 8


@dataclass(frozen=True, slots=True)
class Turns:
    """How far a campaign has come: how many had no turn yet, got their coupon, and were skipped."""

    pending: int = 0
    granted: int = 0
    skipped: int = 0


@dataclass(frozen=True, slots=True)
class Progress:
    """How a campaign stands, counted from the rows.

    `skipped` got no coupon, by reason. `notices` are messages by state, `odd` those of them that did not
    go well, by state and reason. `untold` got a coupon and no message at all, by reason.
    """

    targeted: int
    pending: int
    granted: int
    skipped: Mapping[str, int]
    notices: Mapping[str, int]
    odd: Mapping[tuple[str, str], int]
    untold: Mapping[str, int]
    redeemed: int

    @property
    def told(self) -> int:
        """How many messages WeChat took."""
        return sum(self.notices.get(state, 0) for state in rules.TOLD)

    @property
    def under_way(self) -> int:
        """How many messages have still to be sent."""
        return sum(self.notices.get(state, 0) for state in UNDER_WAY)

    @property
    def done(self) -> int:
        """For how many nothing is left to be done."""
        settled = sum(self.notices.values()) - self.under_way
        return settled + sum(self.skipped.values()) + sum(self.untold.values())


@dataclass(frozen=True, slots=True)
class Reached:
    """A recipient, and what became of coupon and message; `told` is the message's state and reason.

    Without a message, its reason says why there is none.
    """

    fan_id: int
    state: str
    reason: str | None
    at: dt.datetime | None
    told: tuple[str, str | None] | None


def campaign(session: Session, campaign_id: int) -> Campaign:
    """Give one campaign.

    Raises:
        NotFound: there is none with this id in the tenant.
    """
    found = session.get(Campaign, (session.tenant_id, campaign_id))
    if found is None:
        raise NotFound(campaign=campaign_id)
    return found


def by_key(session: Session, key: uuid.UUID) -> Campaign | None:
    """Give the campaign that was planned with a key."""
    return session.scalar(sa.select(Campaign).where(Campaign.key == key))


def locked(session: Session, campaign_id: int) -> Campaign:
    """Give one campaign as it is now, locked until the end of the transaction.

    Raises:
        NotFound: there is none with this id in the tenant.
    """
    found = session.scalar(_this(campaign_id).with_for_update())
    if found is None:
        raise NotFound(campaign=campaign_id)
    return found


def locked_while_free(session: Session, campaign_id: int) -> Campaign | None:
    """Give a running campaign, locked; None where it does not run, or somebody else has it."""
    return session.scalar(_this(campaign_id).where(_RUNS).with_for_update(skip_locked=True))


def next_due(session: Session, *, now: dt.datetime) -> Campaign | None:
    """Give a campaign whose time has come, locked; those that others have are left out."""
    return session.scalar(
        sa.select(Campaign)
        .where(Campaign.state == "scheduled", Campaign.starts_at <= now)
        .order_by(Campaign.starts_at, Campaign.id)
        .limit(1)
        .with_for_update(skip_locked=True)
        .execution_options(populate_existing=True)
    )


def next_start(session: Session) -> dt.datetime | None:
    """Give when the next campaign begins."""
    return session.scalar(sa.select(sa.func.min(Campaign.starts_at)).where(Campaign.state == "scheduled"))


def campaigns(session: Session, *, state: str = "", cursor: str | None = None) -> Page[Campaign]:
    """Give a page of campaigns, those that begin last first."""
    statement = sa.select(Campaign)
    if state:
        statement = statement.where(Campaign.state == state)
    return NEWEST.page(session.scalars(NEWEST.statement(statement, cursor, SIZE)).all(), SIZE)


def counts_by_state(session: Session) -> Mapping[str, int]:
    """Give how many campaigns are in each state."""
    counted = session.execute(sa.select(Campaign.state, sa.func.count()).group_by(Campaign.state))
    return {row[0]: row[1] for row in counted}


def running(session: Session) -> Sequence[Campaign]:
    """Give the campaigns that run now, the oldest first."""
    return session.scalars(sa.select(Campaign).where(_RUNS).order_by(Campaign.started_at, Campaign.id)).all()


def current(session: Session, *, limit: int) -> Sequence[Campaign]:
    """Give what runs, rests, waits for somebody or comes next, in the order of time."""
    return session.scalars(
        sa.select(Campaign)
        .where(Campaign.state.not_in(rules.OVER))
        .order_by(Campaign.starts_at, Campaign.id)
        .limit(limit)
    ).all()


def pending(session: Session, campaign_id: int, *, limit: int) -> Sequence[sa.Row[int, int]]:
    """Give recipients who have not had their turn, as fan and account; the campaign is locked."""
    return session.execute(
        sa.select(Recipient.fan_id, Recipient.account_id)
        .where(Recipient.campaign_id == campaign_id, Recipient.state == "pending")
        .order_by(Recipient.fan_id)
        .limit(limit)
    ).all()


def batches(session: Session, campaign_id: int) -> Sequence[int]:
    """Give the batches in which people are told of a campaign."""
    told = sa.select(Notice.batch_id).where(Notice.campaign_id == campaign_id, Notice.batch_id.is_not(None))
    return [batch_id for batch_id in session.scalars(told) if batch_id is not None]


def notice(session: Session, campaign_id: int, account_id: int, day: dt.date) -> Notice | None:
    """Give how an account's fans are told of a campaign on a day, if that is settled."""
    return session.scalar(
        sa.select(Notice).where(
            Notice.campaign_id == campaign_id, Notice.account_id == account_id, Notice.day == day
        )
    )


def audience(campaign: Campaign) -> Filter:
    """Give who is meant: of the campaign's account, and following."""
    return from_json(campaign.audience).changed(account_id=campaign.account_id)


def reachable(session: Session, asked: Filter, *, now: dt.datetime) -> int:
    """Give how many fans a campaign would reach if it began now."""
    return audiences.count(session, asked, now=now)


def granted(session: Session, campaign_id: int) -> int:
    """Count who got their coupon."""
    of_it = (Recipient.campaign_id == campaign_id, Recipient.state == "granted")
    return session.scalar(sa.select(sa.func.count()).where(*of_it)) or 0


def turns(session: Session, campaign_ids: Collection[int]) -> Mapping[int, Turns]:
    """Give how far campaigns have come, in one statement."""
    counted: dict[int, dict[str, int]] = {}
    for campaign_id, state, count in session.execute(
        sa.select(Recipient.campaign_id, Recipient.state, sa.func.count())
        .where(Recipient.campaign_id.in_(campaign_ids))
        .group_by(Recipient.campaign_id, Recipient.state)
    ):
        counted.setdefault(campaign_id, {})[state] = count
    return {campaign_id: Turns(**counted.get(campaign_id, {})) for campaign_id in campaign_ids}


def progress(session: Session, campaign: Campaign) -> Progress:
    """Count how a campaign stands, in a handful of statements."""
    by_state: Counter[str] = Counter()
    skipped: Counter[str] = Counter()
    untold: Counter[str] = Counter()
    for state, reason, why_untold, count in session.execute(_counting(campaign.id)):
        by_state[state] += count
        if reason:
            skipped[reason] += count
        if why_untold:
            untold[why_untold] += count
    return Progress(
        targeted=by_state.total(),
        pending=by_state["pending"],
        granted=by_state["granted"],
        skipped=skipped,
        notices=messages.progress(session, rules.NOTICE, campaign.id),
        odd=messages.reasons(session, rules.NOTICE, campaign.id),
        untold=untold,
        redeemed=coupons.redeemed_by_cause(session, rules.CAUSE, campaign.id, campaign.coupon_id),
    )


def recipients(session: Session, campaign: Campaign, which: str = "", *, cursor: str | None) -> Page[Reached]:
    """Give a page of recipients in the order of fans; `which` names some of them, as links of the page do."""
    statement = _whom(campaign, which)
    rows = session.scalars(BY_FAN.statement(statement, cursor, SIZE)).all()
    page = BY_FAN.page(rows, SIZE)
    return Page(_reached(session, campaign.id, page.items), page.next)


def lookup(session: Session, campaign: Campaign, words: str, *, with_patients: bool) -> Sequence[Reached]:
    """Give recipients whose name holds the words, or who speak for a patient found by them."""
    among = sa.select(Recipient.fan_id).where(Recipient.campaign_id == campaign.id)
    found = set(fans.named(session, words, among, limit=FOUND_AT_MOST))
    if with_patients:
        people = [patient.id for patient in patients.search(session, words, limit=FOUND_AT_MOST)]
        found |= patients.fans_of_all(session, people)
    rows = session.scalars(
        sa.select(Recipient)
        .where(Recipient.campaign_id == campaign.id, Recipient.fan_id.in_(found))
        .order_by(Recipient.fan_id)
        .limit(FOUND_AT_MOST)
    ).all()
    return _reached(session, campaign.id, rows)


def _counting(campaign_id: int) -> sa.Select[str, str | None, str | None, int]:
    return (
        sa.select(Recipient.state, Recipient.reason, Notice.reason, sa.func.count())
        .outerjoin(Notice, (Notice.tenant_id == Recipient.tenant_id) & (Notice.id == Recipient.notice_id))
        .where(Recipient.campaign_id == campaign_id)
        .group_by(Recipient.state, Recipient.reason, Notice.reason)
    )


def _whom(campaign: Campaign, which: str) -> sa.Select[Recipient]:
    """Build the statement of some of a campaign's recipients."""
    name, _, reason = which.partition(":")
    found = sa.select(Recipient).where(Recipient.campaign_id == campaign.id)
    if name == "untold":
        why = (Notice.campaign_id == campaign.id, Notice.reason == reason)
        return found.where(Recipient.notice_id.in_(sa.select(Notice.id).where(*why)))
    if name == "redeemed":
        return found.where(
            Recipient.fan_id.in_(coupons.redeemers(rules.CAUSE, campaign.id, campaign.coupon_id))
        )
    if name in rules.RECIPIENT_STATES:
        found = found.where(Recipient.state == name)
        return found.where(Recipient.reason == reason) if reason else found
    if name == "told" or name.startswith("notice-"):
        states = rules.TOLD if name == "told" else (name.removeprefix("notice-"),)
        return found.where(Recipient.fan_id.in_(messages.whom(rules.NOTICE, campaign.id, states, reason)))
    return found


def _reached(session: Session, campaign_id: int, rows: Sequence[Recipient]) -> Sequence[Reached]:
    """Add what became of the messages, in two statements."""
    told = messages.told(session, rules.NOTICE, campaign_id, [row.fan_id for row in rows])
    untold = sa.select(Notice.id, Notice.reason).where(
        Notice.campaign_id == campaign_id, Notice.reason.is_not(None)
    )
    why = {notice_id: ("", reason) for notice_id, reason in session.execute(untold)}
    return [
        Reached(
            row.fan_id,
            row.state,
            row.reason,
            row.at,
            told.get(row.fan_id) or why.get(row.notice_id or 0),
        )
        for row in rows
    ]


def _this(campaign_id: int) -> sa.Select[Campaign]:
    return sa.select(Campaign).where(Campaign.id == campaign_id).execution_options(populate_existing=True)


_RUNS = Campaign.state == "running"
