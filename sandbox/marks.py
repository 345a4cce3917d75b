"""MarkFail: a server that keeps failing is left alone for a while (WeChat §1)."""

import threading
import time
from collections import Counter

FAILURES = 10  # pushes in a row given up, each after all its attempts; the notes say "repeated failures"


class Marks:
    """Which servers are marked, by account and address; real time, gone with a restart."""

    def __init__(self, seconds: float) -> None:
        """`seconds` is how long a mark stays."""
        self._seconds = seconds
        self._lock = threading.Lock()
        self._failures: Counter[tuple[str, str]] = Counter()
        self._until: dict[tuple[str, str], float] = {}

    def note(self, appid: str, url: str, *, answered: bool) -> None:
        """Count what came of a push: an answer begins the count anew, ten failures set the mark."""
        server = (appid, url)
        with self._lock:
            if answered:
                del self._failures[server]
                return
            self._failures[server] += 1
            if self._failures[server] >= FAILURES:
                del self._failures[server]
                self._until[server] = time.monotonic() + self._seconds

    def is_set(self, appid: str, url: str) -> bool:
        """Whether a server is marked now."""
        with self._lock:
            return self._until.get((appid, url), 0.0) > time.monotonic()

    def clear(self) -> None:
        """Lift all marks."""
        with self._lock:
            self._failures.clear()
            self._until.clear()
