"""How many calls an account made today, and which kinds are used up (WeChat §11, OA-3).

Kept in Redis under the day of China. The figures are hints: Redis may be emptied or away, and others
may call for the account too. WeChat's own count, `Gateway.quota`, is the truth.
"""

from __future__ import annotations

import contextlib
import datetime as dt
from collections.abc import Callable, Iterator
from typing import Final, cast

import redis
import structlog

from engage.wechat.answers import Usage
from engage.wechat.gateway import QuotaSpent
from engage.wechat.rules import DAILY_LIMITS, day_of

log = structlog.get_logger()

KEPT: Final = dt.timedelta(days=2)
SPENT: Final = "spent "


class CallCount:
    """Counts calls per account, path and day; `now` gives the aware time."""

    def __init__(self, connection: redis.Redis, now: Callable[[], dt.datetime]) -> None:
        self._redis, self._now = connection, now

    def going_out(self, app_id: str, path: str) -> None:
        """Count a call that is about to go out; uncounted where Redis is away.

        Raises:
            QuotaSpent: WeChat said today that no calls to this path are left.
        """
        with self._uncounted(app_id):
            if self._redis.hexists(self._key(app_id), SPENT + path):
                raise QuotaSpent(path)
            pipeline = self._redis.pipeline()
            pipeline.hincrby(self._key(app_id), path)
            pipeline.expire(self._key(app_id), KEPT)
            pipeline.execute()

    def look(self, app_id: str, path: str) -> None:
        """Look whether calls to a path may go out, and count none.

        Raises:
            QuotaSpent: WeChat said today that none are left.
        """
        with self._uncounted(app_id):
            if self._redis.hexists(self._key(app_id), SPENT + path):
                raise QuotaSpent(path)

    def went_out(self, app_id: str, path: str, calls: int) -> None:
        """Count calls that went out, all in one go."""
        if calls:
            with self._uncounted(app_id):
                pipeline = self._redis.pipeline()
                pipeline.hincrby(self._key(app_id), path, calls)
                pipeline.expire(self._key(app_id), KEPT)
                pipeline.execute()

    def spent(self, app_id: str, path: str) -> None:
        """Hold further calls to a path back until midnight in China."""
        log.warning("wechat.quota_spent", app_id=app_id, path=path)
        with self._uncounted(app_id):
            pipeline = self._redis.pipeline()
            pipeline.hset(self._key(app_id), SPENT + path, "1")
            pipeline.expire(self._key(app_id), KEPT)
            pipeline.execute()

    def left(self, app_id: str, path: str) -> None:
        """Hold calls to a path back no longer: WeChat said that some are left."""
        with self._uncounted(app_id):
            self._redis.hdel(self._key(app_id), SPENT + path)

    def used(self, app_id: str) -> list[Usage]:
        """Give today's calls, most used first; none where Redis is away."""
        counts: dict[str, int] = {}
        with self._uncounted(app_id):
            found = self._redis.hgetall(self._key(app_id))
            counts = {cast(bytes, field).decode(): int(count) for field, count in found.items()}
        paths = {field.removeprefix(SPENT) for field in counts}
        used = [
            Usage(path, counts.get(path, 0), DAILY_LIMITS.get(path), SPENT + path in counts) for path in paths
        ]
        return sorted(used, key=lambda usage: (-usage.used, usage.path))

    @contextlib.contextmanager
    def _uncounted(self, app_id: str) -> Iterator[None]:
        """Go on without Redis where it is away."""
        try:
            yield
        except redis.RedisError as error:
            log.warning("wechat.calls_uncounted", app_id=app_id, error=type(error).__name__)

    def _key(self, app_id: str) -> str:
        return f"wechat:calls:{app_id}:{day_of(self._now())}"
