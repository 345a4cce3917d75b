"""Quotas and request ids: `/cgi-bin/openapi/*`, `/cgi-bin/clear_quota*` (WeChat §11)."""

import re

from flask import Blueprint, Response, current_app

from sandbox import wire
from sandbox.errors import WeChatError
from sandbox.state import state
from sandbox.state.accounts import Account
from sandbox.state.counters import LIMITS, UNLIMITED

blueprint = Blueprint("openapi", __name__, url_prefix="/cgi-bin")

MONTHLY_CLEARS = 10  # of all paths, by either call
MONTHLY_PATH_CLEARS = 50  # of one path
PATH = re.compile(r"/[\w/-]+")
RID = re.compile(r"[0-9a-f]{8}-[0-9a-f]{8}-[0-9a-f]{8}")


@blueprint.post("/openapi/quota/get")
def quota() -> Response:
    """Today's quota of a path; limits a minute are not modelled and stand at 0."""
    account = wire.caller()
    path = _path()
    limit, used = state().counters.limit(account, path), state().counters.used(account.appid, path)
    rate = {"call_count": 0, "refresh_second": 0}
    return wire.ok(
        quota={"daily_limit": limit, "used": used, "remain": max(limit - used, 0)},
        rate_limit=rate,
        component_rate_limit=rate,
    )


@blueprint.post("/openapi/quota/clear")
def clear_path() -> Response:
    """Begin the day of one path anew, 50 times a month."""
    account = wire.caller()
    path = _path()
    _spend(account, "openapi/quota/clear", MONTHLY_PATH_CLEARS)
    state().counters.clear(account.appid, path)
    return wire.ok()


@blueprint.post("/clear_quota")
def clear() -> Response:
    """Begin the day of all paths anew, ten times a month."""
    account, data = wire.caller(), wire.body()
    if data.get("appid") != account.appid:
        raise WeChatError(40013)
    return _clear(account)


@blueprint.post("/clear_quota/v2")
def clear_by_secret() -> Response:
    """The same without a token, out of the same ten."""
    data = wire.body()
    if not data.get("appid"):
        raise WeChatError(41002)
    account = state().accounts.get(str(data["appid"]))
    if account is None:
        raise WeChatError(40013)
    if not data.get("appsecret"):
        raise WeChatError(41004)
    if data["appsecret"] != account.secret:
        raise WeChatError(40125)
    return _clear(account)


@blueprint.post("/openapi/rid/get")
def refusal() -> Response:
    """What was asked and answered when a rid was given out, for seven days."""
    account, asked = wire.caller(), str(wire.body().get("rid") or "")
    if not RID.fullmatch(asked):
        raise WeChatError(76002)
    found = state().refusals.get(asked)
    if found is None:
        raise WeChatError(76001)
    if found.appid != account.appid:
        raise WeChatError(76003, "this rid")
    if found.expired:
        raise WeChatError(76004)
    return wire.ok(request=found.request)


def _path() -> str:
    """The path asked about.

    Raises:
        WeChatError: 76003 no path as called, 76022 one without a quota, 76021 an unknown one.
    """
    path = str(wire.body().get("cgi_path") or "")
    if not PATH.fullmatch(path):
        raise WeChatError(76003, "this cgi_path")
    if path.startswith(UNLIMITED):
        raise WeChatError(76022)
    routes = {rule.rule for rule in current_app.url_map.iter_rules() if not wire.is_own(rule.rule)}
    if path not in routes | LIMITS.keys():
        raise WeChatError(76021)
    return path


def _clear(account: Account) -> Response:
    _spend(account, "clear_quota", MONTHLY_CLEARS)
    state().counters.clear(account.appid)
    return wire.ok()


def _spend(account: Account, what: str, limit: int) -> None:
    if not state().counters.count_in_month(account.appid, what, limit=limit):
        raise WeChatError(48006)
