"""The form of a campaign: read, checked, and quick choices of a time."""

from __future__ import annotations

import datetime as dt
import uuid
from collections.abc import Iterable, Mapping
from typing import Any, Final
from zoneinfo import ZoneInfo

from flask_babel import gettext
from marshmallow import EXCLUDE, Schema, fields, validate

from engage.audiences.filters import EVERYBODY, Filter, parse
from engage.blueprints.faces import day
from engage.campaigns.models import Campaign
from engage.campaigns.services import NewPush
from engage.kernel import clock
from engage.kernel.errors import N_

NAME_LENGTH: Final = 30
MORNING: Final = dt.time(10)
EVENING: Final = dt.time(18)
SATURDAY: Final = 5
# Quick choices lie at least so far ahead.
AT_ONCE: Final = dt.timedelta(minutes=10)

_NOT_OF_AUDIENCES: Final = ("account", "follow")

_DATE: Final = N_("Please choose a date.")
# The calendar's first and last days have none before and after them.
_DAYS: Final = (dt.date(2000, 1, 1), dt.date(2199, 12, 31))
_NUMBER: Final[dict[str, Any]] = {"invalid": N_("Please choose from the list.")}


class CampaignIn(Schema):
    """What is typed of a campaign. Without a name it is called as its coupon."""

    class Meta:
        """What a form carries besides is not looked at."""

        unknown = EXCLUDE

    key = fields.UUID(required=True, error_messages={"invalid_uuid": N_("Please open the page again.")})
    name = fields.String(
        required=True,
        validate=[
            validate.Length(max=NAME_LENGTH, error=N_("At most 30 characters.")),
            validate.Predicate("isprintable", error=N_("Please leave out special characters.")),
        ],
    )
    coupon = fields.Integer(required=True, error_messages=_NUMBER)
    account = fields.Integer(required=True, allow_none=True, error_messages=_NUMBER)
    day = fields.Date(
        required=True, validate=validate.Range(*_DAYS, error=_DATE), error_messages={"invalid": _DATE}
    )
    time = fields.Time("%H:%M", required=True, error_messages={"invalid": N_("Please choose a time.")})


def typed(form: Mapping[str, str]) -> dict[str, Any]:
    """Give what stands in a form or an address."""
    return {name: form.get(name, "").strip() for name in CampaignIn().fields}


def audience(pairs: Iterable[tuple[str, str]]) -> Filter:
    """Read whom a form means; the account is a field of its own, and all of them follow.

    Raises:
        Malformed: it holds what no page offers.
    """
    return parse((name, text) for name, text in pairs if name not in _NOT_OF_AUDIENCES)


def read(
    form: Mapping[str, Any], zone: str, *, coupon_names: Mapping[int, str], meant: Filter = EVERYBODY
) -> NewPush:
    """Read a form as a plan; its day and time are those of the chain.

    Raises:
        ValidationError: with the sentences of every wrong field.
    """
    found: dict[str, Any] = CampaignIn().load({**form, "account": form["account"] or None})
    local = dt.datetime.combine(found["day"], found["time"], ZoneInfo(zone))
    return NewPush(
        name=found["name"] or coupon_names.get(found["coupon"], ""),
        coupon_id=found["coupon"],
        account_id=found["account"],
        starts_at=local.astimezone(dt.UTC),
        audience=meant,
        key=found["key"],
    )


def empty(now: dt.datetime, zone: str) -> dict[str, Any]:
    """Give the form of a new campaign: tomorrow morning."""
    at = clock.local(now, zone) + dt.timedelta(days=1)
    return {
        "key": str(uuid.uuid4()),
        "name": "",
        "coupon": "",
        "account": "",
        "day": at.date().isoformat(),
        "time": f"{MORNING:%H:%M}",
    }


def stored(campaign: Campaign, zone: str) -> dict[str, Any]:
    """Give the form of a campaign as it is planned."""
    at = clock.local(campaign.starts_at, zone)
    return {
        "key": str(campaign.key),
        "name": campaign.name,
        "coupon": str(campaign.coupon_id),
        "account": "" if campaign.account_id is None else str(campaign.account_id),
        "day": at.date().isoformat(),
        "time": f"{at:%H:%M}",
    }


def quick(now: dt.datetime, zone: str) -> list[dict[str, str]]:
    """Give times that are often wished, those that are still ahead."""
    here = clock.local(now, zone)
    tomorrow = here.date() + dt.timedelta(days=1)
    saturday = here.date() + dt.timedelta(days=(SATURDAY - here.weekday()) % 7 or 7)
    soon = here + AT_ONCE + dt.timedelta(minutes=1)
    choices = [
        (gettext("In ten minutes"), soon),
        (gettext("Today 18:00"), dt.datetime.combine(here.date(), EVENING, here.tzinfo)),
        (gettext("Tomorrow 10:00"), dt.datetime.combine(tomorrow, MORNING, here.tzinfo)),
        (
            gettext("%(day)s 10:00", day=day(saturday)),
            dt.datetime.combine(saturday, MORNING, here.tzinfo),
        ),
    ]
    return [
        {"label": label, "day": at.date().isoformat(), "time": f"{at:%H:%M}"}
        for label, at in choices
        if at > here + AT_ONCE
    ]
