"""What is answered to a push at once, and how long the answer may take."""

from __future__ import annotations

import datetime as dt
from typing import Final

from engage.wechat.messages import (
    CodeScanned,
    ConsentRevoked,
    Followed,
    Left,
    Located,
    MenuClicked,
    Message,
    MiniProgramOpened,
    PageOpened,
    ProfileChanged,
    Scanned,
    TemplateFinished,
)
from engage.wechat.replies import TextReply

# WeChat waits five seconds (WeChat §1). The one statement of a push is cut after `kernel.db.BRIEF_MS`;
# the two that put it off, each cut after this, still answer within four.
STATEMENT_MS: Final = 1200

# A receipt can overtake the settling of the message it is about, but not by this much.
RECEIPT_AGAIN_AFTER: Final = dt.timedelta(seconds=2)
RECEIPT_WAITS: Final = dt.timedelta(minutes=15)

# A follow opens a window of one minute for what is owed (WeChat §3); WeChat would refuse it later.
LATE_REPLY_WITHIN: Final = dt.timedelta(minutes=1)


def welcome(text: str, *, public_url: str, slug: str) -> str:
    """Give the welcome with the account's pages: booking for `{booking}`, binding for `{bind}`."""
    pages = f"{public_url}/p/{slug}"
    return text.replace("{booking}", f"{pages}/booking").replace("{bind}", f"{pages}/bind")


def answer_to(message: Message, greeting: str) -> TextReply | None:
    """Give what is answered: the greeting to who begins to follow, nothing to all else."""
    return TextReply(greeting) if greeting and isinstance(message.content, Followed) else None


def follows(message: Message) -> bool | None:
    """Whether the person begins to follow or leaves; None for all else."""
    if isinstance(message.content, Followed):
        return True
    return False if isinstance(message.content, Left) else None


def told_of(message: Message) -> dict[str, str]:
    """Give what the event of a follow or leave tells: WeChat's time, and the scene of a scanned code."""
    told = {"at": message.created_at.isoformat()}
    if isinstance(message.content, Followed) and message.content.scene:
        told["scene"] = message.content.scene
    return told


def shows_a_follower(message: Message) -> bool:
    """Whether only somebody who follows can have done it: write, tap the menu, scan again."""
    return not message.is_event or isinstance(message.content, _OF_FOLLOWERS)


def is_for_a_worker(message: Message) -> bool:
    """Whether the callback leaves it to a worker: receipts come in floods, profiles concern files too."""
    return isinstance(message.content, TemplateFinished | ProfileChanged | ConsentRevoked)


def receipt_again_at(received_at: dt.datetime, now: dt.datetime) -> dt.datetime | None:
    """Give when a receipt without its message is looked at again, ever more seldom; None to let it go."""
    age = now - received_at
    return now + max(RECEIPT_AGAIN_AFTER, age / 2) if age < RECEIPT_WAITS else None


_OF_FOLLOWERS = Scanned | Located | MenuClicked | PageOpened | MiniProgramOpened | CodeScanned
