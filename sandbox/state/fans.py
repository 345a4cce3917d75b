"""The people who hold the phones, and whom they follow."""

import base64
import hashlib
import re
import secrets
from dataclasses import dataclass
from typing import Any

from sandbox.state.clock import Clock
from sandbox.state.store import Row, Store

# A fan's id is also the first label of the host name of their phone.
FAN_ID = re.compile(r"[a-z0-9](?:[a-z0-9-]{0,30}[a-z0-9])?")
NOT_FANS = ("localhost", "desk")  # host names of the sandbox's own


class BadFan(ValueError):
    """A field of the person is missing or malformed; the message says which."""


@dataclass(frozen=True)
class Fan:
    """A person with a WeChat account."""

    fan: str
    nickname: str
    sex: int  # WeChat's numbers: 0 not said, 1 male, 2 female
    phone: str
    unionid: str
    snapshot: bool  # looks at pages as a throw-away snapshot visitor (WeChat §8)


@dataclass(frozen=True)
class Subscription:
    """What ties a person to an account; exists from the first contact, follower or not."""

    appid: str
    fan: str
    openid: str
    following: bool
    subscribed_at: int
    scene: str
    read_seq: int
    remark: str
    blacklisted: bool
    refuses: bool  # the person switched the account's messages off


def derive_openid(appid: str, fan: str) -> str:
    """28 characters of `[A-Za-z0-9_-]`, always the same for an (account, person) (WeChat §5)."""
    digest = hashlib.sha256(f"{appid}\n{fan}".encode()).digest()
    return "o" + base64.urlsafe_b64encode(digest).decode()[:27]


