"""Tags that accounts put on people (WeChat §5)."""

from dataclasses import dataclass

from sandbox.state.store import Store

FIRST_ID = 100
# WeChat's own groups; the notes name none but say that they cannot be changed.
SYSTEM = {0: "未分组", 1: "黑名单", 2: "星标组"}
STARRED = 2  # the only one of them that lists show and people can be put in


@dataclass(frozen=True)
class Tag:
    """A tag and how many followers carry it."""

    id: int
    name: str
    count: int


class Tags:
    """The tags of all accounts."""

    def __init__(self, store: Store) -> None:
        self._store = store

    def all(self, appid: str) -> list[Tag]:
        """An account's tags, WeChat's own first."""
        rows = self._store.all("SELECT id, name FROM tag WHERE appid = ? ORDER BY id", appid)
        named = [(STARRED, SYSTEM[STARRED]), *((row["id"], row["name"]) for row in rows)]
        return [Tag(tag_id, name, self._count(appid, tag_id)) for tag_id, name in named]

    def exists(self, appid: str, tag_id: int) -> bool:
        """Whether people of an account can carry this tag."""
        if tag_id == STARRED:
            return True
        return self._store.one("SELECT 1 FROM tag WHERE appid = ? AND id = ?", appid, tag_id) is not None

    def named(self, appid: str, name: str) -> int | None:
        """The id of an account's tag of this name."""
        row = self._store.one("SELECT id FROM tag WHERE appid = ? AND name = ?", appid, name)
        return row["id"] if row else None

    def create(self, appid: str, name: str) -> int:
        """A new tag's id; ids rise and begin at 100."""
        with self._store.transaction():
            (row,) = self._store.all(
                "SELECT coalesce(max(id) + 1, ?) AS id FROM tag WHERE appid = ?", FIRST_ID, appid
            )
            self._store.run("INSERT INTO tag VALUES (?, ?, ?)", appid, row["id"], name)
            return int(row["id"])

    def rename(self, appid: str, tag_id: int, name: str) -> None:
        """Change a tag's name."""
        self._store.run("UPDATE tag SET name = ? WHERE appid = ? AND id = ?", name, appid, tag_id)

    def delete(self, appid: str, tag_id: int) -> None:
        """Delete a tag and take it off everybody."""
        with self._store.transaction():
            self._store.run("DELETE FROM fan_tag WHERE appid = ? AND tag_id = ?", appid, tag_id)
            self._store.run("DELETE FROM tag WHERE appid = ? AND id = ?", appid, tag_id)

    def of(self, appid: str, openid: str) -> list[int]:
        """A person's tags, the one put on last at the end."""
        rows = self._store.all(
            "SELECT tag_id FROM fan_tag WHERE appid = ? AND openid = ? ORDER BY rowid", appid, openid
        )
        return [row["tag_id"] for row in rows]

    def put_on(self, appid: str, openid: str, tag_id: int) -> None:
        """Tag a person; nothing happens when they carry it."""
        self._store.run("INSERT OR IGNORE INTO fan_tag VALUES (?, ?, ?)", appid, openid, tag_id)

    def take_off(self, appid: str, openid: str, tag_id: int) -> None:
        """Untag a person; nothing happens when they do not carry it."""
        self._store.run(
            "DELETE FROM fan_tag WHERE appid = ? AND openid = ? AND tag_id = ?", appid, openid, tag_id
        )

    def members(self, appid: str, tag_id: int, *, after: str = "", size: int) -> list[str]:
        """Openids of followers who carry a tag, from the one behind `after` on."""
        rows = self._store.all(
            "SELECT openid FROM fan_tag JOIN subscription USING (appid, openid)"
            " WHERE appid = ? AND tag_id = ? AND following = 1 AND subscription.rowid >"
            " coalesce((SELECT rowid FROM subscription WHERE appid = ? AND openid = ?), 0)"
            " ORDER BY subscription.rowid LIMIT ?",
            appid,
            tag_id,
            appid,
            after,
            size,
        )
        return [row["openid"] for row in rows]

    def _count(self, appid: str, tag_id: int) -> int:
        (row,) = self._store.all(
            "SELECT count(*) AS n FROM fan_tag JOIN subscription USING (appid, openid)"
            " WHERE appid = ? AND tag_id = ? AND following = 1",
            appid,
            tag_id,
        )
        return int(row["n"])
