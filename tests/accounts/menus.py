"""Menus of an account in tests: what is drafted, what WeChat shows."""

from __future__ import annotations

from dataclasses import replace

from engage.accounts.menus import queries, rules, services, shapes
from engage.accounts.menus.models import MenuRelease
from engage.accounts.menus.rules import AGENTS, LINK, LIST, MODULE, REPLY, Entries, Entry
from engage.accounts.menus.sending import Taken
from engage.accounts.menus.services import Compared
from engage.audit.services import OPERATOR
from engage.kernel import clock
from engage.kernel.db import Session

PAGES = "http://clinic.example/p/kangmei"
BOOK = Entry("book", "微信预约", MODULE, "booking")
LINKED = Entry("link", "官网", LINK, url="https://kangmei.example/")
SAID = Entry("said", "地址", REPLY, text="淮海中路 999 号")
TALK = Entry("talk", "联系我们", MODULE, AGENTS, text="请说")
MENU: Entries = (BOOK, LINKED, Entry("mine", "我的", LIST, children=(SAID, TALK)))
OTHER: Entries = (replace(BOOK, name="挂号"),)
THEIRS = [{"type": "view", "name": "别家", "url": "https://elsewhere.example/"}]


def drafted(session: Session, account_id: int, entries: Entries = MENU) -> int:
    """Save the draft, whatever it was; gives its version."""
    before = queries.draft(session, account_id)
    version = before.version if before else 0
    return services.save(session, account_id, entries, version=version, by=OPERATOR, now=clock.now()).version


def compared(session: Session, account_id: int) -> Compared:
    """Give what somebody decides on who looks now."""
    draft, live = queries.draft(session, account_id), queries.live(session, account_id)
    return Compared(draft.version if draft else 0, live.digest if live else shapes.NONE)


def asked(session: Session, account_id: int, entries: Entries = MENU) -> MenuRelease:
    """Ask for a menu to be published, after a look at WeChat."""
    now = clock.now()
    live = queries.live(session, account_id)
    services.seen(session, account_id, live.wire if live else [], now=now)
    drafted(session, account_id, entries)
    decided = compared(session, account_id)
    return services.ask(session, account_id, decided, pages=PAGES, by=OPERATOR, now=now)


def published(session: Session, account_id: int, entries: Entries = MENU) -> MenuRelease:
    """Publish a menu that WeChat takes."""
    release = asked(session, account_id, entries)
    services.settle(session, release.id, Taken(rules.wire(entries, PAGES)), now=clock.now())
    return release
