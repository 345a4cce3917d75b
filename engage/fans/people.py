"""What is kept of fans: who they are on WeChat, log-ins, tags."""

from __future__ import annotations

import datetime as dt
from typing import Any

import sqlalchemy as sa
from sqlalchemy.orm import aliased

from engage.fans import rules
from engage.fans.models import Fan, FanSession, FanTag, FanTask, FanTerm
from engage.fans.services.leaving import erased_form
from engage.kernel.db import Session
from engage.kernel.errors import N_
from engage.kernel.people import Holder, Kept, Who, changed, of_fan


def _without_openid(session: Session, who: Who, _now: dt.datetime) -> None:
    """Let a keyed digest stand for each openid: nobody reads it back, and who comes back is known by it.

    Who came back at the very moment of an erasure became another fan: the digest is the first one's.
    """
    other = aliased(Fan)
    found = session.execute(sa.select(Fan.id, Fan.account_id, Fan.openid).where(of_fan(Fan.id)(who)))
    for fan_id, account_id, openid in found.all():
        if not rules.is_erased(openid):
            erased = erased_form(account_id, openid)
            taken = sa.exists().where(other.account_id == account_id, other.openid == erased)
            form = sa.case((taken, f"{erased}:{fan_id}"), else_=erased)
            changed(session, sa.update(Fan).where(Fan.id == fan_id).values(openid=form))


def _emptied(now: dt.datetime) -> dict[str, Any]:
    return {
        "nickname": None,
        "avatar": None,
        "remark": None,
        "asked_store_id": None,
        "asked_store_at": None,
        "unionid": None,
        "unionid_index": None,
        "following": False,
        "follow_changed_at": None,
        "ask_profile_at": None,
        "muted_at": sa.func.coalesce(Fan.muted_at, now),
    }


HOLDER = Holder(
    "fans",
    (
        Kept(FanTerm, N_("Search words"), columns=("fan_id",), whose=of_fan(FanTerm.fan_id), removed=True),
        Kept(FanSession, N_("Log-ins"), columns=("fan_id",), whose=of_fan(FanSession.fan_id), removed=True),
        Kept(FanTag, N_("Tags"), columns=("fan_id",), whose=of_fan(FanTag.fan_id), removed=True),
        Kept(
            Fan,
            N_("WeChat"),
            columns=("id", "openid", "unionid", "unionid_index", "referrer_fan_id"),
            whose=of_fan(Fan.id),
            shown={
                "nickname": N_("Nickname"),
                "remark": N_("Remark"),
                "openid": N_("WeChat’s number of the person"),
                "following": N_("Follows"),
                "first_seen_at": N_("Seen first"),
                "last_seen_at": N_("Seen last"),
                "asked_store_at": N_("Came to ask about a store"),
            },
            emptied=_emptied,
            before=_without_openid,
            file="avatar",
        ),
    ),
    files=(FanTask.file,),
)
