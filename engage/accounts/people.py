"""What the journal of pushes keeps of people."""

from __future__ import annotations

import datetime as dt
from typing import Any

import sqlalchemy as sa

from engage.accounts.models import Push
from engage.kernel.errors import N_
from engage.kernel.people import Holder, Kept, Who


def _of_openids(who: Who) -> sa.ColumnElement[bool]:
    return sa.tuple_(Push.account_id, Push.openid).in_(sorted(who.openids))


def _emptied(now: dt.datetime) -> dict[str, Any]:
    """What waits for a worker is let go: there is nothing left to take effect."""
    return {
        "openid": "",
        "body": "",
        "reply": "",
        "error": None,
        "available_at": None,
        "lease": None,
        "handled_at": sa.func.coalesce(Push.handled_at, now),
    }


HOLDER = Holder(
    "accounts",
    (
        Kept(
            Push,
            N_("What WeChat told us"),
            columns=("openid",),
            whose=_of_openids,
            shown={"received_at": N_("Time"), "kind": N_("Kind")},
            emptied=_emptied,
        ),
    ),
)
