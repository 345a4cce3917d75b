"""QR codes of accounts, and short keys for long data (WeChat §6)."""

import base64
import secrets
from dataclasses import dataclass

from sandbox.state.clock import Clock
from sandbox.state.store import Row, Store

MOST_PERMANENT = 100_000  # per account
PREFIX = "http://weixin.qq.com/q/"
BASE62 = "0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz"
SHORT_KEY_LENGTH = 15


class CodesUsedUp(Exception):
    """The account has all the permanent codes it may have."""


@dataclass(frozen=True)
class Code:
    """A QR code that leads to an account."""

    ticket: str
    appid: str
    key: str
    scene: str
    expires_at: float | None  # None: permanent

    @property
    def url(self) -> str:
        """What the code says to the scanner."""
        return PREFIX + self.key


class Codes:
    """All QR codes and short keys."""

    def __init__(self, store: Store, clock: Clock) -> None:
        self._store = store
        self._clock = clock

    def create(self, appid: str, scene: str, *, seconds: int | None) -> Code:
        """A code that ends after so many seconds, or a permanent one for None.

        A scene has one permanent code: asking again gives the same.

        Raises:
            CodesUsedUp: the account has 100,000 permanent codes.
        """
        with self._store.transaction():
            if seconds is None:
                if known := self.permanent(appid, scene):
                    return known
                if self._count_permanent(appid) >= MOST_PERMANENT:
                    raise CodesUsedUp
            expires_at = None if seconds is None else self._clock.now() + seconds
            # Base64 as WeChat's: a ticket must be escaped to stand in an address.
            ticket = f"gQ{base64.b64encode(secrets.token_bytes(70)).decode()}"
            code = Code(ticket, appid, secrets.token_urlsafe(15), scene, expires_at)
            self._store.run("INSERT INTO qr_code VALUES (?, ?, ?, ?, ?)", *vars(code).values())
            return code

    def permanent(self, appid: str, scene: str) -> Code | None:
        """The permanent code of a scene."""
        return _code(
            self._store.one(
                "SELECT * FROM qr_code WHERE appid = ? AND scene = ? AND expires_at IS NULL", appid, scene
            )
        )

    def by_ticket(self, ticket: str) -> Code | None:
        """The code with this ticket, expired or not."""
        return _code(self._store.one("SELECT * FROM qr_code WHERE ticket = ?", ticket))

    def by_url(self, url: str) -> Code | None:
        """The code that says this, expired or not."""
        key = url.partition("://")[2].removeprefix(PREFIX.partition("://")[2])
        return _code(self._store.one("SELECT * FROM qr_code WHERE key = ?", key))

    def is_over(self, code: Code) -> bool:
        """Whether a temporary code has expired."""
        return code.expires_at is not None and code.expires_at <= self._clock.now()

    def shorten(self, appid: str, long_data: str, *, seconds: int) -> str:
        """A short key that stands for `long_data` for so many seconds."""
        key = "".join(secrets.choice(BASE62) for _ in range(SHORT_KEY_LENGTH))
        now = self._clock.now()
        self._store.run(
            "INSERT INTO short_key VALUES (?, ?, ?, ?, ?)", key, appid, long_data, now, now + seconds
        )
        return key

    def unshorten(self, appid: str, key: str) -> Row | None:
        """The account's row of a short key, expired or not."""
        return self._store.one("SELECT * FROM short_key WHERE short_key = ? AND appid = ?", key, appid)

    def _count_permanent(self, appid: str) -> int:
        (row,) = self._store.all(
            "SELECT count(*) AS n FROM qr_code WHERE appid = ? AND expires_at IS NULL", appid
        )
        return int(row["n"])


def _code(row: Row | None) -> Code | None:
    return Code(**row) if row else None
