"""Pictures, sounds and films: of accounts, temporary and permanent, and of people (WeChat §10)."""

import secrets
from dataclasses import dataclass

from sandbox.state.clock import Clock
from sandbox.state.store import Row, Store

LIFETIME = 3 * 86400  # seconds a temporary one is kept
TEMPORARY, PERMANENT, ARTICLE = "temporary", "permanent", "article"

HEAD = "media_id, appid, type, mime, name, title, introduction, keeping, created_at"


@dataclass(frozen=True)
class Media:
    """What is known of a file besides its bytes."""

    media_id: str
    appid: str
    type: str  # image, voice, video, thumb
    mime: str
    name: str
    title: str
    introduction: str
    keeping: str  # temporary, permanent, or article: a picture that only has an address
    created_at: float

    @property
    def path(self) -> str:
        """Where the sandbox serves the bytes to phones."""
        return path_of(self.media_id)


def path_of(media_id: str) -> str:
    """Where the sandbox serves a file to phones."""
    return f"/sandbox/media/{media_id}"


class MediaShelf:
    """All files; their bytes are in the sandbox's own file."""

    def __init__(self, store: Store, clock: Clock) -> None:
        self._store = store
        self._clock = clock

    def add(
        self,
        appid: str,
        *,
        type: str,
        mime: str,
        content: bytes,
        name: str = "",
        title: str = "",
        introduction: str = "",
        keeping: str = TEMPORARY,
    ) -> Media:
        """Keep a file."""
        media = Media(
            media_id=secrets.token_urlsafe(48),
            appid=appid,
            type=type,
            mime=mime,
            name=name,
            title=title,
            introduction=introduction,
            keeping=keeping,
            created_at=self._clock.now(),
        )
        self._store.run(
            f"INSERT INTO media ({HEAD}, content) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?)",  # noqa: S608
            *vars(media).values(),
            content,
        )
        return media

    def get(self, media_id: str) -> Media | None:
        """A file, expired or not, whosever it is."""
        row = self._store.one(f"SELECT {HEAD} FROM media WHERE media_id = ?", media_id)  # noqa: S608
        return Media(**row) if row else None

    def usable(self, appid: str, media_id: object, *types: str) -> Media | None:
        """An account's own file of one of these types, permanent or not yet expired."""
        media = self.get(str(media_id or ""))
        if media is None or media.appid != appid or media.type not in types or media.keeping == ARTICLE:
            return None
        return None if self._is_over(media) else media

    def permanent(self, appid: str, media_id: object) -> Media | None:
        """An account's own permanent file."""
        media = self.get(str(media_id or ""))
        return media if media and media.appid == appid and media.keeping == PERMANENT else None

    def content(self, media_id: str) -> bytes:
        """The bytes of a file that exists."""
        (row,) = self._store.all("SELECT content FROM media WHERE media_id = ?", media_id)
        return bytes(row["content"])

    def remove(self, media_id: str) -> None:
        """Throw a file away."""
        self._store.run("DELETE FROM media WHERE media_id = ?", media_id)

    def counts(self, appid: str) -> dict[str, int]:
        """How many permanent files an account has of each type."""
        rows = self._store.all(
            "SELECT type, count(*) AS n FROM media WHERE appid = ? AND keeping = ? GROUP BY type",
            appid,
            PERMANENT,
        )
        return {row["type"]: row["n"] for row in rows}

    def page(self, appid: str, type: str, *, offset: int, count: int) -> list[Media]:
        """Some of an account's permanent files of a type, the newest first."""
        rows: list[Row] = self._store.all(
            f"SELECT {HEAD} FROM media WHERE appid = ? AND keeping = ? AND type = ?"  # noqa: S608
            " ORDER BY created_at DESC, rowid DESC LIMIT ? OFFSET ?",
            appid,
            PERMANENT,
            type,
            count,
            offset,
        )
        return [Media(**row) for row in rows]

    def _is_over(self, media: Media) -> bool:
        return media.keeping == TEMPORARY and media.created_at + LIFETIME <= self._clock.now()
