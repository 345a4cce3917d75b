"""What the gateway's parts stand on: one client per account, one set of connections a process."""

from __future__ import annotations

import datetime as dt
import functools
from collections.abc import Callable
from typing import Final

import redis
import structlog

from engage.kernel import clock
from engage.wechat.client import transport
from engage.wechat.client.calls import AccountClient, VisitorClient
from engage.wechat.gateway import Credentials
from engage.wechat.quota import CallCount
from engage.wechat.tokens import Tokens

log = structlog.get_logger()

ACCOUNTS_KEPT: Final = 256
# Together shorter than the lock of `tokens`.
TOKEN_TIMEOUT_SECONDS: Final = (3.05, 4.0)


class Calls:
    """Makes and keeps the clients of accounts; `now` gives the aware time to which calls are counted."""

    def __init__(
        self,
        api_url: str,
        connection: redis.Redis,
        *,
        mp_url: str = transport.MP,
        now: Callable[[], dt.datetime] = clock.now,
    ) -> None:
        self._api_url = api_url.rstrip("/")
        self._mp_url = mp_url.rstrip("/")
        self._session = transport.Session({transport.API: api_url, transport.MP: mp_url})
        self._counts = CallCount(connection, now)
        self._tokens = Tokens(connection, self._fetch_token)
        self._tickets = Tokens(connection, self._fetch_ticket, kind="ticket")
        self._client = functools.lru_cache(ACCOUNTS_KEPT)(self._made_client)

    def _made_client(self, account: Credentials) -> AccountClient:
        return AccountClient(account, self._session, self._tokens, self._counts)

    def _visitor_client(self, account: Credentials) -> VisitorClient:
        return VisitorClient(account, self._session)

    def _fetch_token(self, account: Credentials, *, force: bool) -> tuple[str, int]:
        """Ask for a token; counted, but never held back: without one nothing goes."""
        self._counts.going_out(account.app_id, "/cgi-bin/stable_token")
        body = {
            "grant_type": "client_credential",
            "appid": account.app_id,
            "secret": account.secret,
            "force_refresh": force,
        }
        url = f"{transport.API}/cgi-bin/stable_token"
        with transport.understood():
            answer = transport.ask(
                self._session, "post", url, data=transport.raw(body), timeout=TOKEN_TIMEOUT_SECONDS
            )
            token, seconds = str(answer["access_token"]), int(answer["expires_in"])
        log.info("wechat.token_fetched", app_id=account.app_id, forced=force, seconds=seconds)
        return token, seconds

    def _fetch_ticket(self, account: Credentials, *, force: bool) -> tuple[str, int]:  # noqa: ARG002 nobody can
        """Ask for the ticket that signs pages (WeChat §9)."""
        answer = self._client(account).get(
            "ticket/getticket", params={"type": "jsapi"}, timeout=TOKEN_TIMEOUT_SECONDS
        )
        with transport.understood():
            return str(answer["ticket"]), int(answer["expires_in"])
