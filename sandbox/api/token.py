"""Tokens, WeChat's addresses and the check of a callback: `/cgi-bin/{token,stable_token,…}` (WeChat §2)."""

import socket
import time
from typing import Any
from urllib.parse import urlsplit

from flask import Blueprint, Response, request

from sandbox import wire
from sandbox.errors import WeChatError
from sandbox.state import state
from sandbox.state.accounts import Account
from sandbox.state.tokens import ForceQuotaUsed

blueprint = Blueprint("token", __name__, url_prefix="/cgi-bin")

ACTIONS = ("dns", "ping", "all")
OPERATORS = ("DEFAULT", "CHINANET", "UNICOM", "CAP")
PORTS = {"http": 80, "https": 443}
CHECK_TIMEOUT = 5.0  # seconds


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
@blueprint.get("/get_api_domain_ip")
def addresses() -> Response:
    """Where pushes come from and calls go to: this machine, both."""
    wire.caller()
    return wire.answer({"ip_list": ["127.0.0.1"]})


@blueprint.post("/callback/check")
def check_callback() -> Response:
    """Look the callback's host up and reach for its port, truly.

    The codes for a wrong `action` or operator and the fields of the entries are not in the notes.
    """
    account, data = wire.caller(), wire.body()
    action = data.get("action")
    if action not in ACTIONS or data.get("check_operator") not in OPERATORS:
        raise WeChatError(40035)
    target = urlsplit(account.callback_url)
    host, port = target.hostname or "", target.port or PORTS.get(target.scheme, 80)
    ips, found = _look_up(host, port), {}
    if action != "ping":
        found["dns"] = [{"ip": ip, "real_operator": "DEFAULT"} for ip in ips]
    if action != "dns":
        found["ping"] = [_reach(ip, port) for ip in ips]
    return wire.answer(found)


def _look_up(host: str, port: int) -> list[str]:
    try:
        answers = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)
    except (socket.gaierror, UnicodeError):  # such as a label of too many letters
        return []
    return list(dict.fromkeys(str(address[0]) for *_, address in answers))


def _reach(ip: str, port: int) -> dict[str, str]:
    started, loss = time.perf_counter(), "0%"
    try:
        socket.create_connection((ip, port), timeout=CHECK_TIMEOUT).close()
    except OSError:
        loss = "100%"
    took = (time.perf_counter() - started) * 1000
    return {"ip": ip, "from_operator": "DEFAULT", "package_loss": loss, "time": f"{took:.3f}ms"}


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
