"""How an account's menu stands: the draft, what WeChat shows, what is on its way."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from flask_babel import gettext

from engage.accounts.menus import differences, queries, rules, shapes
from engage.accounts.menus.rules import MODULES, Entries
from engage.blueprints.console.menu import words
from engage.blueprints.console.menu.blueprint import account_of, pages_of
from engage.blueprints.console.subnav import account_pages
from engage.blueprints.guard import Staff
from engage.kernel import clock
from engage.kernel.db import Session

if TYPE_CHECKING:
    from engage.accounts.menus.models import MenuLive, MenuRelease
    from engage.accounts.models import OfficialAccount


@dataclass(frozen=True, slots=True)
class Standing:
    """All that the pages of a menu begin with; `last` is the release that was on the phones last."""

    account: OfficialAccount
    entries: Entries
    version: int
    live: MenuLive | None
    pending: MenuRelease | None
    last: MenuRelease | None

    @property
    def digest(self) -> str:
        """What WeChat's menu is known by."""
        return self.live.digest if self.live else shapes.NONE

    @property
    def is_foreign(self) -> bool:
        """Whether WeChat shows something else than what was published here last."""
        live = self.live
        if live is None or live.read_at is None or live.release_id is not None:
            return False
        return bool(live.wire) or self.last is not None

    def on_the_phones(self) -> Entries:
        """Give what WeChat shows, in entries of ours."""
        if self.live is None:
            return ()
        known = rules.unpacked(self.last.entries) if self.last else ()
        if self.last is not None and self.live.release_id == self.last.id:
            return rules.shown(known)
        return shapes.entries_of(self.live.wire, pages_of(self.account), [*self.entries, *known])


def read(work: Session, staff: Staff, account_id: int) -> Standing:
    """Read how the menu stands; six statements at most."""
    account = account_of(work, staff, account_id)
    draft = queries.draft(work, account_id)
    return Standing(
        account,
        rules.unpacked(draft.entries) if draft else standard(),
        draft.version if draft else 0,
        queries.live(work, account_id),
        queries.newest(work, account_id, "pending"),
        queries.last_published(work, account_id),
    )


def standard() -> Entries:
    """Give the menu that an account begins with."""
    names = {key: gettext(module.label) for key, module in MODULES.items()}
    return rules.standard({**names, "mine": gettext("Mine")})


def head(standing: Standing, staff: Staff) -> dict[str, Any]:
    """Give what all pages of the menu show above."""
    account = standing.account
    return {"id": account.id, "name": account.name, "tabs": account_pages(staff, account.id)}


def state(standing: Standing, staff: Staff, entries: Entries | None = None) -> dict[str, Any]:
    """Give how the menu at WeChat stands, and how much of the draft is not there yet."""
    live = standing.live
    made = differences.between(standing.on_the_phones(), standing.entries if entries is None else entries)
    read_at = live.read_at if live else None
    return {
        "read_at": clock.local(read_at, staff.house.zone) if read_at else None,
        "failure": words.failure(live.failure) if live and live.failure is not None else "",
        "is_foreign": standing.is_foreign,
        "is_gone": standing.is_foreign and not (live and live.wire),
        "is_pending": standing.pending is not None,
        "is_published": bool(live and live.wire),
        "changes": len(made),
    }
