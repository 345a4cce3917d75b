"""One small SQLite file: what people did survives a restart of the sandbox."""

import logging
import sqlite3
import threading
import zlib
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

SCHEMA = """
CREATE TABLE IF NOT EXISTS setting (key TEXT PRIMARY KEY, value REAL NOT NULL);
CREATE TABLE IF NOT EXISTS account (
    appid TEXT PRIMARY KEY, secret TEXT NOT NULL, token TEXT NOT NULL, encoding_aes_key TEXT NOT NULL,
    mode TEXT NOT NULL, callback_url TEXT NOT NULL, kind TEXT NOT NULL, name TEXT NOT NULL,
    username TEXT NOT NULL UNIQUE, oauth_domain TEXT NOT NULL, typed_fields INTEGER
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
    read_seq INTEGER NOT NULL DEFAULT 0, remark TEXT NOT NULL DEFAULT '',
    blacklisted INTEGER NOT NULL DEFAULT 0, refuses INTEGER NOT NULL DEFAULT 0,
    PRIMARY KEY (appid, fan), UNIQUE (appid, openid)
);
CREATE INDEX IF NOT EXISTS subscription_of_account ON subscription (appid, following);
CREATE INDEX IF NOT EXISTS subscription_by_openid ON subscription (openid);
CREATE INDEX IF NOT EXISTS subscription_blacklisted ON subscription (appid) WHERE blacklisted;
CREATE TABLE IF NOT EXISTS tag (
    appid TEXT NOT NULL, id INTEGER NOT NULL, name TEXT NOT NULL, PRIMARY KEY (appid, id),
    UNIQUE (appid, name)
);
CREATE TABLE IF NOT EXISTS fan_tag (
    appid TEXT NOT NULL, openid TEXT NOT NULL, tag_id INTEGER NOT NULL,
    UNIQUE (appid, openid, tag_id)
);
CREATE INDEX IF NOT EXISTS fan_tag_of_tag ON fan_tag (appid, tag_id);
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
    scope TEXT NOT NULL, snapshot INTEGER NOT NULL, expires_at REAL NOT NULL,
    used INTEGER NOT NULL DEFAULT 0
);
CREATE TABLE IF NOT EXISTS oauth_token (
    token TEXT PRIMARY KEY, kind TEXT NOT NULL, appid TEXT NOT NULL, fan TEXT NOT NULL,
    openid TEXT NOT NULL, scope TEXT NOT NULL, snapshot INTEGER NOT NULL, expires_at REAL NOT NULL
);
CREATE TABLE IF NOT EXISTS call_count (
    period TEXT NOT NULL, appid TEXT NOT NULL, path TEXT NOT NULL, n INTEGER NOT NULL,
    PRIMARY KEY (period, appid, path)
);
CREATE TABLE IF NOT EXISTS call_limit (
    appid TEXT NOT NULL, path TEXT NOT NULL, n INTEGER NOT NULL, PRIMARY KEY (appid, path)
);
CREATE TABLE IF NOT EXISTS refusal (
    rid TEXT PRIMARY KEY, at REAL NOT NULL, appid TEXT NOT NULL, request TEXT NOT NULL
);
CREATE INDEX IF NOT EXISTS refusal_by_time ON refusal (at);
CREATE TABLE IF NOT EXISTS waiting_push (
    id INTEGER PRIMARY KEY, due REAL NOT NULL, appid TEXT NOT NULL, fan TEXT NOT NULL, fields TEXT NOT NULL
);
CREATE TABLE IF NOT EXISTS industry (
    appid TEXT PRIMARY KEY, first_id TEXT NOT NULL, second_id TEXT NOT NULL, month TEXT NOT NULL
);
CREATE TABLE IF NOT EXISTS reply_window (
    appid TEXT NOT NULL, fan TEXT NOT NULL, remaining INTEGER NOT NULL, until REAL NOT NULL,
    typing_until REAL NOT NULL DEFAULT 0, PRIMARY KEY (appid, fan)
);
CREATE TABLE IF NOT EXISTS worker (
    number INTEGER PRIMARY KEY AUTOINCREMENT, appid TEXT NOT NULL, kf_account TEXT NOT NULL,
    nickname TEXT NOT NULL, wechat TEXT NOT NULL DEFAULT '', UNIQUE (appid, kf_account)
);
CREATE TABLE IF NOT EXISTS media (
    media_id TEXT PRIMARY KEY, appid TEXT NOT NULL, type TEXT NOT NULL, mime TEXT NOT NULL,
    name TEXT NOT NULL, title TEXT NOT NULL, introduction TEXT NOT NULL, keeping TEXT NOT NULL,
    created_at REAL NOT NULL, content BLOB NOT NULL
);
CREATE INDEX IF NOT EXISTS media_of_account ON media (appid, keeping, type, created_at);
CREATE TABLE IF NOT EXISTS qr_code (
    ticket TEXT PRIMARY KEY, appid TEXT NOT NULL, key TEXT NOT NULL UNIQUE, scene TEXT NOT NULL,
    expires_at REAL
);
CREATE INDEX IF NOT EXISTS qr_code_permanent ON qr_code (appid, scene) WHERE expires_at IS NULL;
CREATE TABLE IF NOT EXISTS short_key (
    short_key TEXT PRIMARY KEY, appid TEXT NOT NULL, long_data TEXT NOT NULL, created_at REAL NOT NULL,
    expires_at REAL NOT NULL
);
CREATE TABLE IF NOT EXISTS menu (
    menuid INTEGER PRIMARY KEY AUTOINCREMENT, appid TEXT NOT NULL, buttons TEXT NOT NULL, rule TEXT
);
CREATE INDEX IF NOT EXISTS menu_of_account ON menu (appid, menuid);
CREATE TABLE IF NOT EXISTS page_ticket (
    ticket TEXT PRIMARY KEY, appid TEXT NOT NULL, kind TEXT NOT NULL, expires_at REAL NOT NULL
);
CREATE INDEX IF NOT EXISTS page_ticket_of_account ON page_ticket (appid, kind, expires_at);
CREATE TABLE IF NOT EXISTS place (
    fan TEXT PRIMARY KEY, latitude REAL NOT NULL, longitude REAL NOT NULL, refuses INTEGER NOT NULL
);
CREATE TABLE IF NOT EXISTS sms (
    seq INTEGER PRIMARY KEY AUTOINCREMENT, at INTEGER NOT NULL, phone TEXT NOT NULL,
    template TEXT NOT NULL, params TEXT NOT NULL, text TEXT NOT NULL
);
"""
# SQLite keeps it in the file: a file of another schema is begun anew.
VERSION = zlib.crc32(SCHEMA.encode()) & 0x7FFFFFFF

Row = sqlite3.Row
log = logging.getLogger(__name__)


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
        self._set_up(path)

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
            for table in self._tables():
                self._connection.execute(f"DELETE FROM {table}")  # noqa: S608 our own constant names

    def _set_up(self, path: Path | None) -> None:
        (found,) = self._connection.execute("PRAGMA user_version").fetchone()
        if found != VERSION:
            if known := self._tables():
                log.warning("%s holds an older schema: everything in it is forgotten", path)
            for table in known:
                self._connection.execute(f"DROP TABLE {table}")
        self._connection.executescript(SCHEMA)
        self._connection.execute(f"PRAGMA user_version = {VERSION}")

    def _tables(self) -> list[str]:
        rows = self._connection.execute(
            "SELECT name FROM sqlite_master WHERE type = 'table' AND name NOT LIKE 'sqlite%'"
        )
        return [row["name"] for row in rows]
