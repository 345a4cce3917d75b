"""One access token, and one ticket of pages, per account, for all processes (WeChat §2, §9; ADR 0010).

`stable_token` gives every asker the same token until its last five minutes, so that losing Redis
costs one call. A lock keeps a crowd from asking all at once; it runs out by itself, so that a
holder that is killed holds nobody up for longer. Times are Redis's own: no process's clock counts.
"""

from __future__ import annotations

import contextlib
from collections.abc import Iterator, Mapping, Sequence
from typing import Final, Protocol

import redis
import structlog

from engage.wechat.gateway import Credentials, WeChatError, WeChatUnreachable
from engage.wechat.rules import BUSY, Trouble

log = structlog.get_logger()

# WeChat gives another token in the last 300 s only; a little later, its clock agrees.
RENEW_SECONDS: Final = 270
# Longer than one fetch takes at most.
LOCK_SECONDS: Final = 8
# WeChat forces at most every 30 s, and 20 times a day.
FORCE_GAP_SECONDS: Final = 30
FORCES_A_DAY: Final = 20
DAY_SECONDS: Final = 86_400


class Fetch(Protocol):
    """Asks WeChat for a token; gives it and the seconds it lives. `force` ends the one before."""

    def __call__(self, account: Credentials, *, force: bool) -> tuple[str, int]:
        """Ask."""


class Tokens:
    """Gives tokens of accounts, from Redis or from WeChat; `kind` keeps those of one kind apart."""

    def __init__(self, connection: redis.Redis, fetch: Fetch, *, kind: str = "token") -> None:
        self._redis, self._fetch, self._kind = connection, fetch, kind

    def current(self, account: Credentials) -> str:
        """Give the token in force; asks WeChat itself where Redis is away.

        In a token's last minutes one asker renews it, and all others go on with it meanwhile.

        Raises:
            WeChatError: WeChat refused; `Trouble.BUSY` if others have been asking for too long.
            WeChatUnreachable: WeChat gave no answer.
        """
        try:
            token, seconds = self._cached(account)
            if token is None:
                return self._renewed(account, stale=None)
            return token if seconds > RENEW_SECONDS else self._renewed_early(account, token)
        except redis.RedisError:
            return self._fetch(account, force=False)[0]

    def replaced(self, account: Credentials, stale: str) -> str:
        """Give another token than `stale`, which WeChat refused; one process renews, others wait for it.

        Gives `stale` again where WeChat insists on it and may not be forced now.

        Raises:
            WeChatError: WeChat refused; `Trouble.BUSY` if others have been asking for too long.
            WeChatUnreachable: WeChat gave no answer.
        """
        try:
            return self._renewed(account, stale=stale)
        except redis.RedisError:
            return self._other_than(account, stale)[0]

    def seconds_left(self, app_ids: Sequence[str]) -> Mapping[str, int]:
        """Give how long the tokens held for accounts still live; where none is held, or Redis is away, 0."""
        pipeline = self._redis.pipeline()
        for app_id in app_ids:
            pipeline.ttl(self._key(app_id))
        try:
            left = pipeline.execute()
        except redis.RedisError:
            left = [0] * len(app_ids)
        return {app_id: max(0, seconds) for app_id, seconds in zip(app_ids, left, strict=True)}

    def _cached(self, account: Credentials) -> tuple[str | None, int]:
        """Give the token in Redis and the seconds it still lives."""
        key = self._key(account.app_id)
        pipeline = self._redis.pipeline()
        pipeline.get(key)
        pipeline.ttl(key)
        value, seconds = pipeline.execute()
        return (value.decode(), int(seconds)) if value is not None else (None, 0)

    def _renewed(self, account: Credentials, *, stale: str | None) -> str:
        with self._alone(account) as is_alone:
            cached, _ = self._cached(account)
            if cached is not None and cached != stale:
                return cached  # another asker was here while this one waited
            if not is_alone:
                raise WeChatError(BUSY, "no token: others are asking for it")
            found = self._other_than(account, stale) if stale else self._fetch(account, force=False)
            return self._kept(account, *found)

    def _renewed_early(self, account: Credentials, token: str) -> str:
        """Renew a token that still works; one tries at a time, and the next not at once if that fails."""
        mark = f"{self._key(account.app_id)}:renewing"
        if not self._redis.set(mark, 1, nx=True, ex=LOCK_SECONDS):
            return token
        try:
            return self._kept(account, *self._fetch(account, force=False))
        except (WeChatError, WeChatUnreachable) as error:
            log.warning("wechat.token_not_renewed", kind=self._kind, app_id=account.app_id, error=str(error))
            return token

    def _other_than(self, account: Credentials, stale: str) -> tuple[str, int]:
        """Ask for another token; by force, which ends everybody's, only where WeChat insists on this one."""
        found = self._fetch(account, force=False)
        if found[0] != stale or not self._may_force(account):
            return found
        try:
            return self._fetch(account, force=True)
        except WeChatError as error:
            if error.trouble is Trouble.QUOTA:
                return found
            raise

    def _may_force(self, account: Credentials) -> bool:
        key = f"{self._key(account.app_id)}:forced"
        try:
            if not self._redis.set(f"{key}:now", 1, nx=True, ex=FORCE_GAP_SECONDS):
                return False
            pipeline = self._redis.pipeline()
            pipeline.set(key, 0, nx=True, ex=DAY_SECONDS)
            pipeline.incr(key)
            _, count = pipeline.execute()
        except redis.RedisError:
            return True  # WeChat holds the gap and the number itself
        return int(count) <= FORCES_A_DAY

    def _kept(self, account: Credentials, token: str, seconds: int) -> str:
        self._redis.set(self._key(account.app_id), token, ex=max(1, seconds))
        return token

    @contextlib.contextmanager
    def _alone(self, account: Credentials) -> Iterator[bool]:
        """Hold the account's lock if it comes free while one lock lives, and tell whether it did."""
        lock = self._redis.lock(f"{self._key(account.app_id)}:lock", timeout=LOCK_SECONDS, sleep=0.02)
        is_alone = lock.acquire(blocking_timeout=LOCK_SECONDS)
        try:
            yield is_alone
        finally:
            if is_alone:
                with contextlib.suppress(redis.RedisError):  # run out, or gone with Redis
                    lock.release()

    def _key(self, app_id: str) -> str:
        return f"wechat:{self._kind}:{app_id}"
