"""Text messages that the SMS provider delivered to people's phones."""

import json
from typing import Any

from sandbox.state.clock import Clock
from sandbox.state.store import Store


class TextMessages:
    """All text messages, with rising `seq`."""

    def __init__(self, store: Store, clock: Clock) -> None:
        self._store = store
        self._clock = clock

    def add(self, phone: str, *, text: str, template: str, params: dict[str, Any]) -> int:
        """Deliver a text message; returns its `seq`."""
        return self._store.run(
            "INSERT INTO sms (at, phone, template, params, text) VALUES (?, ?, ?, ?, ?)",
            int(self._clock.now()),
            phone,
            template,
            json.dumps(params, ensure_ascii=False),
            text,
        )

    def of(self, phone: str, *, after: int) -> list[dict[str, Any]]:
        """A number's messages after a `seq`, oldest first; an empty number means all numbers."""
        rows = self._store.all(
            "SELECT * FROM sms WHERE seq > ? AND (? = '' OR phone = ?) ORDER BY seq", after, phone, phone
        )
        return [{**row, "params": json.loads(row["params"])} for row in rows]
