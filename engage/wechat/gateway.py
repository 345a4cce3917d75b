"""What Engage asks of WeChat. `client` answers it over HTTP; nothing else talks to WeChat."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Protocol


@dataclass(frozen=True, slots=True)
class Credentials:
    """An official account's app id and secret."""

    app_id: str
    secret: str


class WeChatError(Exception):
    """WeChat answered with an error (WeChat §0)."""

    def __init__(self, errcode: int, errmsg: str) -> None:
        super().__init__(errcode, errmsg)
        self.errcode, self.errmsg = errcode, errmsg


class WeChatUnreachable(Exception):
    """No answer came, or none that can be read: what was asked may have been done or not."""


@dataclass(frozen=True, slots=True)
class Visitor:
    """Who authorised a page: `is_snapshot` visitors are virtual and never kept (WeChat §8)."""

    openid: str
    is_snapshot: bool


class Gateway(Protocol):
    """Calls to WeChat's API. Each raises `WeChatError` or `WeChatUnreachable`."""

    def send_template(
        self,
        account: Credentials,
        *,
        openid: str,
        template_id: str,
        fields: dict[str, str],
        url: str,
        client_msg_id: str,
    ) -> int:
        """Send a template message; gives its msgid. Repeats with one `client_msg_id` are one (WeChat §4)."""

    def visitor(self, account: Credentials, code: str) -> Visitor:
        """Exchange a web authorization's code, once (WeChat §8)."""
