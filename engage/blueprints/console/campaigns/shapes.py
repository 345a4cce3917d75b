"""Campaigns as the templates draw them: plain dictionaries, in words of the person who looks."""

from __future__ import annotations

import datetime as dt
from collections.abc import Mapping
from typing import Any, Final

from flask import url_for
from flask_babel import format_decimal, gettext

from engage.blueprints.console.people_words import fan_called
from engage.campaigns import rules
from engage.campaigns.models import Campaign
from engage.campaigns.queries import Progress, Reached, Turns
from engage.kernel import clock
from engage.kernel.errors import N_
from engage.notifications import rules as messages

NOTICE_TONES: Final = {
    "pending": "waiting",
    "sending": "waiting",
    "sent": "confirmed",
    "delivered": "good",
    "failed": "bad",
    "unknown": "bad",
    "skipped": "ended",
    "": "ended",
}

COUPON_WORDS: Final = {
    "pending": N_("Waiting"),
    "granted": N_("Has it"),
    "skipped": N_("Did not get it"),
}
COUPON_TONES: Final = {"pending": "waiting", "granted": "good", "skipped": "ended"}

# Campaigns whose figures still move by themselves: WeChat tells of deliveries after the last message.
MOVES_FOR: Final = dt.timedelta(minutes=15)
# Every so many seconds a page looks again, at a small campaign and at the largest.
LOOKS_AT_MOST: Final = 2
LOOKS_AT_LEAST: Final = 20


def number(value: int) -> str:
    """Write a number with its thousands apart."""
    return str(format_decimal(value))


def account_name(account_id: int | None, names: Mapping[int, str]) -> str:
    """Name the account whose fans are meant."""
    return str(gettext("All official accounts")) if account_id is None else names[account_id]


def state_of(campaign: Campaign) -> dict[str, str]:
    """Give a campaign's state in words; one that never began was cancelled, not ended early."""
    label = rules.STATES[campaign.state]
    if campaign.state == "ended" and campaign.started_at is None:
        label = N_("Cancelled")
    return {"key": campaign.state, "label": gettext(label), "tone": rules.TONES[campaign.state]}


def row(
    campaign: Campaign, coupon: str, account: str, turns: Turns | None, zone: str, *, whom: str = ""
) -> dict[str, Any]:
    """Give a campaign as the list shows it; `turns` is how far it has come, while it runs or rests.

    `whom` says which fans are meant, where not all are.
    """
    granted = turns.granted if turns else campaign.granted
    done = turns.granted + turns.skipped if turns else campaign.targeted
    return {
        "id": campaign.id,
        "name": campaign.name,
        "url": url_for("console_campaigns.show", campaign_id=campaign.id),
        "coupon": coupon,
        "account": account,
        "whom": whom,
        "starts_at": clock.local(campaign.started_at or campaign.starts_at, zone),
        "state": state_of(campaign),
        "targeted": None if campaign.targeted is None else number(campaign.targeted),
        "granted": None if granted is None else number(granted),
        "share": rules.share(done or 0, campaign.targeted or 0) if turns else None,
    }


def progress(campaign: Campaign, counted: Progress) -> dict[str, Any]:
    """Give how a campaign stands: how much is done, the steps of its funnel, and what did not go well."""
    unconfirmed = counted.notices.get("sent", 0)
    steps = [
        ("", N_("Fans meant"), counted.targeted, ""),
        ("granted", N_("Got the coupon"), counted.granted, ""),
        (
            "told",
            N_("Were told in WeChat"),
            counted.told,
            gettext("%(n)s not confirmed by WeChat yet", n=number(unconfirmed)) if unconfirmed else "",
        ),
        ("redeemed", N_("Used it"), counted.redeemed, ""),
    ]
    done = rules.share(counted.done, counted.targeted)
    return {
        "targeted": number(counted.targeted),
        "done": number(counted.done),
        "percent": done.percent if counted.targeted else 100,
        "turns": number(counted.granted + sum(counted.skipped.values()) - counted.skipped.get("ended", 0)),
        "under_way": counted.under_way,
        "waiting": number(counted.under_way),
        "steps": [
            {
                "key": key or "all",
                "label": gettext(label),
                "count": number(count),
                "percent": rules.share(count, counted.targeted).percent,
                "width": 100 * count / counted.targeted if counted.targeted else 0,
                "note": note,
                "url": _people(campaign.id, key),
            }
            for key, label, count, note in steps
        ],
        "odd": odd(campaign.id, counted),
    }


def odd(campaign_id: int, counted: Progress) -> list[dict[str, Any]]:
    """Give what did not go well, by reason, the most frequent first; each leads to its people."""
    found = [
        (count, gettext("No coupon"), gettext(rules.REASONS[reason]), f"skipped:{reason}", "ended")
        for reason, count in counted.skipped.items()
    ]
    found += [
        (count, gettext("No message"), said(reason), f"untold:{reason}", "ended")
        for reason, count in counted.untold.items()
    ]
    found += [
        (
            count,
            gettext("Message: %(state)s", state=gettext(messages.STATES[state])),
            said(reason),
            f"notice-{state}:{reason}" if reason else f"notice-{state}",
            NOTICE_TONES[state],
        )
        for (state, reason), count in counted.odd.items()
    ]
    return [
        {"count": number(count), "what": what, "why": why, "tone": tone, "url": _people(campaign_id, which)}
        for count, what, why, which, tone in sorted(found, key=lambda one: -one[0])
    ]


def said(reason: str | None) -> str:
    """Give the reason of a message in words; WeChat's own refusals as WeChat wrote them."""
    if not reason:
        return ""
    known = messages.REASONS.get(reason)
    return str(gettext(known) if known else gettext("WeChat said: %(words)s", words=reason))


def reached(one: Reached, name: str, patients: str, zone: str) -> dict[str, Any]:
    """Give a recipient, and what became of coupon and message."""
    state, why = one.told or (None, None)
    return {
        "name": fan_called(name, one.fan_id),
        "patients": patients,
        "coupon": {
            "label": gettext(COUPON_WORDS[one.state]),
            "tone": COUPON_TONES[one.state],
            "why": gettext(rules.REASONS[one.reason]) if one.reason else "",
        },
        "message": None
        if state is None
        else {
            "label": gettext(messages.STATES[state] if state else N_("Not written")),
            "tone": NOTICE_TONES[state],
            "why": said(why),
        },
        "at": clock.local(one.at, zone) if one.at else None,
    }


def looks_again(targeted: int) -> int:
    """Give after how many seconds a page looks again: to count a million rows takes about one."""
    return max(LOOKS_AT_MOST, min(LOOKS_AT_LEAST, targeted // 40_000))


def is_moving(campaign: Campaign, counted: Progress, *, now: dt.datetime) -> bool:
    """Whether the figures of a campaign change by themselves, so that the page looks again."""
    if campaign.state in ("running", "paused"):
        return True
    waits = counted.notices.get("sent", 0) > 0
    return campaign.ended_at is not None and waits and now - campaign.ended_at < MOVES_FOR


def _people(campaign_id: int, which: str) -> str:
    chosen: dict[str, Any] = {"show": which} if which else {}
    return url_for("console_campaigns.people", campaign_id=campaign_id, **chosen)
