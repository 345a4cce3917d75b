"""When a fan is asked for name and picture, as pure functions."""

from __future__ import annotations

import datetime as dt

# Names and pictures change now and then; a person who refused is left in peace as long.
PROFILE_LIFE = dt.timedelta(days=30)

# After a failure that was not the person's wish.
PROFILE_RETRY = dt.timedelta(hours=1)

NAME_LENGTH = 64


def wants_profile(ask_at: dt.datetime | None, now: dt.datetime) -> bool:
    """Whether the person may be asked for name and picture now; `ask_at` is empty before the first time."""
    return ask_at is None or ask_at <= now


def shown_name(nickname: str) -> str:
    """Give a nickname as pages can hold it: printable, without line breaks, not endless."""
    printable = "".join(letter if letter.isprintable() else " " for letter in nickname)
    return " ".join(printable.split())[:NAME_LENGTH].strip()
