"""What each person sees in each chat."""

import json
from typing import Any

from sandbox.state.clock import Clock
from sandbox.state.store import Row, Store

# `sent` is what the person wrote, `notice` a grey line of the WeChat app itself; the rest was received.
RECEIVED = ("passive", "custom", "template", "subscribe", "mass")

Entry = dict[str, Any]


class Inbox:
    """The chats, an endless list of entries with rising `seq`."""

    def __init__(self, store: Store, clock: Clock) -> None:
        self._store = store
        self._clock = clock

    def add(self, appid: str, fan: str, *, kind: str, msgtype: str, body: dict[str, Any]) -> Entry:
        """Append an entry; `at` is the sandbox's time in seconds."""
        at = int(self._clock.now())
        seq = self._store.run(
            "INSERT INTO message (fan, appid, at, kind, msgtype, body) VALUES (?, ?, ?, ?, ?, ?)",
            fan,
            appid,
            at,
            kind,
            msgtype,
            json.dumps(body, ensure_ascii=False),
        )
        return {"seq": seq, "at": at, "appid": appid, "kind": kind, "msgtype": msgtype, **body}

    def of(self, fan: str, *, appid: str = "", after: int = 0, whole: bool = False) -> list[Entry]:
        """Entries after a `seq`, oldest first; `whole` adds what the person wrote and the notices."""
        rows = self._store.all(
            "SELECT * FROM message WHERE fan = ? AND seq > ? AND (? = '' OR appid = ?) ORDER BY seq",
            fan,
            after,
            appid,
            appid,
        )
        return [_entry(row) for row in rows if whole or row["kind"] in RECEIVED]

    def last(self, fan: str, appid: str, *, kinds: tuple[str, ...] = ()) -> Entry | None:
        """The newest entry of a chat, of these kinds if any are named."""
        marks = ", ".join("?" * len(kinds))
        only = f" AND kind IN ({marks})" if kinds else ""
        row = self._store.one(
            f"SELECT * FROM message WHERE fan = ? AND appid = ?{only} ORDER BY seq DESC LIMIT 1",  # noqa: S608
            fan,
            appid,
            *kinds,
        )
        return _entry(row) if row else None

    def unread(self, fan: str, appid: str, read_seq: int) -> int:
        """How many received entries lie behind `read_seq`."""
        row = self._store.one(
            "SELECT count(*) AS n FROM message WHERE fan = ? AND appid = ? AND seq > ?"
            " AND kind NOT IN ('sent', 'notice')",
            fan,
            appid,
            read_seq,
        )
        return int(row["n"]) if row else 0


def _entry(row: Row) -> Entry:
    entry = {key: row[key] for key in ("seq", "at", "appid", "kind", "msgtype")}
    return {**entry, **json.loads(row["body"])}
