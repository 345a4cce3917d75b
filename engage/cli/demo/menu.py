"""The menu of 康美口腔: published once as it was at first, then as it is now."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from flask import current_app

from engage.accounts import queries as accounts
from engage.accounts.menus import queries, rules, services
from engage.accounts.menus.rules import AGENTS, LIST, MODULE, REPLY, Entries, Entry
from engage.accounts.menus.sending import Taken
from engage.audit.services import OPERATOR
from engage.cli import Refused, menus
from engage.cli.demo.account import APP_ID
from engage.kernel import clock
from engage.kernel.db import unit_of_work

if TYPE_CHECKING:
    from engage.accounts.models import OfficialAccount

_BOOK = Entry("book", "微信预约", MODULE, "booking")
_BIND = Entry("bind", "自助绑定", MODULE, "bind")
_COUPONS = Entry("coupons", "我的卡券", MODULE, "coupons")
_VISITS = Entry("visits", "我的预约", MODULE, "visits")
_ME = Entry("me", "个人中心", MODULE, "me")
_HOURS = Entry(
    "hours",
    "营业时间",
    REPLY,
    text="徐汇店、静安店每天 9:00–20:00。\n浦东店周一至周五 9:00–20:00，周六周日 9:00–18:00。",
)
_TALK = Entry("talk", "联系客服", MODULE, AGENTS, text="您好，请直接在这里留言，客服看到会马上回复您。")

FIRST: Final[Entries] = (_BOOK, _BIND, Entry("mine", "我的", LIST, children=(_VISITS, _COUPONS)))
NOW: Final[Entries] = (
    _BOOK,
    _BIND,
    Entry("mine", "我的", LIST, children=(_COUPONS, _VISITS, _ME, _HOURS, _TALK)),
)


def publish() -> None:
    """Publish both, the one after the other, unless that was done; again where the pages have moved since.

    Raises:
        Refused: the sandbox did not take one.
    """
    with unit_of_work() as session:
        account = accounts.by_app_id(session, APP_ID)
        drafted = queries.draft(session, account.id)
        is_done = drafted is not None and drafted.version > 1
        last = queries.last_published(session, account.id)
        pages = f"{current_app.config['PUBLIC_URL']}/p/{account.slug}"
        has_moved = last is not None and rules.wire(rules.unpacked(last.entries), pages) != last.wire
    if is_done:
        if has_moved:
            _send(account)
        return
    for version, entries in enumerate((FIRST, NOW)):
        with unit_of_work() as session:
            drafted = queries.draft(session, account.id)
            if drafted is None or drafted.version == version:
                services.save(session, account.id, entries, version=version, by=OPERATOR, now=clock.now())
        _send(account)


def _send(account: OfficialAccount) -> None:
    outcome = menus.publish(current_app.extensions["wechat"], account, replace=True)
    if not isinstance(outcome, Taken):
        raise Refused(f"the sandbox did not take the menu: {outcome}")
