"""`/cgi-bin/token`, `/cgi-bin/stable_token`, `/cgi-bin/getcallbackip` (WeChat §2)."""

from typing import Any

from flask import Blueprint, Response, request

from sandbox import wire
from sandbox.errors import WeChatError
from sandbox.state import state
from sandbox.state.accounts import Account
from sandbox.state.tokens import ForceQuotaUsed

blueprint = Blueprint("token", __name__, url_prefix="/cgi-bin")


@blueprint.get("/token")
def token() -> Response:
    """A new token; the one before goes on working for five minutes."""
    account = _credentials(request.args)
    value, seconds = state().tokens.issue(account.appid)
    return wire.answer({"access_token": value, "expires_in": seconds})


@blueprint.post("/stable_token")
def stable_token() -> Response:
    """The token of the other space, the same for everybody who asks."""
    data = wire.body()
    account = _credentials(data)
    try:
        value, seconds = state().tokens.stable(account.appid, force=data.get("force_refresh") is True)
    except ForceQuotaUsed as error:
        raise WeChatError(45009) from error
    return wire.answer({"access_token": value, "expires_in": seconds})


@blueprint.get("/getcallbackip")
def callback_ip() -> Response:
    """Where pushes come from: this machine."""
    wire.caller()
    return wire.answer({"ip_list": ["127.0.0.1"]})


def _credentials(data: dict[str, Any]) -> Account:
    """The account of an app id and its secret; the app id is judged before the grant type.

    Raises:
        WeChatError: 41002, 40013, 40002, 41004 or 40125, the first that applies.
    """
    if not data.get("appid"):
        raise WeChatError(41002)
    account = state().accounts.get(str(data["appid"]))
    if account is None:
        raise WeChatError(40013)
    if data.get("grant_type") != "client_credential":
        raise WeChatError(40002)
    if not data.get("secret"):
        raise WeChatError(41004)
    if data["secret"] != account.secret:
        raise WeChatError(40125)
    return account
