"""What the phone does for pages: judges their signature, and says where it is (WeChat §9)."""

import hashlib
import hmac
import math
from typing import Any
from urllib.parse import urlsplit

from flask import Response, abort, jsonify

from sandbox import links
from sandbox.control import asked
from sandbox.control.asked import blueprint
from sandbox.state import state
from sandbox.state.pages import Place

# errcode → how the script words it
REFUSALS = {
    40048: "invalid url domain",
    63002: "invalid signature",
}


@blueprint.post("/jssdk/check")
def check_page() -> Response:
    """Judge what a page hands to `wx.config`: `{appId, timestamp, nonceStr, signature, url}`.

    Answers `{errMsg: "config:ok"}`, or `{errcode, errMsg}` as the script would show it.
    """
    data = asked.body()
    errcode = _verdict(data)
    if errcode == 0:
        return jsonify(errMsg="config:ok")
    told = f"config:fail, Error: 系统错误，错误码：{errcode},{REFUSALS[errcode]}"
    return jsonify(errcode=errcode, errMsg=told)


@blueprint.post("/accounts/<appid>/tickets/kill")
def kill_tickets(appid: str) -> Response:
    """End the account's tickets before their time: pages signed with them are refused."""
    state().pages.end_tickets(asked.account(appid).appid)
    return jsonify({})


@blueprint.get("/fans/<fan>/place")
def place(fan: str) -> Response:
    """What the person's phone tells pages of its place: `{latitude, longitude}`, `{refuse: true}` or `{}`."""
    found = state().pages.place(asked.fan(fan).fan)
    if found is None:
        return jsonify({})
    if found.refuses:
        return jsonify(refuse=True)
    return jsonify(latitude=found.latitude, longitude=found.longitude)


@blueprint.post("/fans/<fan>/place")
def put_place(fan: str) -> Response:
    """Let the phone tell pages a place, nothing with `{refuse: true}`, or ask its person with `{}`."""
    person, data = asked.fan(fan), asked.body()
    if data.get("refuse") is True:
        state().pages.put_place(person.fan, Place(refuses=True))
    elif not data:
        state().pages.put_place(person.fan, None)
    else:
        found = Place(_degrees(data.get("latitude"), 90), _degrees(data.get("longitude"), 180))
        state().pages.put_place(person.fan, found)
    return place(person.fan)


def _verdict(data: dict[str, Any]) -> int:
    """0, or the errcode of what is wrong: the host, or the signature under every ticket that works."""
    account, url = state().accounts.get(str(data.get("appId", ""))), str(data.get("url", ""))
    if account is None:
        return 63002
    if not links.is_page(url) or account.oauth_domain not in ("", urlsplit(url).hostname):
        return 40048
    given = str(data.get("signature", "")).encode()
    signed = (
        f"noncestr={data.get('nonceStr', '')}&timestamp={data.get('timestamp', '')}&url={url.split('#')[0]}"
    )
    for ticket in state().pages.tickets(account.appid, "jsapi"):
        wanted = hashlib.sha1(f"jsapi_ticket={ticket}&{signed}".encode()).hexdigest()  # noqa: S324 WeChat's own
        if hmac.compare_digest(wanted.encode(), given):
            return 0
    return 63002


def _degrees(value: object, most: int) -> float:
    is_number = isinstance(value, int | float) and not isinstance(value, bool)
    if not is_number or not math.isfinite(value) or abs(value) > most:  # type: ignore[arg-type]
        abort(400, "latitude and longitude must be degrees")
    return float(value)  # type: ignore[arg-type]
