"""When a callback last refused a request: a hint for whoever connects the account, kept in Redis.

A refused request leaves no row (OA-2), or anybody could fill the database.
"""

from __future__ import annotations

import datetime as dt

import redis
import structlog

log = structlog.get_logger()

REMEMBERED = dt.timedelta(hours=1)


class Refusals:
    """The latest refusal of each account."""

    def __init__(self, connection: redis.Redis) -> None:
        self._redis = connection

    def note(self, app_id: str, *, now: dt.datetime) -> None:
        """Remember that a request was refused now; without Redis nothing is remembered."""
        try:
            self._redis.set(self._key(app_id), now.isoformat(), ex=REMEMBERED)
        except redis.RedisError as error:
            log.warning("refusals.not_noted", error=type(error).__name__)

    def latest(self, app_id: str) -> dt.datetime | None:
        """Give when a request was last refused, within `REMEMBERED`."""
        try:
            noted = self._redis.get(self._key(app_id))
        except redis.RedisError as error:
            log.warning("refusals.not_read", error=type(error).__name__)
            return None
        return dt.datetime.fromisoformat(noted.decode()) if isinstance(noted, bytes) else None

    @staticmethod
    def _key(app_id: str) -> str:
        return f"wechat:refused:{app_id}"
