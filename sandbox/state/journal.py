"""The newest API calls received and pushes sent, and the day's counts. Gone with a restart."""

import itertools
import threading
import time
from collections import Counter, deque
from typing import Any

from sandbox.state.clock import Clock

KEPT = 10_000
CHINA = 8 * 3600  # WeChat's day ends at midnight in China


class Log:
    """The newest records, each with a rising `seq`."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._seq = itertools.count(1)
        self._records: deque[dict[str, Any]] = deque(maxlen=KEPT)

    def add(self, record: dict[str, Any]) -> None:
        """Append a record."""
        with self._lock:
            self._records.append({"seq": next(self._seq), **record})

    def after(self, seq: int, **equal: str) -> list[dict[str, Any]]:
        """Records after `seq` whose fields equal those given; an empty value matches anything."""
        with self._lock:
            records = list(self._records)
        wanted = [(key, value) for key, value in equal.items() if value]
        return [r for r in records if r["seq"] > seq and all(r[key] == value for key, value in wanted)]

    def clear(self) -> None:
        """Forget the records; `seq` goes on rising."""
        with self._lock:
            self._records.clear()


class Counters:
    """Calls per account and path on the sandbox's current day."""

    def __init__(self, clock: Clock) -> None:
        self._clock = clock
        self._lock = threading.Lock()
        self._day = ""
        self._counts: dict[str, Counter[str]] = {}

    def add(self, appid: str, path: str) -> None:
        """Count one call."""
        with self._lock:
            self._roll()
            self._counts.setdefault(appid, Counter())[path] += 1

    def today(self) -> dict[str, Any]:
        """`{day, counts: {appid: {path: n}}}`."""
        with self._lock:
            self._roll()
            return {"day": self._day, "counts": {appid: dict(n) for appid, n in self._counts.items()}}

    def clear(self) -> None:
        """Start the day anew."""
        with self._lock:
            self._counts = {}

    def _roll(self) -> None:
        day = time.strftime("%Y-%m-%d", time.gmtime(self._clock.now() + CHINA))
        if day != self._day:
            self._day, self._counts = day, {}
