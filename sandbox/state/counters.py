"""Calls counted per account and path, and how many of them a day allows (WeChat §2, §4, §7, §10, §11)."""

import threading
import time
from typing import Any

from sandbox.state.accounts import Account
from sandbox.state.clock import Clock
from sandbox.state.store import Store

CHINA = 8 * 3600  # WeChat's day ends at midnight in China
MOST = 5_000_000  # for paths whose limit is not known: the highest one that is
ENDLESS = 2**62
UNLIMITED = ("/sns/", "/connect/")

# path → calls a day of a production account and of a test account
LIMITS = {
    "/cgi-bin/token": (2_000, 200),
    "/cgi-bin/stable_token": (500_000, 500_000),
    "/cgi-bin/menu/create": (1_000, 100),
    "/cgi-bin/menu/delete": (1_000, 100),
    "/cgi-bin/menu/get": (10_000, 1_000),
    "/cgi-bin/menu/addconditional": (2_000, 2_000),
    "/cgi-bin/menu/delconditional": (2_000, 2_000),
    "/cgi-bin/menu/trymatch": (20_000, 20_000),
    "/cgi-bin/media/upload": (100_000, 500),
    "/cgi-bin/media/get": (200_000, 1_000),
    "/cgi-bin/message/custom/send": (500_000, 50_000),
    "/cgi-bin/message/template/send": (100_000, 100_000),
    "/cgi-bin/message/mass/sendall": (100, 100),
    "/cgi-bin/message/mass/send": (100, 100),
    "/cgi-bin/message/mass/preview": (100, 100),
    "/cgi-bin/qrcode/create": (100_000, 10_000),
    "/cgi-bin/user/get": (500, 100),
    "/cgi-bin/user/info": (5_000_000, 500_000),
    "/cgi-bin/user/info/updateremark": (10_000, 10_000),
    "/cgi-bin/draft/add": (1_000, 1_000),
    "/cgi-bin/draft/update": (1_000, 1_000),
    "/cgi-bin/draft/delete": (1_000, 1_000),
    "/cgi-bin/draft/count": (1_000, 1_000),
    "/cgi-bin/draft/batchget": (1_000, 1_000),
    "/cgi-bin/draft/get": (500, 500),
    "/cgi-bin/freepublish/submit": (100, 100),
    "/cgi-bin/freepublish/get": (100, 100),
    "/cgi-bin/freepublish/delete": (10, 10),
    "/cgi-bin/freepublish/getarticle": (100, 100),
    "/cgi-bin/freepublish/batchget": (100, 100),
}


class BadLimit(ValueError):
    """A limit is no path with a number of calls; the message says which."""


class Counters:
    """Calls of the sandbox's current day in China, and of its month for what is counted by month."""

    def __init__(self, store: Store, clock: Clock) -> None:
        self._store = store
        self._clock = clock
        self._lock = threading.Lock()
        self._day = ""
        rows = store.all("SELECT * FROM call_limit")
        self._own = {(row["appid"], row["path"]): int(row["n"]) for row in rows}

    def day(self) -> str:
        """Today in China, `2026-11-22`."""
        return time.strftime("%Y-%m-%d", time.gmtime(self._clock.now() + CHINA))

    def month(self) -> str:
        """This month in China, `2026-11`."""
        return self.day()[:7]

    def limit(self, account: Account | None, path: str) -> int:
        """Calls a day that an account may make: as set by the control API, else by the notes' table."""
        if account is None or path.startswith(UNLIMITED):
            return ENDLESS
        production, test = LIMITS.get(path, (MOST, MOST))
        return self._own.get((account.appid, path), test if account.kind == "test" else production)

    def set_limits(self, appid: str, limits: dict[str, Any]) -> None:
        """Give an account limits of its own; None goes back to the table.

        Raises:
            BadLimit: a path without its slash, or a number below 0.
        """
        for path, n in limits.items():
            if not path.startswith("/") or not (n is None or (isinstance(n, int) and 0 <= n <= ENDLESS)):
                raise BadLimit(f"{path}: give the path as called and a number, or null for the usual one")
        for path, n in limits.items():
            self._own.pop((appid, path), None)
            self._store.run("DELETE FROM call_limit WHERE appid = ? AND path = ?", appid, path)
            if n is not None:
                self._own[appid, path] = n
                self._store.run("INSERT INTO call_limit VALUES (?, ?, ?)", appid, path, n)

    def count(self, appid: str, path: str, *, limit: int = ENDLESS) -> bool:
        """Count one call of today; False, and not counted, when the limit is used up."""
        return self._count(self._today(), appid, path, limit)

    def count_in_month(self, appid: str, path: str, *, limit: int) -> bool:
        """Count one call of this month; False, and not counted, when the limit is used up."""
        return self._count(self.month(), appid, path, limit)

    def used(self, appid: str, path: str) -> int:
        """Calls counted today."""
        row = self._store.one(
            "SELECT n FROM call_count WHERE period = ? AND appid = ? AND path = ?", self._today(), appid, path
        )
        return int(row["n"]) if row else 0

    def clear(self, appid: str, path: str = "") -> None:
        """Begin an account's day anew, for one path or for all."""
        self._store.run(
            "DELETE FROM call_count WHERE period = ? AND appid = ? AND (? = '' OR path = ?)",
            self._today(),
            appid,
            path,
            path,
        )

    def today(self) -> dict[str, Any]:
        """`{day, counts: {appid: {path: n}}}`."""
        counts: dict[str, dict[str, int]] = {}
        for row in self._store.all("SELECT * FROM call_count WHERE period = ?", self._today()):
            counts.setdefault(row["appid"], {})[row["path"]] = row["n"]
        return {"day": self._day, "counts": counts}

    def reset(self) -> None:
        """Forget the accounts' own limits; their counts go with the file."""
        self._own.clear()

    def _count(self, period: str, appid: str, path: str, limit: int) -> bool:
        if limit == 0:
            return False
        return bool(
            self._store.all(
                "INSERT INTO call_count VALUES (?, ?, ?, 1)"
                " ON CONFLICT DO UPDATE SET n = n + 1 WHERE n < ? RETURNING n",
                period,
                appid,
                path,
                limit,
            )
        )

    def _today(self) -> str:
        day = self.day()
        with self._lock:
            if day != self._day:
                self._day = day
                self._store.run("DELETE FROM call_count WHERE period NOT IN (?, ?)", day, day[:7])
        return day
