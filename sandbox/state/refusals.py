"""Refused calls by their request id, `rid` (WeChat §0, §11)."""

import json
from dataclasses import dataclass
from typing import Any

from sandbox.state.clock import Clock
from sandbox.state.store import Store

DAY = 86400
KEPT = 7 * DAY
FORGOTTEN = 14 * DAY  # until then a rid is known to have expired


@dataclass(frozen=True)
class Refusal:
    """One call that was refused."""

    appid: str
    expired: bool
    request: dict[str, Any]


class Refusals:
    """What each `rid` stands for."""

    def __init__(self, store: Store, clock: Clock) -> None:
        self._store = store
        self._clock = clock

    def add(self, rid: str, appid: str, request: dict[str, Any]) -> None:
        """Keep a refused call for seven days."""
        now = self._clock.now()
        self._store.run("DELETE FROM refusal WHERE at < ?", now - FORGOTTEN)
        self._store.run(
            "INSERT INTO refusal VALUES (?, ?, ?, ?)",
            rid,
            now,
            appid,
            json.dumps(request, ensure_ascii=False),
        )

    def get(self, rid: str) -> Refusal | None:
        """The call behind a rid."""
        row = self._store.one("SELECT * FROM refusal WHERE rid = ?", rid)
        if row is None:
            return None
        return Refusal(row["appid"], row["at"] < self._clock.now() - KEPT, json.loads(row["request"]))
