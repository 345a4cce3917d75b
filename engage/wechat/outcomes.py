"""What became of a template message that was to be sent."""

from __future__ import annotations

from dataclasses import dataclass

from engage.wechat.rules import Trouble, trouble_of


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


@dataclass(frozen=True, slots=True)
class NotSent:
    """It did not go out at all: the time was over, somebody said stop, or the day's calls are spent."""


Outcome = Sent | Refused | Unheard
