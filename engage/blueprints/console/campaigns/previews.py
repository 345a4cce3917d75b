"""What a campaign sends: the coupon as the phone shows it, the message as WeChat does."""

from __future__ import annotations

import datetime as dt
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from engage.blueprints.console.campaigns.shapes import said
from engage.blueprints.coupon_card import card, speech
from engage.campaigns import rules
from engage.campaigns.services.telling import last_day
from engage.coupons import queries as coupons
from engage.coupons.queries import Offer
from engage.coupons.rules import validity
from engage.kernel.db import Session
from engage.notifications import fields
from engage.notifications import queries as messages
from engage.tenancy import queries as tenancy

if TYPE_CHECKING:
    from engage.accounts.models import OfficialAccount
    from engage.notifications.models import Wording


def of(
    work: Session,
    coupon_id: int,
    account_id: int | None,
    connected: Sequence[OfficialAccount],
    *,
    at: dt.datetime,
) -> dict[str, Any]:
    """Give the card of the coupon and the message of each account that is meant, as of the start."""
    offer = coupons.coupon(work, coupon_id)
    worded = messages.wordings(work)
    _begins, ends = validity(offer.terms, at, tenancy.tenant(work).zone)
    values = {"coupon": offer.name, "valid_until": last_day(ends, tenancy.tenant(work).zone)}
    meant = [one for one in connected if account_id in {None, one.id}]
    told = [_message(one, worded.get((one.id, rules.NOTICE)), values) for one in meant]
    return {
        "coupon": {"id": offer.id, "card": card(offer.name, offer.terms, speech(work))},
        "messages": [one for one in told if not one["why"]],
        "silent": [one for one in told if one["why"]],
    }


def stock(offer: Offer, audience: int) -> dict[str, Any]:
    """Say whether the stock reaches for all who would be meant."""
    left = offer.left
    return {
        "left": left,
        "short": 0 if left is None else max(0, audience - left),
        "per_person": offer.per_person,
    }


def _message(account: OfficialAccount, wording: Wording | None, values: dict[str, str]) -> dict[str, Any]:
    """Give an account's message line by line, or why it tells nobody."""
    shown = {"account": account.name, "account_id": account.id, "title": "", "lines": [], "why": ""}
    if wording is None or not wording.template_id:
        return {**shown, "why": said("no_template")}
    if not wording.enabled:
        return {**shown, "why": said("switched_off")}
    data, problems = fields.render(wording.fields, {**values, "account": account.name})
    if problems:
        return {**shown, "why": said("bad_wording")}
    split = [line.partition("：") for line in fields.as_read(wording.content, data).splitlines()]
    lines = [{"label": label, "value": value} for label, _colon, value in split]
    return {**shown, "title": wording.title, "lines": lines}
