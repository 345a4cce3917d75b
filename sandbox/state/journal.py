"""The newest API calls received and pushes sent. Gone with a restart."""

import itertools
import threading
from collections import deque
from typing import Any

KEPT = 10_000


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
