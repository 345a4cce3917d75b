"""What the page of a wish says first: what is offered, what became of an offer, why it has ended."""

from __future__ import annotations

import datetime as dt
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any, Final

from flask_babel import gettext

from engage.blueprints.faces import clock_time, moment
from engage.booking.queries.waiting import WishRow
from engage.kernel import clock
from engage.kernel.errors import N_

if TYPE_CHECKING:
    from engage.booking.models import WaitingOffer

# Of a wish that is over: why, and what leads on.
ENDED: Final[Mapping[str, str]] = {
    "left": N_("You can book, or ask us again, whenever you like."),
    "removed": N_("The clinic has taken it off. You can book, or ask us again, whenever you like."),
    "over": N_("The days you could come are over. You can book, or ask us again, whenever you like."),
    "unanswered": N_(
        "Three times in a row we had no answer. You can book, or ask us again, whenever you like."
    ),
}


def head_of(row: WishRow, last: WaitingOffer | None, *, now: dt.datetime) -> dict[str, str]:
    """Give the sign on top of the page and two sentences; `last` is the latest offer, open or not."""
    if row.offer is not None:
        return _offered(row, row.offer, now=now)
    if row.wish.state == "booked":
        return _head(
            "good", "check", gettext("You have your time"), gettext("What you waited for is booked.")
        )
    if row.wish.state == "ended":
        lead = gettext(ENDED[row.wish.reason])
        return _head("ended", "calendar-off", gettext("You are off the waiting list"), lead)
    if last is not None and last.state in {"expired", "withdrawn"} and last.starts_at > now:
        return _gone(row, last)
    lead = gettext(
        "As soon as a time is free for you, we keep it for 30 minutes and write to you in the chat."
    )
    return _head("waiting", "clock", gettext("You are on the waiting list"), lead)


def _offered(row: WishRow, offer: WaitingOffer, *, now: dt.datetime) -> dict[str, str]:
    until = clock_time(clock.local(offer.expires_at, row.zone))
    if offer.expires_at <= now:
        lead = gettext("We kept it until %(time)s. If it is still free, you can still book it.", time=until)
        return _head("waiting", "clock", gettext("Your time is no longer kept"), lead)
    lead = gettext("We keep it for you until %(time)s.", time=until)
    return _head("good", "clock", gettext("A time is free for you"), lead)


def _gone(row: WishRow, last: WaitingOffer) -> dict[str, str]:
    """Say what became of the time that somebody was told of; the wish waits on."""
    told: dict[str, Any] = {"moment": moment(clock.local(last.starts_at, row.zone))}
    if last.state == "withdrawn":
        title = gettext("That time is no longer free")
        lead = gettext("We cannot offer %(moment)s any more. You are still on the waiting list.", **told)
        return _head("waiting", "calendar-off", title, lead)
    told["time"] = clock_time(clock.local(last.expires_at, row.zone))
    lead = gettext("We kept %(moment)s for you until %(time)s. You are still on the waiting list.", **told)
    return _head("waiting", "clock", gettext("Your time is no longer kept"), lead)


def _head(tone: str, icon: str, title: str, lead: str) -> dict[str, str]:
    return {"tone": tone, "icon": icon, "title": title, "lead": lead}