class Fans:
    """All people of the sandbox."""

    def __init__(self, store: Store, clock: Clock) -> None:
        self._store = store
        self._clock = clock

    def get(self, fan: str) -> Fan | None:
        """The person with this id, if there is one."""
        row = self._store.one("SELECT * FROM fan WHERE fan = ?", fan)
        return Fan(**{**row, "snapshot": bool(row["snapshot"])}) if row else None

    def all(self) -> list[Fan]:
        """Everybody, the oldest first."""
        rows = self._store.all("SELECT * FROM fan ORDER BY rowid")
        return [Fan(**{**row, "snapshot": bool(row["snapshot"])}) for row in rows]

    def put(self, data: dict[str, Any]) -> Fan:
        """Create a person; with the id of an existing one in `fan`, update that one (idempotent).

        Raises:
            BadFan: no nickname, an id that is no host label, or an unknown sex.
        """
        nickname = str(data.get("nickname") or "").strip()
        if not nickname:
            raise BadFan("nickname must not be empty")
        # A random id: after a reset nobody inherits the openid of somebody forgotten, and thousands differ.
        fan = str(data.get("fan") or f"f{secrets.token_hex(6)}")
        if not FAN_ID.fullmatch(fan) or fan in NOT_FANS:
            raise BadFan("fan must be a host label: a-z, 0-9 and inner hyphens, up to 32 characters")
        sex = data.get("sex") or 0
        if sex not in (0, 1, 2):
            raise BadFan("sex must be 0, 1 or 2")
        person = Fan(
            fan=fan,
            nickname=nickname,
            sex=sex,
            phone=str(data.get("phone") or ""),
            unionid=str(data.get("unionid") or ""),
            snapshot=bool(data.get("snapshot")),
        )
        self._store.run(
            "INSERT INTO fan VALUES (?, ?, ?, ?, ?, ?) ON CONFLICT (fan) DO UPDATE SET"
            " nickname = excluded.nickname, sex = excluded.sex, phone = excluded.phone,"
            " unionid = excluded.unionid, snapshot = excluded.snapshot",
            *vars(person).values(),
        )
        return person

    def subscription(self, appid: str, fan: str) -> Subscription:
        """The tie of a person to an account, made at first need."""
        self._store.run(
            "INSERT OR IGNORE INTO subscription (appid, fan, openid) VALUES (?, ?, ?)",
            appid,
            fan,
            derive_openid(appid, fan),
        )
        (row,) = self._store.all("SELECT * FROM subscription WHERE appid = ? AND fan = ?", appid, fan)
        return _tie(row)

    def by_openid(self, appid: str, openid: str) -> Subscription | None:
        """The tie behind an openid; None for another account's openid."""
        row = self._store.one("SELECT * FROM subscription WHERE appid = ? AND openid = ?", appid, openid)
        return _tie(row) if row else None

    def is_known(self, openid: str) -> bool:
        """Whether any account has a person with this openid."""
        return self._store.one("SELECT 1 FROM subscription WHERE openid = ?", openid) is not None

    def followers(self, appid: str, *, after: str = "", size: int) -> list[str]:
        """Openids of followers, in the order of first contact, from the one behind `after` on."""
        return self._page("following = 1", appid, after, size)

    def blacklist(self, appid: str, *, after: str = "", size: int) -> list[str]:
        """Openids of the blacklisted, from the one behind `after` on."""
        return self._page("blacklisted", appid, after, size)

    def count(self, appid: str) -> tuple[int, int]:
        """How many follow an account, and how many it has blacklisted."""
        (row,) = self._store.all(
            "SELECT (SELECT count(*) FROM subscription WHERE appid = ? AND following = 1) AS followers,"
            " (SELECT count(*) FROM subscription WHERE appid = ? AND blacklisted) AS blacklisted",
            appid,
            appid,
        )
        return row["followers"], row["blacklisted"]

    def set_remark(self, appid: str, openid: str, remark: str) -> None:
        """Note the account's own name for a person."""
        self._store.run(
            "UPDATE subscription SET remark = ? WHERE appid = ? AND openid = ?", remark, appid, openid
        )

    def set_blacklisted(self, appid: str, openids: list[str], *, blacklisted: bool) -> None:
        """Put people on an account's blacklist, or take them off."""
        with self._store.transaction():
            for openid in openids:
                self._store.run(
                    "UPDATE subscription SET blacklisted = ? WHERE appid = ? AND openid = ?",
                    blacklisted,
                    appid,
                    openid,
                )

    def set_refusal(self, appid: str, fan: str, *, refuses: bool) -> None:
        """Let a person switch an account's messages off or on."""
        self.subscription(appid, fan)
        self._store.run(
            "UPDATE subscription SET refuses = ? WHERE appid = ? AND fan = ?", refuses, appid, fan
        )

    def follow(self, appid: str, fan: str, *, scene: str = "") -> bool:
        """Start following; False when the person already did."""
        with self._store.transaction():
            if self.subscription(appid, fan).following:
                return False
            self._store.run(
                "UPDATE subscription SET following = 1, subscribed_at = ?, scene = ?"
                " WHERE appid = ? AND fan = ?",
                int(self._clock.now()),
                scene,
                appid,
                fan,
            )
            return True

    def unfollow(self, appid: str, fan: str) -> bool:
        """Stop following; False when the person did not follow."""
        with self._store.transaction():
            if not self.subscription(appid, fan).following:
                return False
            self._store.run("UPDATE subscription SET following = 0 WHERE appid = ? AND fan = ?", appid, fan)
            return True

    def mark_read(self, appid: str, fan: str, seq: int) -> None:
        """Remember that the person saw the chat up to `seq`; never goes back."""
        self.subscription(appid, fan)
        self._store.run(
            "UPDATE subscription SET read_seq = max(read_seq, ?) WHERE appid = ? AND fan = ?",
            seq,
            appid,
            fan,
        )

    def _page(self, condition: str, appid: str, after: str, size: int) -> list[str]:
        rows = self._store.all(
            f"SELECT openid FROM subscription WHERE appid = ? AND {condition} AND rowid >"  # noqa: S608 our own
            " coalesce((SELECT rowid FROM subscription WHERE appid = ? AND openid = ?), 0)"
            " ORDER BY rowid LIMIT ?",
            appid,
            appid,
            after,
            size,
        )
        return [row["openid"] for row in rows]


def _tie(row: Row) -> Subscription:
    flags = {key: bool(row[key]) for key in ("following", "blacklisted", "refuses")}
    return Subscription(**{**row, **flags})
