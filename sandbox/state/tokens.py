"""API tokens in their two spaces, and the codes and tokens of web authorization (WeChat §2, §8)."""

import secrets
from dataclasses import dataclass

from sandbox.state.clock import Clock
from sandbox.state.store import Row, Store

LIFETIME = 7200
OVERLAP = 300  # a replaced token goes on working this long
FORCE_GAP = 30  # a forced refresh sooner than this after the last does nothing
FORCE_DAILY = 20
CODE_LIFETIME = 300
REFRESH_LIFETIME = 30 * 86400
SPACES = ("token", "stable")
DAY = 86400


class ForceQuotaUsed(Exception):
    """The account forced its stable token too often within a day."""


@dataclass(frozen=True)
class Grant:
    """What a code or a token of web authorization stands for."""

    appid: str
    fan: str
    openid: str
    scope: str
    snapshot: bool
    expires_at: float
    used: bool = False


class Tokens:
    """Issues and judges tokens."""

    def __init__(self, store: Store, clock: Clock) -> None:
        self._store = store
        self._clock = clock

    def issue(self, appid: str) -> tuple[str, int]:
        """`/cgi-bin/token`: a new token each time; the one before lives five minutes more."""
        with self._store.transaction():
            return self._replace(appid, "token", overlap=OVERLAP), LIFETIME

    def stable(self, appid: str, *, force: bool) -> tuple[str, int]:
        """`/cgi-bin/stable_token`: the same token until its last five minutes, unless forced.

        A forced refresh kills the old token at once, and does nothing within 30 s of the last one.

        Raises:
            ForceQuotaUsed: forced more than 20 times within 24 hours.
        """
        now = self._clock.now()
        with self._store.transaction():
            row = self._store.one(
                "SELECT * FROM access_token WHERE appid = ? AND space = 'stable' AND state = 'current'",
                appid,
            )
            if force and self._may_force(appid, now):
                return self._replace(appid, "stable", overlap=0, forced=True), LIFETIME
            if row and row["expires_at"] - now > OVERLAP:
                return row["token"], int(row["expires_at"] - now)
            return self._replace(appid, "stable", overlap=OVERLAP), LIFETIME

    def owner(self, token: str) -> str | None:
        """The account a token was issued to, whether or not it still works."""
        row = self._store.one("SELECT appid FROM access_token WHERE token = ?", token)
        return row["appid"] if row else None

    def judge(self, token: str) -> str:
        """`live`, `expired`, `invalid` (unknown or replaced), or the verdict it was killed with."""
        row = self._store.one("SELECT state, expires_at FROM access_token WHERE token = ?", token)
        if row is None:
            return "invalid"
        if row["state"] not in ("current", "replaced"):
            return str(row["state"])
        if row["expires_at"] > self._clock.now():
            return "live"
        return "expired" if row["state"] == "current" else "invalid"

    def kill(self, appid: str, spaces: tuple[str, ...], *, verdict: str) -> None:
        """End an account's living tokens before their time; `judge` gives the verdict from now on."""
        for space in spaces:
            self._store.run(
                "UPDATE access_token SET state = ?"
                " WHERE appid = ? AND space = ? AND state IN ('current', 'replaced')",
                verdict,
                appid,
                space,
            )

    def _may_force(self, appid: str, now: float) -> bool:
        forced = self._store.all(
            "SELECT issued_at FROM access_token WHERE appid = ? AND forced = 1 AND issued_at > ?"
            " ORDER BY issued_at DESC",
            appid,
            now - DAY,
        )
        if forced and now - forced[0]["issued_at"] < FORCE_GAP:
            return False
        if len(forced) >= FORCE_DAILY:
            raise ForceQuotaUsed
        return True

    def _replace(self, appid: str, space: str, *, overlap: int, forced: bool = False) -> str:
        now = self._clock.now()
        token = f"{secrets.randbelow(90) + 10}_{secrets.token_urlsafe(100)}"
        self._store.run("DELETE FROM access_token WHERE expires_at < ?", now - DAY)
        self._store.run(
            "UPDATE access_token SET state = 'replaced', expires_at = min(expires_at, ?)"
            " WHERE appid = ? AND space = ? AND state = 'current'",
            now + overlap,
            appid,
            space,
        )
        self._store.run(
            "INSERT INTO access_token VALUES (?, ?, ?, ?, ?, 'current', ?)",
            token,
            space,
            appid,
            now,
            now + LIFETIME,
            forced,
        )
        return token

    def issue_code(self, appid: str, fan: str, openid: str, scope: str, *, snapshot: bool = False) -> str:
        """A code for the redirect of an authorization page: single use, five minutes."""
        code = secrets.token_urlsafe(24)
        self._store.run(
            "INSERT INTO oauth_code VALUES (?, ?, ?, ?, ?, ?, ?, 0)",
            code,
            appid,
            fan,
            openid,
            scope,
            snapshot,
            self._clock.now() + CODE_LIFETIME,
        )
        return code

    def take_code(self, appid: str, code: str) -> Grant | None:
        """What an account's code stands for; `used` tells whether it was taken before. Marks it used."""
        with self._store.transaction():
            row = self._store.one("SELECT * FROM oauth_code WHERE code = ? AND appid = ?", code, appid)
            if row is None:
                return None
            self._store.run("UPDATE oauth_code SET used = 1 WHERE code = ?", code)
            return _grant(row, used=bool(row["used"]))

    def issue_page_tokens(self, grant: Grant) -> tuple[str, str]:
        """A token for `/sns/userinfo` and the one that renews it."""
        return (
            self._issue_page_token(grant, "access", LIFETIME),
            self._issue_page_token(grant, "refresh", REFRESH_LIFETIME),
        )

    def page_grant(self, token: str) -> Grant | None:
        """What a page's access token stands for, expired or not."""
        row = self._store.one("SELECT * FROM oauth_token WHERE token = ? AND kind = 'access'", token)
        return _grant(row) if row else None

    def take_refresh(self, appid: str, token: str) -> Grant | None:
        """What an account's refresh token stands for, expired or not. It works once."""
        with self._store.transaction():
            row = self._store.one(
                "SELECT * FROM oauth_token WHERE token = ? AND appid = ? AND kind = 'refresh'", token, appid
            )
            if row is None:
                return None
            if row["expires_at"] > self._clock.now():
                self._store.run("DELETE FROM oauth_token WHERE token = ?", token)
            return _grant(row)

    def _issue_page_token(self, grant: Grant, kind: str, lifetime: int) -> str:
        token = f"{secrets.randbelow(90) + 10}_{secrets.token_urlsafe(60)}"
        self._store.run(
            "INSERT INTO oauth_token VALUES (?, ?, ?, ?, ?, ?, ?, ?)",
            token,
            kind,
            grant.appid,
            grant.fan,
            grant.openid,
            grant.scope,
            grant.snapshot,
            self._clock.now() + lifetime,
        )
        return token


def _grant(row: Row, *, used: bool = False) -> Grant:
    return Grant(
        row["appid"],
        row["fan"],
        row["openid"],
        row["scope"],
        bool(row["snapshot"]),
        row["expires_at"],
        used,
    )
