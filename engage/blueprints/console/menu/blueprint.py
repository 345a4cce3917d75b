"""The pages of an account's menu, and whom they let in (OA-4)."""

from __future__ import annotations

from typing import TYPE_CHECKING

from flask import current_app

from engage.accounts import queries as accounts
from engage.blueprints.guard import ConsoleBlueprint, Staff
from engage.kernel.db import Session, unit_of_work
from engage.wechat.gateway import Credentials, Gateway

if TYPE_CHECKING:
    from engage.accounts.models import OfficialAccount

bp = ConsoleBlueprint("console_menu", __name__, url_prefix="/console/accounts/<int:account_id>/menu")

MANAGE = "menu.manage"


def account_of(work: Session, staff: Staff, account_id: int) -> OfficialAccount:
    """Give the account, to who may change its menu: at its store, or at all where all share it.

    Raises:
        NotFound: the chain has no such account.
        NotAllowed: the person's roles do not give it there.
    """
    account = accounts.account(work, account_id)
    staff.demand(MANAGE, account.store_id)
    return account


def pages_of(account: OfficialAccount) -> str:
    """Give where the account's pages stand."""
    return f"{current_app.config['PUBLIC_URL']}/p/{account.slug}"


def gateway() -> Gateway:
    """Give the way to WeChat."""
    found: Gateway = current_app.extensions["wechat"]
    return found


def credentials(staff: Staff, account_id: int) -> Credentials:
    """Give what calls for the account are made with, to who may change its menu."""
    with unit_of_work() as work:
        account = account_of(work, staff, account_id)
        return Credentials(account.app_id, account.secret)
