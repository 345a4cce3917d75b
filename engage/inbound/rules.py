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
from engage.wechat.replies import ImageReply, NewsReply, TextReply

# WeChat waits five seconds (WeChat §1). The one statement of a push is cut after `kernel.db.BRIEF_MS`;
# the two that put it off, each cut after this, still answer within four.
STATEMENT_MS: Final = 1200

# A receipt can overtake the settling of the message it is about, but not by this much.
RECEIPT_AGAIN_AFTER: Final = dt.timedelta(seconds=2)
RECEIPT_WAITS: Final = dt.timedelta(minutes=15)

# A follow opens a window of one minute for what is owed (WeChat §3); WeChat would refuse it later.
LATE_REPLY_WITHIN: Final = dt.timedelta(minutes=1)


def as_custom(reply: TextReply | ImageReply | NewsReply) -> dict[str, str]:
    """Give a reply as the fields of a customer-service message, where the answer could not carry it."""
    match reply:
        case TextReply(content):
            return {"text": content}
        case ImageReply(media_id):
            return {"media_id": media_id}
        case NewsReply([card, *_]):
            return {
                "title": card.title,
                "description": card.description,
                "url": card.url,
                "picture_url": card.picture_url,
            }
    raise ValueError("a news reply holds an article")


def follows(message: Message) -> bool | None:
    """Whether the person begins to follow or leaves; None for all else."""
    if isinstance(message.content, Followed):
        return True
    return False if isinstance(message.content, Left) else None


def told_of(message: Message) -> dict[str, str]:
    """Give what the event of a follow, leave or scan tells: WeChat's time, the scene of a scanned code."""
    told = {"at": message.created_at.isoformat()}
    if isinstance(message.content, Followed | Scanned) and message.content.scene:
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
