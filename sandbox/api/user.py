"""Followers, what an account may know of them, remarks and the blacklist: `/cgi-bin/user/*` (WeChat §5)."""

import re
from typing import Any

from flask import Blueprint, Response, request

from sandbox import wire
from sandbox.errors import WeChatError
from sandbox.state import state
from sandbox.state.fans import Subscription

blueprint = Blueprint("user", __name__, url_prefix="/cgi-bin")

PAGE = 10_000
BLACKLIST_PAGE = 1_000
MOST_INFO = 100
MOST_BLACKLISTED = 20
LONGEST_REMARK = 29  # bytes: fewer than 30
NO_TAG = 0
SCENE_ID = re.compile(r"[1-9][0-9]{0,9}")


@blueprint.get("/user/get")
def followers() -> Response:
    """A page of followers; `next_openid` repeats the last one until a page comes empty."""
    account = wire.caller()
    after = checked_start(account.appid, request.args.get("next_openid", ""))
    total, _ = state().fans.count(account.appid)
    return page(state().fans.followers(account.appid, after=after, size=PAGE), total=total)


@blueprint.get("/user/info")
def info() -> Response:
    """What an account may know of a follower: no name, picture, sex or place since 2021-12-27."""
    account = wire.caller()
    tie = state().fans.by_openid(account.appid, request.args.get("openid", ""))
    if tie is None:
        raise WeChatError(40003)
    return wire.answer(_info(tie))


@blueprint.post("/user/info/batchget")
def batch_info() -> Response:
    """The same of up to 100 people, all of them followers."""
    account, asked = wire.caller(), wire.body().get("user_list")
    if not isinstance(asked, list) or not 1 <= len(asked) <= MOST_INFO:
        raise WeChatError(40032)
    ties = [state().fans.by_openid(account.appid, _openid(entry)) for entry in asked]
    followed = [tie for tie in ties if tie and tie.following]
    if len(followed) < len(asked):
        raise WeChatError(40003)
    return wire.answer({"user_info_list": [_info(tie) for tie in followed]})


@blueprint.post("/user/info/updateremark")
def update_remark() -> Response:
    """Note the account's own name for a follower; an empty one takes it away."""
    account, data = wire.caller(), wire.body()
    tie = state().fans.by_openid(account.appid, _openid(data))
    if tie is None:
        raise WeChatError(40003)
    if not tie.following:
        raise WeChatError(43004)
    remark = data.get("remark")
    if not isinstance(remark, str) or len(remark.encode()) > LONGEST_REMARK:
        raise WeChatError(40092)
    state().fans.set_remark(account.appid, tie.openid, remark)
    return wire.ok()


@blueprint.post("/tags/members/getblacklist")
def blacklist() -> Response:
    """A page of the blacklist."""
    account, data = wire.caller(), wire.body()
    after = checked_start(account.appid, str(data.get("begin_openid") or ""))
    _, total = state().fans.count(account.appid)
    return page(state().fans.blacklist(account.appid, after=after, size=BLACKLIST_PAGE), total=total)


@blueprint.post("/tags/members/batchblacklist")
def put_on_blacklist() -> Response:
    """Blacklist up to 20 people: sends to them fail, what they write is not pushed."""
    return _blacklist(blacklisted=True)


@blueprint.post("/tags/members/batchunblacklist")
def take_off_blacklist() -> Response:
    """Take up to 20 people off the blacklist."""
    return _blacklist(blacklisted=False)


def page(openids: list[str], **before: Any) -> Response:
    """A page of openids; an empty one has no `data` and no next one."""
    data = {"data": {"openid": openids}} if openids else {}
    following = openids[-1] if openids else ""
    return wire.answer({**before, "count": len(openids), **data, "next_openid": following})


def checked_start(appid: str, openid: str) -> str:
    """The openid behind which a page begins; empty for the first one.

    Raises:
        WeChatError: 49003 another account's, 40003 unknown.
    """
    return checked_tie(appid, openid).openid if openid else ""


def checked_tie(appid: str, openid: str) -> Subscription:
    """The tie behind an openid.

    Raises:
        WeChatError: 49003 another account's, 40003 unknown.
    """
    tie = state().fans.by_openid(appid, openid)
    if tie is None:
        raise WeChatError(49003 if state().fans.is_known(openid) else 40003)
    return tie


def checked_list(appid: str, data: dict[str, Any], most: int) -> list[Subscription]:
    """The ties behind `openid_list`, each once.

    Raises:
        WeChatError: 40032 none or too many, 49003 another account's, 40003 unknown.
    """
    openids = data.get("openid_list")
    if not isinstance(openids, list) or not 1 <= len(openids) <= most:
        raise WeChatError(40032)
    return [checked_tie(appid, openid) for openid in dict.fromkeys(map(str, openids))]


def _blacklist(*, blacklisted: bool) -> Response:
    account, data = wire.caller(), wire.body()
    ties = checked_list(account.appid, data, MOST_BLACKLISTED)
    state().fans.set_blacklisted(account.appid, [tie.openid for tie in ties], blacklisted=blacklisted)
    return wire.ok()


def _openid(entry: object) -> str:
    return str(entry.get("openid") or "") if isinstance(entry, dict) else ""


def _info(tie: Subscription) -> dict[str, Any]:
    if not tie.following:
        return {"subscribe": 0, "openid": tie.openid}
    fan = state().fans.get(tie.fan)
    tags = state().tags.of(tie.appid, tie.openid)
    is_number = bool(SCENE_ID.fullmatch(tie.scene))
    shared = {"unionid": fan.unionid} if fan and fan.unionid else {}
    return {
        "subscribe": 1,
        "openid": tie.openid,
        "subscribe_time": tie.subscribed_at,
        **shared,
        "remark": tie.remark,
        "groupid": tags[0] if tags else NO_TAG,
        "tagid_list": tags,
        "subscribe_scene": "ADD_SCENE_QR_CODE" if tie.scene else "ADD_SCENE_SEARCH",
        "qr_scene": int(tie.scene) if is_number else 0,
        "qr_scene_str": "" if is_number else tie.scene,
    }
