"""Taps on the buttons of a menu (WeChat §1, §7)."""

from collections.abc import Callable
from typing import Any

from flask import Response, abort, jsonify

from sandbox import links, menus, written
from sandbox.control import asked
from sandbox.control.acts import host, push, require_following, write
from sandbox.control.asked import blueprint
from sandbox.state import state
from sandbox.state.accounts import Account
from sandbox.state.menus import Button
from sandbox.state.windows import MENU, MESSAGE

Data = dict[str, Any]


@blueprint.post("/fans/<fan>/menu")
def tap(fan: str) -> Response:
    """Tap the button at `path`, counted from 0: `[i]`, or `[i, j]` in a sub-menu.

    Answers what was pushed and what came of it, and `page` where one opens. Some buttons need what the
    person then does: `result` of a scan, `file` of a picture, `latitude` and `longitude` of a place.
    """
    asked.fan(fan)
    data = asked.body()
    account = asked.account(data.get("appid"))
    require_following(account, fan)
    button = _button(menus.seen_by(account.appid, fan), data.get("path"))
    return jsonify(TAPS[button["type"]](account, fan, button, data))


def _click(account: Account, fan: str, button: Button, _data: Data) -> Data:
    state().windows.widen(account.appid, fan, MENU)
    return _push(account, fan, "CLICK", button["key"])


def _view(account: Account, fan: str, button: Button, _data: Data) -> Data:
    pushed = _push(account, fan, "VIEW", button["url"], MenuId=_menuid(account, fan))
    return {**pushed, "page": button["url"]}


def _miniprogram(account: Account, fan: str, button: Button, _data: Data) -> Data:
    """There are no mini programs here: the page for old clients opens."""
    pushed = _push(account, fan, "view_miniprogram", button["pagepath"], MenuId=_menuid(account, fan))
    linked = {"appid": button["appid"], "pagepath": button["pagepath"]}
    return {**pushed, "page": button["url"], "miniprogram": linked}


def _scan(account: Account, fan: str, button: Button, data: Data) -> Data:
    result = data.get("result")
    if not isinstance(result, str) or not result:
        abort(400, "result must hold what was scanned")
    state().windows.widen(account.appid, fan, MENU)
    info = {"ScanType": "qrcode", "ScanResult": result}
    pushed = _push(account, fan, button["type"], button["key"], ScanCodeInfo=info)
    opens = button["type"] == "scancode_push" and links.is_page(result)
    return {**pushed, "page": result} if opens else pushed


def _picture(account: Account, fan: str, button: Button, data: Data) -> Data:
    """The event first, then the picture as a message."""
    message = written.read(account, {**data, "msgtype": "image"}, host=host())
    info = {"Count": 1, "PicList": [{"PicMd5Sum": written.checksum(data)}]}
    pushed = _push(account, fan, button["type"], button["key"], SendPicsInfo=info)
    return {**pushed, "message": write(account, fan, message, MESSAGE)}


def _place(account: Account, fan: str, button: Button, data: Data) -> Data:
    """The event first, then the place as a message."""
    message, place = written.read(account, {**data, "msgtype": "location"}, host=""), written.place_of(data)
    info = {
        "Location_X": str(place["latitude"]),
        "Location_Y": str(place["longitude"]),
        "Scale": str(place["scale"]),
        "Label": place["label"],
        "Poiname": str(data.get("poiname") or ""),
    }
    pushed = _push(account, fan, button["type"], button["key"], SendLocationInfo=info)
    return {**pushed, "message": write(account, fan, message, MESSAGE)}


def _material(account: Account, fan: str, button: Button, _data: Data) -> Data:
    """The phone shows the material; nothing is pushed."""
    media = state().media.permanent(account.appid, button["media_id"])
    if media is None:
        abort(404, "the material of this button is gone")
    body = {"media_id": media.media_id, "url": media.path, "title": media.title}
    return {"shown": state().inbox.add(account.appid, fan, kind="passive", msgtype=media.type, body=body)}


def _article(_account: Account, _fan: str, _button: Button, _data: Data) -> Data:
    abort(404, "nothing is published yet, so no article can be shown")


TAPS: dict[str, Callable[[Account, str, Button, Data], Data]] = {
    "click": _click,
    "view": _view,
    "miniprogram": _miniprogram,
    "scancode_push": _scan,
    "scancode_waitmsg": _scan,
    "pic_sysphoto": _picture,
    "pic_photo_or_album": _picture,
    "pic_weixin": _picture,
    "location_select": _place,
    "media_id": _material,
    "view_limited": _material,
    "article_id": _article,
    "article_view_limited": _article,
}


def _button(buttons: list[Button], path: object) -> Button:
    """The button at a path; opening a sub-menu does nothing and is refused with 400."""
    if not isinstance(path, list) or not 1 <= len(path) <= 2 or not all(isinstance(i, int) for i in path):
        abort(400, "path must be [i] or [i, j]")
    found: Button = {"sub_button": buttons}
    for number in path:
        if not 0 <= number < len(found["sub_button"]):
            abort(404, "no button is at this path")
        found = found["sub_button"][number]
    if "type" not in found:
        abort(400, "the path ends at a sub-menu")
    return found


def _menuid(account: Account, fan: str) -> int:
    menu = menus.menu_of(account.appid, fan)
    return menu.menuid if menu else 0


def _push(account: Account, fan: str, event: str, key: str, **more: object) -> Data:
    return push(account, fan, {"MsgType": "event", "Event": event, "EventKey": key, **more})
