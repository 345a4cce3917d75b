"""One small SQLite file: what people did survives a restart of the sandbox."""

import sqlite3
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

SCHEMA = """
CREATE TABLE IF NOT EXISTS setting (key TEXT PRIMARY KEY, value REAL NOT NULL);
CREATE TABLE IF NOT EXISTS account (
    appid TEXT PRIMARY KEY, secret TEXT NOT NULL, token TEXT NOT NULL, encoding_aes_key TEXT NOT NULL,
    mode TEXT NOT NULL, callback_url TEXT NOT NULL, kind TEXT NOT NULL, name TEXT NOT NULL,
    username TEXT NOT NULL UNIQUE, oauth_domain TEXT NOT NULL
);
CREATE TABLE IF NOT EXISTS template (
    appid TEXT NOT NULL, template_id TEXT NOT NULL, title TEXT NOT NULL, content TEXT NOT NULL,
    example TEXT NOT NULL, PRIMARY KEY (appid, template_id)
);
CREATE TABLE IF NOT EXISTS fan (
    fan TEXT PRIMARY KEY, nickname TEXT NOT NULL, sex INTEGER NOT NULL, phone TEXT NOT NULL,
    unionid TEXT NOT NULL, snapshot INTEGER NOT NULL
);
CREATE TABLE IF NOT EXISTS subscription (
    appid TEXT NOT NULL, fan TEXT NOT NULL, openid TEXT NOT NULL, following INTEGER NOT NULL DEFAULT 0,
    subscribed_at INTEGER NOT NULL DEFAULT 0, scene TEXT NOT NULL DEFAULT '',
    read_seq INTEGER NOT NULL DEFAULT 0, PRIMARY KEY (appid, fan), UNIQUE (appid, openid)
);
CREATE TABLE IF NOT EXISTS message (
    seq INTEGER PRIMARY KEY AUTOINCREMENT, fan TEXT NOT NULL, appid TEXT NOT NULL, at INTEGER NOT NULL,
    kind TEXT NOT NULL, msgtype TEXT NOT NULL, body TEXT NOT NULL
);
CREATE INDEX IF NOT EXISTS message_of_fan ON message (fan, appid, seq);
CREATE TABLE IF NOT EXISTS template_send (
    appid TEXT NOT NULL, openid TEXT NOT NULL, client_msg_id TEXT NOT NULL, msgid INTEGER NOT NULL,
    at REAL NOT NULL, PRIMARY KEY (appid, openid, client_msg_id)
);
CREATE TABLE IF NOT EXISTS access_token (
    token TEXT PRIMARY KEY, space TEXT NOT NULL, appid TEXT NOT NULL, issued_at REAL NOT NULL,
    expires_at REAL NOT NULL, state TEXT NOT NULL, forced INTEGER NOT NULL
);
CREATE INDEX IF NOT EXISTS access_token_of_account ON access_token (appid, space, state);
CREATE TABLE IF NOT EXISTS oauth_code (
    code TEXT PRIMARY KEY, appid TEXT NOT NULL, fan TEXT NOT NULL, openid TEXT NOT NULL,
    scope TEXT NOT NULL, expires_at REAL NOT NULL, used INTEGER NOT NULL DEFAULT 0
);
CREATE TABLE IF NOT EXISTS oauth_token (
    token TEXT PRIMARY KEY, appid TEXT NOT NULL, fan TEXT NOT NULL, openid TEXT NOT NULL,
    scope TEXT NOT NULL, expires_at REAL NOT NULL
);
"""
TABLES = (
    "setting",
    "account",
    "template",
    "fan",
    "subscription",
    "message",
    "template_send",
    "access_token",
    "oauth_code",
    "oauth_token",
)

Row = sqlite3.Row


class Store:
    """A SQLite file used by all threads through one connection and one lock."""

    def __init__(self, path: Path | None) -> None:
        """Open `path`, or keep everything in memory when it is None."""
        if path is not None:
            path.parent.mkdir(parents=True, exist_ok=True)
        self._lock = threading.RLock()
        self._connection = sqlite3.connect(path or ":memory:", isolation_level=None, check_same_thread=False)
        self._connection.row_factory = sqlite3.Row
        # Surviving a power cut is not the sandbox's business; answering thousands of sends a second is.
        self._connection.execute("PRAGMA journal_mode = WAL")
        self._connection.execute("PRAGMA synchronous = OFF")
        self._connection.executescript(SCHEMA)

    def all(self, sql: str, *values: Any) -> list[Row]:
        """All rows of a query."""
        with self._lock:
            return self._connection.execute(sql, values).fetchall()

    def one(self, sql: str, *values: Any) -> Row | None:
        """The first row of a query, if any."""
        with self._lock:
            row: Row | None = self._connection.execute(sql, values).fetchone()
            return row

    def run(self, sql: str, *values: Any) -> int:
        """Execute a statement; returns the id of the row inserted last."""
        with self._lock:
            return self._connection.execute(sql, values).lastrowid or 0

    @contextmanager
    def transaction(self) -> Iterator[None]:
        """Hold the lock over several statements, which take effect together."""
        with self._lock:
            if self._connection.in_transaction:
                yield
                return
            self._connection.execute("BEGIN IMMEDIATE")
            try:
                yield
            except BaseException:
                self._connection.execute("ROLLBACK")
                raise
            self._connection.execute("COMMIT")

    def wipe(self) -> None:
        """Forget everything."""
        with self.transaction():
            for table in TABLES:
                self._connection.execute(f"DELETE FROM {table}")  # noqa: S608 our own constant names
