"""What Engage asks of a provider of text messages; nothing else talks to one."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Protocol


class SmsRefused(Exception):
    """The provider did not take the message, or was not reached at all: it was not sent."""


class SmsUnreachable(Exception):
    """No answer that can be read: the message may have been taken or not."""


class SmsGateway(Protocol):
    """Sends text messages."""

    def send(self, phone: str, template: str, params: Mapping[str, str], text: str) -> str:
        """Send one text message to a phone (E.164), and give the provider's id of it.

        Providers in China send texts they have approved: they take `template` with `params` and
        make the text themselves. `text` is the same in words, signature included.

        Raises:
            SmsRefused: it was not sent.
            SmsUnreachable: it may have been sent.
        """
        ...
