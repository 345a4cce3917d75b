"""wechatpy without its traps: its paths and bodies over our transport, tokens and counts (WeChat §14).

wechatpy 1.8 retries without bound, waits without limit, keeps a token of its own in each process and
knows one host. All of its calls end in `_request`, which is ours.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any
from urllib.parse import urlsplit

import requests
from wechatpy import WeChatClient
from wechatpy.oauth import WeChatOAuth

from engage.wechat.client import transport
from engage.wechat.client.transport import Answer
from engage.wechat.gateway import Credentials, QuotaSpent, WeChatError, WeChatUnreachable
from engage.wechat.quota import CallCount
from engage.wechat.rules import BUSY, Trouble
from engage.wechat.tokens import Tokens


class AccountClient(WeChatClient):  # type: ignore[misc]  # wechatpy has no types
    """The calls of one account, safe in threads: it holds nothing that changes."""

    def __init__(
        self, account: Credentials, session: requests.Session, tokens: Tokens, counts: CallCount
    ) -> None:
        super().__init__(account.app_id, account.secret, auto_retry=False)
        self._http = session
        self._account, self._tokens, self._counts = account, tokens, counts

    @property
    def access_token(self) -> str:
        """The token in force."""
        return self._tokens.current(self._account)

    def _request(
        self,
        method: str,
        url_or_endpoint: str,
        *,
        params: Mapping[str, Any] | None = None,
        data: Mapping[str, Any] | None = None,
        api_base_url: str | None = None,
        result_processor: Callable[[Answer], Any] | None = None,
        **parts: Any,
    ) -> Any:
        """Make a call; once more, with another token, if WeChat refuses the first one's."""
        is_whole = url_or_endpoint.startswith("https://")
        url = url_or_endpoint if is_whole else f"{api_base_url or self.API_BASE_URL}{url_or_endpoint}"
        if data is not None:
            parts["data"] = transport.raw(data)

        def ask(token: str) -> Answer:
            query = {**(params or {}), "access_token": token}
            return self._counted(method, url, params=query, **parts)

        token = self._token(self._tokens.current)
        try:
            answer = ask(token)
        except WeChatError as error:
            if error.trouble is not Trouble.TOKEN:
                raise
            answer = ask(self._token(self._tokens.replaced, token))
        if result_processor is None:
            return answer
        with transport.understood():
            return result_processor(answer)

    def _token(self, source: Callable[..., str], *arguments: str) -> str:
        try:
            return source(self._account, *arguments)
        except WeChatUnreachable as silence:
            raise WeChatError(BUSY, f"no token: {silence}") from silence  # the call itself was not made

    def _counted(self, method: str, url: str, **parts: Any) -> Answer:
        path = urlsplit(url).path
        self._counts.going_out(self._account.app_id, path)
        try:
            return transport.ask(self._http, method, url, **parts)
        except WeChatError as error:
            if error.trouble is not Trouble.QUOTA:
                raise
            self._counts.spent(self._account.app_id, path)
            raise QuotaSpent(path, error.errmsg) from error


class VisitorClient(WeChatOAuth):  # type: ignore[misc]  # wechatpy has no types
    """The calls of one web authorization; not counted, as WeChat sets no limit."""

    def __init__(self, account: Credentials, session: requests.Session) -> None:
        super().__init__(account.app_id, account.secret, redirect_uri="")
        self._http = session

    def _request(self, method: str, url_or_endpoint: str, **parts: Any) -> Answer:
        return transport.ask(self._http, method, f"{self.API_BASE_URL}{url_or_endpoint}", **parts)
