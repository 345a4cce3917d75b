"""The sandbox's time: the real one plus what the control API added."""

import time

from sandbox.state.store import Store


class Clock:
    """Moves windows and expiries forward; pushes keep the real time (contract A)."""

    def __init__(self, store: Store) -> None:
        self._store = store
        row = store.one("SELECT value FROM setting WHERE key = 'clock_offset'")
        self._offset: float = row["value"] if row else 0.0

    def now(self) -> float:
        """Seconds since 1970, offset included."""
        return time.time() + self._offset

    @property
    def offset(self) -> float:
        """Seconds that the control API added."""
        return self._offset

    def advance(self, seconds: float) -> float:
        """Move the clock; returns the whole offset in seconds."""
        self._offset += seconds
        self._store.run("INSERT OR REPLACE INTO setting VALUES ('clock_offset', ?)", self._offset)
        return self._offset

    def reset(self) -> None:
        """Back to the real time."""
        self._offset = 0.0


def real_seconds() -> int:
    """The real time in whole seconds, as pushes carry it."""
    return int(time.time())
