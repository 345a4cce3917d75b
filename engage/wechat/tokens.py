"""One access token per account, shared by all processes (WeChat §2, OA-3).

`stable_token` gives every asker the same token until its last five minutes, so that losing Redis
costs one call. The lock keeps a crowd on an empty cache from asking all at once.
"""

from __future__ import annotations

from typing import Protocol

import redis

from engage.wechat.gateway import Credentials

RENEW_BEFORE_SECONDS = 300
LOCK_SECONDS = 15


class Fetch(Protocol):
    """Asks WeChat for a token; gives it and the seconds it lives. `force` ends the one before."""

    def __call__(self, account: Credentials, *, force: bool) -> tuple[str, int]:
        """Ask."""


class Tokens:
    """Gives tokens of accounts, from Redis or from WeChat."""

    def __init__(self, connection: redis.Redis, fetch: Fetch) -> None:
        self._redis, self._fetch = connection, fetch

    def current(self, account: Credentials) -> str:
        """Give the token in force; asks WeChat itself where Redis is away."""
        try:
            return self._cached(account) or self._renewed(account, stale=None)
        except redis.RedisError:
            return self._fetch(account, force=False)[0]

    def replaced(self, account: Credentials, stale: str) -> str:
        """Give another token than `stale`, which WeChat refused; one process renews, others wait for it."""
        try:
            return self._renewed(account, stale=stale)
        except redis.RedisError:
            return self._fetch(account, force=True)[0]

    def _cached(self, account: Credentials) -> str | None:
        value = self._redis.get(self._key(account))
        return value.decode() if isinstance(value, bytes) else None

    def _renewed(self, account: Credentials, *, stale: str | None) -> str:
        with self._redis.lock(
            f"{self._key(account)}:lock", timeout=LOCK_SECONDS, blocking_timeout=LOCK_SECONDS
        ):
            cached = self._cached(account)
            if cached is not None and cached != stale:
                return cached
            token, seconds = self._fetch(account, force=stale is not None)
            self._redis.set(self._key(account), token, ex=max(1, seconds - RENEW_BEFORE_SECONDS))
            return token

    @staticmethod
    def _key(account: Credentials) -> str:
        return f"wechat:token:{account.app_id}"
