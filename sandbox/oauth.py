"""The authorization page, `/connect/oauth2/authorize` (WeChat §8)."""

import re
import secrets
from urllib.parse import urlencode, urlsplit, urlunsplit

from flask import Blueprint, Response, make_response, redirect, render_template, request
from werkzeug.wrappers import Response as BaseResponse

from sandbox import links, visitor, words
from sandbox.errors import WeChatError
from sandbox.state import state
from sandbox.state.accounts import Account
from sandbox.state.fans import Fan

blueprint = Blueprint("oauth", __name__)

SCOPES = ("snsapi_base", "snsapi_userinfo")
ORDER = ("appid", "redirect_uri", "response_type", "scope", "state")
STATE = re.compile(r"[a-zA-Z0-9]{0,128}")
PICKED, CONSENTED = "sandbox_fan", "sandbox_consent"  # the sandbox's own additions to the page's address


class Refused(Exception):
    """The page shows this code instead of going on."""

    def __init__(self, code: int) -> None:
        super().__init__(code)
        self.code = code


@blueprint.errorhandler(Refused)
def refused(error: Refused) -> Response:
    """The error page, HTTP 200 as all of WeChat's."""
    return make_response(render_template("refused.html", code=error.code, t=words.current()))


@blueprint.errorhandler(WeChatError)
def refused_by_fault(error: WeChatError) -> Response:
    """A fault's `errcode` shows its page: 10004 (banned), 10009 (too often), 10016 come no other way."""
    return refused(Refused(error.errcode))


@blueprint.get("/connect/oauth2/authorize")
def authorize() -> BaseResponse:
    """Find out who the visitor is and send them back with a code.

    The visitor is the person picked on this page, else the one whose host `<fan>.localhost` the
    redirect goes to, else the one of the cookie; else the page lets one pick.
    """
    account = _checked_account()
    target = request.args["redirect_uri"]
    picked = state().fans.get(request.args.get(PICKED, ""))
    person = picked or visitor.of_host(urlsplit(target).netloc) or visitor.current()
    if person is None:
        return make_response(
            render_template("picker.html", fans=state().fans.all(), again=_again, t=words.current())
        )
    if account.kind == "test" and not state().fans.subscription(account.appid, person.fan).following:
        raise Refused(10006)
    if _must_ask(account, person):
        if own := _under_own_host(target):
            return redirect(own)
        return make_response(
            render_template(
                "consent.html",
                account=account,
                fan=person,
                again=_again,
                # Reading: who refuses comes back without a code.
                refusal=_answered(target),
                t=words.current(),
            )
        )
    answer = redirect(_back(account, person, target))
    if picked:
        answer.set_cookie(visitor.COOKIE, picked.fan, samesite="Lax", httponly=True)
    return answer


def _checked_account() -> Account:
    """The account asked for.

    Reading of the notes: `state` may be absent, but 10013 refuses one that breaks its rule. Whether the
    account knows a third-party platform is 10015, as none does.

    Raises:
        Refused: 10012, 10011, 10010, 10013, 10015, 10005 or 10003, the first that applies.
    """
    args = request.args
    if not args.get("appid"):
        raise Refused(10012)
    if not args.get("redirect_uri"):
        raise Refused(10011)
    if not args.get("scope"):
        raise Refused(10010)
    if not STATE.fullmatch(args.get("state", "")):
        raise Refused(10013)
    if args.get("component_appid"):
        raise Refused(10015)
    account = state().accounts.get(args["appid"])
    known = [key for key in args if key in ORDER]
    in_order = known == [key for key in ORDER if key in args]
    if account is None or args["scope"] not in SCOPES or args.get("response_type") != "code" or not in_order:
        raise Refused(10005)
    target = args["redirect_uri"]
    if not links.is_page(target) or account.oauth_domain not in ("", urlsplit(target).hostname):
        raise Refused(10003)
    return account


def _must_ask(account: Account, person: Fan) -> bool:
    """The user-info scope is silent for followers only."""
    if request.args["scope"] == "snsapi_base" or CONSENTED in request.args:
        return False
    return not state().fans.subscription(account.appid, person.fan).following


def _under_own_host(target: str) -> str:
    """This page on the person's own host, when it is shown elsewhere.

    The phone frames it: a tap that leads from one site to another leaves the log-in's cookies behind.
    """
    home, here = urlsplit(target).hostname or "", urlsplit(f"//{request.host}")
    if visitor.of_host(home) is None or here.hostname == home:
        return ""
    port = f":{here.port}" if here.port else ""
    return f"http://{home}{port}{request.full_path}"


def _again(**more: str) -> str:
    """This page's address with an answer of the visitor added."""
    return f"{request.path}?{urlencode([*request.args.items(), *more.items()])}"


def _back(account: Account, person: Fan, target: str) -> str:
    openid = state().fans.subscription(account.appid, person.fan).openid
    snapshot = person.snapshot or request.args.get("forceSnapShot") == "true"
    if snapshot:
        openid = f"o{secrets.token_urlsafe(21)[:27]}"  # a virtual visitor: another one each time
    code = state().tokens.issue_code(
        account.appid, person.fan, openid, request.args["scope"], snapshot=snapshot
    )
    return _answered(target, code=code)


def _answered(target: str, **answer: str) -> str:
    """The address to come back to, with the answer and the state added."""
    parts = urlsplit(target)
    added = urlencode({**answer, "state": request.args.get("state", "")})
    return urlunsplit(parts._replace(query=f"{parts.query}&{added}" if parts.query else added))
