"""The API side of web authorization: `/sns/*` (WeChat §8)."""

from flask import Blueprint, Response, request

from sandbox import wire
from sandbox.errors import WeChatError
from sandbox.state import state
from sandbox.state.tokens import LIFETIME, Grant

blueprint = Blueprint("sns", __name__, url_prefix="/sns")

VIRTUAL_NAME = "微信用户"  # of a snapshot visitor


@blueprint.get("/oauth2/access_token")
def access_token() -> Response:
    """Swap the code of an authorization page for the visitor's openid; a code works once."""
    args = request.args
    if not args.get("appid"):
        raise WeChatError(41002)
    account = state().accounts.get(args["appid"])
    if account is None:
        raise WeChatError(40013)
    if not args.get("secret"):
        raise WeChatError(41004)
    if args["secret"] != account.secret:
        raise WeChatError(40125)
    if args.get("grant_type") != "authorization_code":
        raise WeChatError(40002)
    if not args.get("code"):
        raise WeChatError(41008)
    grant = _take(args["code"], account.appid)
    fan = state().fans.get(grant.fan)
    answer = _tokens(grant)
    if grant.snapshot:
        answer["is_snapshotuser"] = 1
    elif fan and fan.unionid and "snsapi_userinfo" in grant.scope:
        answer["unionid"] = fan.unionid
    return wire.answer(answer)


@blueprint.get("/oauth2/refresh_token")
def refresh_token() -> Response:
    """Renew a page's tokens within 30 days; each refresh token works once and the next lives 30 days.

    The codes 41003, 40030 and 42002 are not in the notes.
    """
    args = request.args
    if not args.get("appid"):
        raise WeChatError(41002)
    if state().accounts.get(args["appid"]) is None:
        raise WeChatError(40013)
    if args.get("grant_type") != "refresh_token":
        raise WeChatError(40002)
    if not args.get("refresh_token"):
        raise WeChatError(41003)
    grant = state().tokens.take_refresh(args["appid"], args["refresh_token"])
    if grant is None:
        raise WeChatError(40030)
    if grant.expires_at <= state().clock.now():
        raise WeChatError(42002)
    return wire.answer(_tokens(grant))


@blueprint.get("/auth")
def auth() -> Response:
    """Whether a page's token is good for an openid."""
    _grant()
    return wire.ok()


@blueprint.get("/userinfo")
def userinfo() -> Response:
    """Name and picture of a visitor who consented; not for a base-scope token."""
    grant = _grant()
    fan = state().fans.get(grant.fan)
    if "snsapi_userinfo" not in grant.scope or fan is None:
        raise WeChatError(48001)
    shared = {"unionid": fan.unionid} if fan.unionid and not grant.snapshot else {}
    return wire.answer(
        {
            "openid": grant.openid,
            "nickname": VIRTUAL_NAME if grant.snapshot else fan.nickname,
            "sex": 0,
            "language": "",
            "city": "",
            "province": "",
            "country": "",
            "headimgurl": f"{request.host_url}sandbox/static/icons/person.svg",
            "privilege": [],
            **shared,
        }
    )


def _grant() -> Grant:
    token = request.args.get("access_token", "")
    if not token:
        raise WeChatError(41001)
    grant = state().tokens.page_grant(token)
    if grant is None:
        raise WeChatError(40001)
    if grant.expires_at <= state().clock.now():
        raise WeChatError(42001)
    if not request.args.get("openid"):
        raise WeChatError(41009)
    if request.args["openid"] != grant.openid:
        raise WeChatError(40003)
    return grant


def _take(code: str, appid: str) -> Grant:
    grant = state().tokens.take_code(appid, code)
    if grant is None:
        raise WeChatError(40029)
    if grant.used:
        raise WeChatError(40163)
    if grant.expires_at <= state().clock.now():
        raise WeChatError(42003)
    return grant


def _tokens(grant: Grant) -> dict[str, object]:
    access, refresh = state().tokens.issue_page_tokens(grant)
    return {
        "access_token": access,
        "expires_in": LIFETIME,
        "refresh_token": refresh,
        "openid": grant.openid,
        "scope": grant.scope,
    }
