"""The blueprint of automatic replies, and whose account it is; the views stand in the modules beside it."""

from __future__ import annotations

from typing import TYPE_CHECKING

from flask import current_app

from engage.accounts import queries as accounts
from engage.blueprints.guard import ConsoleBlueprint, Staff
from engage.kernel.db import Session
from engage.replies import queries, rules

if TYPE_CHECKING:
    from engage.accounts.models import OfficialAccount
    from engage.replies.models import ReplyRule

PERMISSION = "replies.manage"

bp = ConsoleBlueprint("console_replies", __name__, url_prefix="/console")


def own_account(session: Session, staff: Staff, account_id: int) -> OfficialAccount:
    """Give an account whose replies the person may write.

    Raises:
        NotFound: there is none with this id.
        NotAllowed: it is not theirs.
    """
    account = accounts.account(session, account_id)
    staff.demand(PERMISSION, account.store_id)
    return account


def own_reply(session: Session, staff: Staff, reply_id: int) -> tuple[ReplyRule, OfficialAccount]:
    """Give a reply with its account.

    Raises:
        NotFound: there is none with this id.
        NotAllowed: it is of an account that is not theirs.
    """
    rule = queries.reply(session, reply_id)
    return rule, own_account(session, staff, rule.account_id)


def pages_url(account: OfficialAccount) -> str:
    """Give where the account's patient pages stand."""
    return rules.pages_url(current_app.config["PUBLIC_URL"], account.slug)
