"""States of a message, and what an answer of WeChat means for it (NT-4)."""

from __future__ import annotations

import datetime as dt
from dataclasses import dataclass
from typing import Final

from engage.kernel.errors import N_
from engage.wechat.rules import Trouble, trouble_of

STATES: Final = {
    "pending": N_("Waiting"),
    "sending": N_("Being sent"),
    "sent": N_("Sent"),
    "delivered": N_("Delivered"),
    "failed": N_("Failed"),
    "unknown": N_("Unknown"),
    "skipped": N_("Skipped"),
}

# By which of WeChat's ways a message goes: template (WeChat §4), customer-service (WeChat §3).
CHANNELS: Final = ("template", "custom")

# WeChat forgets a client_msg_id after ten minutes; a repeat must reach it before.
REPEAT_WITHIN: Final = dt.timedelta(minutes=9)

# Troubles that pass: WeChat is busy, a token was replaced while others used it, or a person is about
# to mend the account's secret or white list. A spent quota waits for WeChat's next day. All else is final.
NOT_NOW: Final = frozenset({Trouble.BUSY, Trouble.TOKEN, Trouble.SET_UP})


@dataclass(frozen=True, slots=True)
class Sent:
    """WeChat took the message; customer-service messages have no id."""

    msg_id: int | None


@dataclass(frozen=True, slots=True)
class Refused:
    """WeChat refused the message."""

    errcode: int
    errmsg: str

    @property
    def trouble(self) -> Trouble:
        """What the refusal asks for."""
        return trouble_of(self.errcode)


@dataclass(frozen=True, slots=True)
class Unheard:
    """No answer came: the message may have been taken or not."""

    why: str


Outcome = Sent | Refused | Unheard


def may_repeat(channel: str, first_tried_at: dt.datetime | None, now: dt.datetime) -> bool:
    """Whether sending (again) cannot reach the patient twice: only templates have a `client_msg_id`."""
    if first_tried_at is None:
        return True
    return channel == "template" and now - first_tried_at < REPEAT_WITHIN


def reason_of(status: str) -> tuple[str, str | None]:
    """Give state and reason for the status of a finish event (WeChat §1: note the space in one)."""
    if status == "success":
        return "delivered", None
    return "failed", status.removeprefix("failed:").strip() or "failed"
