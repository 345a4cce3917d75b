"""The menus of accounts, the one for everybody and the conditional ones (WeChat §7)."""

import json
from dataclasses import dataclass
from typing import Any

from sandbox.state.store import Row, Store

Button = dict[str, Any]


@dataclass(frozen=True)
class Menu:
    """A menu; `rule` is None for the one that everybody sees."""

    menuid: int
    buttons: list[Button]
    rule: dict[str, Any] | None


class Menus:
    """The menus of all accounts."""

    def __init__(self, store: Store) -> None:
        self._store = store

    def default(self, appid: str) -> Menu | None:
        """The menu for everybody."""
        row = self._store.one("SELECT * FROM menu WHERE appid = ? AND rule IS NULL", appid)
        return _menu(row) if row else None

    def conditional(self, appid: str) -> list[Menu]:
        """The conditional menus, the newest first."""
        rows = self._store.all(
            "SELECT * FROM menu WHERE appid = ? AND rule IS NOT NULL ORDER BY menuid DESC", appid
        )
        return [_menu(row) for row in rows]

    def replace_default(self, appid: str, buttons: list[Button]) -> None:
        """Set the menu for everybody; conditional ones stay."""
        with self._store.transaction():
            self._store.run("DELETE FROM menu WHERE appid = ? AND rule IS NULL", appid)
            self._add(appid, buttons, None)

    def add_conditional(self, appid: str, buttons: list[Button], rule: dict[str, Any]) -> int:
        """Add a conditional menu; returns its id."""
        return self._add(appid, buttons, rule)

    def remove(self, appid: str) -> None:
        """Remove all menus of an account."""
        self._store.run("DELETE FROM menu WHERE appid = ?", appid)

    def remove_conditional(self, appid: str, menuid: int) -> bool:
        """Remove one conditional menu; False when there is none of this id."""
        with self._store.transaction():
            known = any(menu.menuid == menuid for menu in self.conditional(appid))
            if known:
                self._store.run("DELETE FROM menu WHERE menuid = ?", menuid)
            return known

    def _add(self, appid: str, buttons: list[Button], rule: dict[str, Any] | None) -> int:
        return self._store.run(
            "INSERT INTO menu (appid, buttons, rule) VALUES (?, ?, ?)",
            appid,
            json.dumps(buttons, ensure_ascii=False),
            None if rule is None else json.dumps(rule),
        )


def _menu(row: Row) -> Menu:
    return Menu(row["menuid"], json.loads(row["buttons"]), json.loads(row["rule"]) if row["rule"] else None)
