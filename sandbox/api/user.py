"""`/cgi-bin/user/info` (WeChat §5)."""

from flask import Blueprint, Response, request

from sandbox import wire
from sandbox.errors import WeChatError
from sandbox.state import state

blueprint = Blueprint("user", __name__, url_prefix="/cgi-bin/user")


@blueprint.get("/info")
def info() -> Response:
    """What an account may know of a follower: no name, picture, sex or place since 2021-12-27."""
    account = wire.caller()
    tie = state().fans.by_openid(account.appid, request.args.get("openid", ""))
    if tie is None:
        raise WeChatError(40003)
    if not tie.following:
        return wire.answer({"subscribe": 0, "openid": tie.openid})
    fan = state().fans.get(tie.fan)
    shared = {"unionid": fan.unionid} if fan and fan.unionid else {}
    return wire.answer(
        {
            "subscribe": 1,
            "openid": tie.openid,
            "subscribe_time": tie.subscribed_at,
            **shared,
            "remark": "",
            "groupid": 0,
            "tagid_list": [],
            "subscribe_scene": "ADD_SCENE_QR_CODE" if tie.scene else "ADD_SCENE_SEARCH",
            "qr_scene": int(tie.scene) if tie.scene.isdigit() else 0,
            "qr_scene_str": "" if tie.scene.isdigit() else tie.scene,
        }
    )
