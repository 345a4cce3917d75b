"""What is answered to a push at once, and how long the answer may take."""

from __future__ import annotations

import datetime as dt
from typing import Final

from engage.wechat.messages import Followed, Left, Message
from engage.wechat.replies import TextReply

# WeChat waits five seconds (WeChat §1). One statement, and two to put the push off, answer within
# four when each waits no longer than this.
STATEMENT_MS: Final = 1200

# A receipt can overtake the settling of the message it is about, but not by this much.
RECEIPT_AGAIN_AFTER: Final = dt.timedelta(seconds=2)
RECEIPT_WAITS: Final = dt.timedelta(minutes=15)


def welcome(text: str, *, public_url: str, slug: str) -> str:
    """Give the welcome with the address of the account's booking page for `{booking}`."""
    return text.replace("{booking}", f"{public_url}/p/{slug}/booking")


def answer_to(message: Message, greeting: str) -> TextReply | None:
    """Give what is answered: the greeting to who begins to follow, nothing to all else."""
    return TextReply(greeting) if greeting and isinstance(message.content, Followed) else None


def follows(message: Message) -> bool | None:
    """Whether the person begins to follow or leaves; None for all else."""
    if isinstance(message.content, Followed):
        return True
    return False if isinstance(message.content, Left) else None
