"""Sessions, the window in which WeChat takes messages, states of a message (CH-4, CH-6 to CH-8)."""

from __future__ import annotations

import datetime as dt
import enum
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final

from engage.chat.errors import EmptyMessage, TooLong, WindowOver, WindowUsedUp
from engage.kernel.errors import N_
from engage.wechat.outcomes import Refused
from engage.wechat.rules import Trouble

# Rows of messages that go out, of files to fetch from WeChat, of sessions that may have ended.
OUTGOING: Final = "chats"
MEDIA: Final = "media"
SESSIONS: Final = "sessions"

# A session is over so long after the last message of either side, whoever notices it when.
IDLE: Final = dt.timedelta(minutes=10)

# WeChat does not say how long a text may be (WeChat §3); what is observed are 2048 bytes.
MAX_CHARACTERS: Final = 1000
MAX_BYTES: Final = 2048

# WeChat's time of a message is the message's, unless it is older than this or in the future.
CLOCKS_APART: Final = dt.timedelta(minutes=5)

# How often a message is tried that WeChat is too busy for, about a minute in all.
TRIES: Final = 4

KINDS: Final = ("text", "image", "voice", "video", "location", "link", "profile", "other")

# Files of these kinds are fetched before WeChat forgets them, after three days (WeChat §10).
FETCHED: Final = frozenset({"image", "voice"})

STATES: Final[Mapping[str, str]] = {
    "received": N_("Received"),
    "pending": N_("Being sent"),
    "sending": N_("Being sent"),
    "sent": N_("Sent"),
    "failed": N_("Not sent"),
    "unknown": N_("May have arrived"),
}

# What can be sent again by hand.
SENT_AGAIN: Final = ("failed", "unknown")

# Why a message was not sent or a file not fetched; what else WeChat refuses is its code and words.
REASONS: Final[Mapping[str, str]] = {
    "window_over": N_("WeChat took it no more: the fan has not written for 48 hours or does not follow."),
    "window_used_up": N_("WeChat took it no more: all messages since the fan’s last one are used."),
    "quota": N_("The account’s messages of today are used up."),
    "gone": N_("The fan does not follow the account or has blocked it."),
    "busy": N_("WeChat was too busy for it."),
    "set_up": N_("WeChat does not let the account send. Ask an owner to check its set-up."),
    "no_answer": N_("WeChat gave no answer. Sending it again could reach the fan twice."),
    "file_lost": N_("WeChat no longer had the file."),
    "not_fetched": N_("The file could not be fetched from WeChat."),
}


class Trigger(enum.StrEnum):
    """What a fan does so that WeChat takes messages for them."""

    MESSAGE = "message"
    MENU = "menu"
    FOLLOW = "follow"
    SCAN = "scan"


@dataclass(frozen=True, slots=True)
class Allowance:
    """How many messages WeChat takes, and for how long."""

    messages: int
    valid: dt.timedelta


# WeChat §3.
ALLOWANCES: Final[Mapping[Trigger, Allowance]] = {
    Trigger.MESSAGE: Allowance(5, dt.timedelta(hours=48)),
    Trigger.MENU: Allowance(3, dt.timedelta(minutes=1)),
    Trigger.FOLLOW: Allowance(3, dt.timedelta(minutes=1)),
    Trigger.SCAN: Allowance(3, dt.timedelta(minutes=1)),
}
MOST: Final = max(allowance.messages for allowance in ALLOWANCES.values())


@dataclass(frozen=True, slots=True)
class Window:
    """How many messages WeChat still takes, and until when."""

    left: int
    until: dt.datetime | None

    def is_over(self, now: dt.datetime) -> bool:
        """Whether its time has passed, or it never began."""
        return self.until is None or self.until <= now

    def is_open(self, now: dt.datetime) -> bool:
        """Whether WeChat takes a message."""
        return self.left > 0 and not self.is_over(now)


def opened(trigger: Trigger, at: dt.datetime) -> Window:
    """Give the window that a trigger opens by itself."""
    allowance = ALLOWANCES[trigger]
    return Window(allowance.messages, at + allowance.valid)


def widened(window: Window, trigger: Trigger, at: dt.datetime) -> Window:
    """Give the window after a trigger: not added up, the larger number and the later end (WeChat §3).

    A window that is over counts for nothing. `services.arriving` says the same in SQL.
    """
    new = opened(trigger, at)
    if window.until is None or window.is_over(at):
        return new
    return Window(max(window.left, new.left), max(window.until, new.until or at))


def check_window(window: Window, now: dt.datetime) -> None:
    """Let pass while WeChat takes a message.

    Raises:
        WindowOver: the time is over.
        WindowUsedUp: the count is used.
    """
    if window.is_over(now):
        raise WindowOver
    if window.left <= 0:
        raise WindowUsedUp


def check_text(text: str) -> str:
    """Give a text as it is sent, without blank lines around it.

    Raises:
        EmptyMessage: nothing is left.
        TooLong: WeChat takes less.
    """
    words = text.strip()
    if not words:
        raise EmptyMessage
    if len(words) > MAX_CHARACTERS or len(words.encode()) > MAX_BYTES:
        raise TooLong(characters=MAX_CHARACTERS, bytes=MAX_BYTES)
    return words


def is_live(talked_at: dt.datetime | None, now: dt.datetime) -> bool:
    """Whether an open session still is one; `talked_at` is when either side last wrote in it."""
    return talked_at is not None and now < talked_at + IDLE


def time_of(created_at: dt.datetime, now: dt.datetime) -> dt.datetime:
    """Give when a message was written: WeChat's time where it can be right, else now."""
    return created_at if now - CLOCKS_APART <= created_at <= now else now


# Troubles that pass by themselves or by a person's hand within a minute.
NOT_NOW: Final = frozenset({Trouble.BUSY, Trouble.TOKEN, Trouble.SET_UP})

# WeChat's number for a window whose count is used; the other one says that its time is over (WeChat §3).
COUNT_USED: Final = 45047


def reason_of(refusal: Refused) -> str:
    """Give why a message was not sent: one of `REASONS`, or WeChat's code and words."""
    if refusal.trouble is Trouble.WINDOW:
        return "window_used_up" if refusal.errcode == COUNT_USED else "window_over"
    return _REASONS.get(refusal.trouble, f"{refusal.errcode} {refusal.errmsg}"[:200])


_REASONS: Final[Mapping[Trouble, str]] = {
    Trouble.QUOTA: "quota",
    Trouble.GONE: "gone",
    Trouble.BUSY: "busy",
    Trouble.TOKEN: "set_up",
    Trouble.SET_UP: "set_up",
}
