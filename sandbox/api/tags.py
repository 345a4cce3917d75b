"""Tags: `/cgi-bin/tags/*` and `/cgi-bin/user/tag/get` (WeChat §5)."""

from typing import Any

from flask import Blueprint, Response

from sandbox import wire
from sandbox.api.user import PAGE, checked_list, checked_start, checked_tie, page
from sandbox.errors import WeChatError
from sandbox.state import state
from sandbox.state.fans import Subscription
from sandbox.state.tags import SYSTEM

blueprint = Blueprint("tags", __name__, url_prefix="/cgi-bin")

MOST_TAGS = 100  # of an account
MOST_OF_FAN = 20
MOST_TAGGED = 50  # people a call
LONGEST_NAME = 30
IDS = range(2**31)


@blueprint.post("/tags/create")
def create() -> Response:
    """A new tag."""
    account, data = wire.caller(), wire.body()
    name = _name(account.appid, data)
    if len(state().tags.all(account.appid)) - 1 >= MOST_TAGS:  # WeChat's own one does not count
        raise WeChatError(45056)
    return wire.answer({"tag": {"id": state().tags.create(account.appid, name), "name": name}})


@blueprint.get("/tags/get")
def listed() -> Response:
    """The account's tags with the number of followers in each."""
    account = wire.caller()
    tags = [vars(tag) for tag in state().tags.all(account.appid)]
    return wire.answer({"tags": tags})


@blueprint.post("/tags/update")
def update() -> Response:
    """Rename a tag."""
    account, data = wire.caller(), wire.body()
    tag_id = _changeable(account.appid, data)
    state().tags.rename(account.appid, tag_id, _name(account.appid, data, but=tag_id))
    return wire.ok()


@blueprint.post("/tags/delete")
def delete() -> Response:
    """Delete a tag and take it off everybody."""
    account, data = wire.caller(), wire.body()
    state().tags.delete(account.appid, _changeable(account.appid, data))
    return wire.ok()


@blueprint.route("/user/tag/get", methods=["GET", "POST"])
def members() -> Response:
    """A page of the followers who carry a tag; WeChat's page says GET, with a body, and SDKs post."""
    account, data = wire.caller(), wire.body()
    tag_id = _known(account.appid, data.get("tagid"))
    after = checked_start(account.appid, str(data.get("next_openid") or ""))
    return page(state().tags.members(account.appid, tag_id, after=after, size=PAGE))


@blueprint.post("/tags/members/batchtagging")
def tag() -> Response:
    """Tag up to 50 followers.

    Reading of the notes: who does not follow or has 20 tags already is left out; 45171 names those when
    others were tagged, and their own code is answered when all were left out.
    """
    account, data = wire.caller(), wire.body()
    tag_id = _known(account.appid, data.get("tagid"))
    failed: dict[str, int] = {}
    ties = checked_list(account.appid, data, MOST_TAGGED)
    with state().store.transaction():
        for tie in ties:
            if errcode := _obstacle(tie, tag_id):
                failed[tie.openid] = errcode
            else:
                state().tags.put_on(account.appid, tie.openid, tag_id)
    if failed:
        raise WeChatError(
            45171 if len(failed) < len(ties) else max(failed.values()), fail_openid_list=list(failed)
        )
    return wire.ok()


@blueprint.post("/tags/members/batchuntagging")
def untag() -> Response:
    """Untag up to 50 people."""
    account, data = wire.caller(), wire.body()
    tag_id = _known(account.appid, data.get("tagid"))
    for tie in checked_list(account.appid, data, MOST_TAGGED):
        state().tags.take_off(account.appid, tie.openid, tag_id)
    return wire.ok()


@blueprint.post("/tags/getidlist")
def of_fan() -> Response:
    """The tags of a person."""
    account, data = wire.caller(), wire.body()
    tie = checked_tie(account.appid, str(data.get("openid") or ""))
    return wire.answer({"tagid_list": state().tags.of(account.appid, tie.openid)})


def _tag(data: dict[str, Any]) -> dict[str, Any]:
    given = data.get("tag")
    if not isinstance(given, dict):
        raise WeChatError(47001)
    return given


def _name(appid: str, data: dict[str, Any], *, but: int | None = None) -> str:
    name = _tag(data).get("name")
    if not isinstance(name, str) or not name.strip() or state().tags.named(appid, name) not in (None, but):
        raise WeChatError(45157)
    if name in SYSTEM.values():
        raise WeChatError(45157)
    if len(name) > LONGEST_NAME:
        raise WeChatError(45158)
    return name


def _changeable(appid: str, data: dict[str, Any]) -> int:
    tag_id = _tag(data).get("id")
    if isinstance(tag_id, int) and tag_id in SYSTEM:
        raise WeChatError(45058)
    return _known(appid, tag_id)


def _known(appid: str, tag_id: object) -> int:
    if not isinstance(tag_id, int) or tag_id not in IDS or not state().tags.exists(appid, tag_id):
        raise WeChatError(45159)
    return tag_id


def _obstacle(tie: Subscription, tag_id: int) -> int:
    """Why a person cannot be given a tag; 0 when they can."""
    if not tie.following:
        return 50005
    carried = state().tags.of(tie.appid, tie.openid)
    return 45059 if tag_id not in carried and len(carried) >= MOST_OF_FAN else 0
