"""Customer-service messages: `/cgi-bin/message/custom/*` (WeChat §3)."""

from typing import Any

from flask import Blueprint, Response

from sandbox import cards, wire
from sandbox.errors import WeChatError
from sandbox.state import state
from sandbox.state.accounts import Account
from sandbox.state.fans import Subscription
from sandbox.state.windows import RECENT_TRAFFIC, CountUsed, WindowShut

blueprint = Blueprint("custom", __name__, url_prefix="/cgi-bin/message/custom")


@blueprint.post("/send")
def send() -> Response:
    """Show a message to a person whose window is open, and count it.

    Content is judged before the window: a bad message costs nothing.
    """
    account, data = wire.caller(), wire.body()
    reader = _reader(account, data)
    msgtype = str(data.get("msgtype") or "")
    content = data.get(msgtype)
    body = cards.check(account, msgtype, content if isinstance(content, dict) else {})
    body |= _worker(account, data) | _hint(data)
    if not reader.following:
        raise WeChatError(45015)
    try:
        state().windows.take(account.appid, reader.fan)
    except WindowShut as error:
        raise WeChatError(45015) from error
    except CountUsed as error:
        raise WeChatError(45047) from error
    state().inbox.add(account.appid, reader.fan, kind="custom", msgtype=msgtype, body=body)
    return wire.ok()


@blueprint.post("/typing")
def typing() -> Response:
    """Show or end "is typing"; somebody must have written in the last 30 s."""
    account, data = wire.caller(), wire.body()
    reader = _reader(account, data)
    if data.get("command") not in ("Typing", "CancelTyping"):
        raise WeChatError(45072)
    if not reader.following:
        raise WeChatError(45015)
    last = state().inbox.last(reader.fan, account.appid, kinds=("sent", "passive", "custom"))
    if last is None or last["at"] < state().clock.now() - RECENT_TRAFFIC:
        raise WeChatError(45080)
    begins = data["command"] == "Typing"
    if begins and state().windows.is_typing(account.appid, reader.fan):
        raise WeChatError(45081)
    state().windows.set_typing(account.appid, reader.fan, on=begins)
    return wire.ok()


def _reader(account: Account, data: dict[str, Any]) -> Subscription:
    reader = state().fans.by_openid(account.appid, str(data.get("touser") or ""))
    if reader is None:
        raise WeChatError(40003)
    if reader.blacklisted:
        raise WeChatError(43019)
    if reader.refuses:
        raise WeChatError(48002)
    return reader


def _worker(account: Account, data: dict[str, Any]) -> dict[str, str]:
    """Who writes, where a customer-service worker is named."""
    named = data.get("customservice")
    if not named:
        return {}
    kf_account = str(named.get("kf_account") or "") if isinstance(named, dict) else ""
    if not state().workers.knows(account.appid, kf_account):
        raise WeChatError(65401)
    return {"kf_account": kf_account}


def _hint(data: dict[str, Any]) -> dict[str, bool]:
    """Whether the message is marked as written by a machine."""
    context = data.get("aimsgcontext")
    if context is None:
        return {}
    if not isinstance(context, dict) or context.get("is_ai_msg") not in (0, 1):
        raise WeChatError(40035)
    return {"is_ai_msg": bool(context["is_ai_msg"])}
