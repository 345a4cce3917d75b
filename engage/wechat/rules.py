"""What WeChat's numbers mean: its errors by what to do about them, its daily limits."""

from __future__ import annotations

import datetime as dt
import enum
from collections.abc import Mapping
from typing import Final
from zoneinfo import ZoneInfo

# WeChat counts calls by the day of China, wherever the clinic is.
CHINA: Final = ZoneInfo("Asia/Shanghai")

BUSY: Final = -1
QUOTA_SPENT: Final = 45009


class Trouble(enum.StrEnum):
    """What an error asks for."""

    BUSY = "busy"  # nothing was done: ask again soon
    TOKEN = "token"  # noqa: S105 the token was replaced or has ended: ask again with another
    QUOTA = "quota"  # the day's calls are used up: ask again after midnight in China
    GONE = "gone"  # the fan does not follow, refuses or is blocked: final for this fan
    WINDOW = "window"  # the fan must write first: customer-service messages only (WeChat §3)
    SET_UP = "set_up"  # app id, secret, white list or permission: a person must mend the account
    REFUSED = "refused"  # what was asked is wrong: final as it is


# WeChat §0, §3, §5. What is not named is refused.
_TROUBLES: Final[Mapping[Trouble, frozenset[int]]] = {
    Trouble.BUSY: frozenset({BUSY, 45011}),
    Trouble.TOKEN: frozenset({40001, 40014, 42001}),
    Trouble.QUOTA: frozenset({QUOTA_SPENT}),
    Trouble.GONE: frozenset({40003, 43004, 43019, 48002, 49003, 50002, 50005}),
    Trouble.WINDOW: frozenset({45015, 45047}),
    Trouble.SET_UP: frozenset({40013, 40125, 40164, 40243, 48001, 48004, 61004, 89503, 89506, 89507}),
}

# Calls a day of a production account (WeChat §11); accounts grow, and test accounts have fewer.
DAILY_LIMITS: Final[Mapping[str, int]] = {
    "/cgi-bin/menu/create": 1000,
    "/cgi-bin/menu/delete": 1000,
    "/cgi-bin/menu/get": 10_000,
    "/cgi-bin/menu/addconditional": 2000,
    "/cgi-bin/menu/delconditional": 2000,
    "/cgi-bin/media/upload": 100_000,
    "/cgi-bin/media/get": 200_000,
    "/cgi-bin/message/custom/send": 500_000,
    "/cgi-bin/message/template/send": 100_000,
    "/cgi-bin/qrcode/create": 100_000,
    "/cgi-bin/stable_token": 500_000,
    "/cgi-bin/user/get": 500,
    "/cgi-bin/user/info": 5_000_000,
    "/cgi-bin/user/info/updateremark": 10_000,
}


def trouble_of(errcode: int) -> Trouble:
    """Give what an error asks for."""
    return next((trouble for trouble, codes in _TROUBLES.items() if errcode in codes), Trouble.REFUSED)


def day_of(now: dt.datetime) -> dt.date:
    """Give the day to which WeChat counts a call made `now`."""
    return now.astimezone(CHINA).date()


def day_ends_at(now: dt.datetime) -> dt.datetime:
    """Give the moment from which WeChat counts anew, and calls held back go out again; aware, UTC."""
    midnight = dt.datetime.combine(day_of(now) + dt.timedelta(days=1), dt.time(), CHINA)
    return midnight.astimezone(dt.UTC)
