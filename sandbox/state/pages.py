"""What pages in the phone may do: tickets that sign them, and where people say to be (WeChat §9)."""

import secrets
from dataclasses import dataclass

from sandbox.state.clock import Clock
from sandbox.state.store import Store

KINDS = ("jsapi", "wx_card")
LIFETIME = 7200
RENEWED = 300  # a ticket's last seconds, in which the next one is given


@dataclass(frozen=True)
class Place:
    """What a phone tells pages that ask where it is: a place (GCJ-02), or that it will not say."""

    latitude: float = 0.0
    longitude: float = 0.0
    refuses: bool = False


class Pages:
    """Issues tickets, and remembers the places of phones."""

    def __init__(self, store: Store, clock: Clock) -> None:
        self._store = store
        self._clock = clock

    def ticket(self, appid: str, kind: str) -> tuple[str, int]:
        """The same ticket until its last minutes; the one before works to its own end."""
        now = self._clock.now()
        with self._store.transaction():
            row = self._store.one(
                "SELECT ticket, expires_at FROM page_ticket WHERE appid = ? AND kind = ?"
                " ORDER BY expires_at DESC LIMIT 1",
                appid,
                kind,
            )
            if row and row["expires_at"] - now > RENEWED:
                return row["ticket"], int(row["expires_at"] - now)
            made = secrets.token_urlsafe(64)
            self._store.run("DELETE FROM page_ticket WHERE expires_at < ?", now)
            self._store.run("INSERT INTO page_ticket VALUES (?, ?, ?, ?)", made, appid, kind, now + LIFETIME)
            return made, LIFETIME

    def tickets(self, appid: str, kind: str) -> list[str]:
        """The account's tickets that work now."""
        rows = self._store.all(
            "SELECT ticket FROM page_ticket WHERE appid = ? AND kind = ? AND expires_at > ?",
            appid,
            kind,
            self._clock.now(),
        )
        return [row["ticket"] for row in rows]

    def end_tickets(self, appid: str) -> None:
        """End the account's tickets before their time."""
        self._store.run("DELETE FROM page_ticket WHERE appid = ?", appid)

    def place(self, fan: str) -> Place | None:
        """What the phone answers without asking its person; None where it asks."""
        row = self._store.one("SELECT latitude, longitude, refuses FROM place WHERE fan = ?", fan)
        return Place(row["latitude"], row["longitude"], bool(row["refuses"])) if row else None

    def put_place(self, fan: str, place: Place | None) -> None:
        """Let a phone answer a place, or nothing, from now on; None lets it ask again."""
        self._store.run("DELETE FROM place WHERE fan = ?", fan)
        if place is not None:
            self._store.run(
                "INSERT INTO place VALUES (?, ?, ?, ?)", fan, place.latitude, place.longitude, place.refuses
            )
