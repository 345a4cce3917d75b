"""How a fan is recognised: WeChat's web authorization (WeChat §8, OA-6).

Silent where it only matters who it is; with consent where a page shows name and picture. Whatever
goes wrong on the way is tried once more by itself, then told, with a way on.
"""

from __future__ import annotations

from typing import TYPE_CHECKING
from urllib.parse import urlencode

import structlog
from flask import current_app, make_response, redirect, render_template, request, url_for
from flask.typing import ResponseReturnValue
from werkzeug.wrappers import Response

from engage.accounts import queries as accounts
from engage.blueprints import qr
from engage.blueprints.guard import (
    OpenBlueprint,
    Visitor,
    account_path,
    cookie_options,
    cookie_value,
    current_visitor,
    fan_cookie,
    tenant_of_account,
)
from engage.blueprints.patient import detour
from engage.blueprints.patient.detour import PROFILE, SILENT
from engage.fans import services as fans
from engage.kernel import clock
from engage.kernel.db import tenant_scope, unit_of_work
from engage.kernel.errors import NotLoggedIn
from engage.kernel.files import Files
from engage.privacy import services as privacy
from engage.wechat import pictures
from engage.wechat.answers import Profile
from engage.wechat.gateway import Credentials, Gateway, WeChatError, WeChatUnreachable

if TYPE_CHECKING:
    from engage.accounts.models import OfficialAccount

log = structlog.get_logger()

bp = OpenBlueprint("patient_authorization", __name__, url_prefix="/p/<account>")

# Unknown, used, too old: a page that was reloaded, or reached by the back button (WeChat §8).
CODE_IS_NO_USE = frozenset({40029, 40163, 42003})


def begin(slug: str, *, scope: str = SILENT, page: str = "", again: bool = False) -> Response:
    """Send the visitor to WeChat, to come back to `page`; outside WeChat, show how to get in there.

    `again` is the second try by itself; there is no third.
    """
    with tenant_scope(tenant_of_account(slug)), unit_of_work() as work:
        row = accounts.by_slug(work, slug)
    page = page or detour.asked_page(slug) or _booking(slug)
    if not _is_in_wechat():
        return _outside(row.name, page)
    state = detour.new_state()
    back = url_for("patient_authorization.finish", account=slug, page=page, again="1" if again else None)
    query = {
        "appid": row.app_id,
        "redirect_uri": _here(back),
        "response_type": "code",
        "scope": scope,
        "state": state,
    }
    answer = redirect(
        f"{current_app.config['WECHAT_OPEN_URL']}/connect/oauth2/authorize?{urlencode(query)}#wechat_redirect"
    )
    detour.begin(answer, slug, state=state, scope=scope)
    return answer


@bp.open("/authorized", reason="WeChat sends the visitor here with a code that only it can give")
def finish(account: str) -> ResponseReturnValue:
    """Exchange the code, log the fan in, and go on to the page asked for."""
    page = detour.own_page(request.args.get("page", ""), account) or _booking(account)
    state = request.args.get("state", "")
    with tenant_scope(tenant_of_account(account)):
        answer = _arrived(account, page, detour.scope_of(state))
    detour.end(answer, account, state=state)
    return answer


def send_again(slug: str, status: int) -> Response:
    """Lead back to a form that was sent without a log-in, or with a token that fits no more.

    By a page and a tap: the content policy lets no form end at WeChat.

    Raises:
        NotFound: nobody has that address.
    """
    with tenant_scope(tenant_of_account(slug)):
        _known(slug)  # so that the page is the clinic's
    view = {"form_url": detour.asked_page(slug) or _booking(slug)}
    return make_response(render_template("patient/again.html", view=view), status)


def _arrived(slug: str, page: str, scope: str | None) -> Response:
    visitor = _known(slug)
    if scope is None:  # the back button, a reload, another browser
        return redirect(page) if visitor else _once_more(slug, page, SILENT)
    code = request.args.get("code", "")
    if not code:  # the person refused, which can only be where they were asked
        refused = scope == PROFILE
        return _without_profile(visitor, page, refused=True) if refused else _once_more(slug, page, scope)
    with unit_of_work() as work:
        row = accounts.by_slug(work, slug)
    try:
        return _exchanged(row, code, page, scope)
    except WeChatError as error:
        if error.errcode in CODE_IS_NO_USE and "again" not in request.args:
            return _once_more(slug, page, scope)
        log.warning("authorization.refused", account=slug, scope=scope, errcode=error.errcode)
    except WeChatUnreachable:
        log.warning("authorization.unreachable", account=slug, scope=scope)
    return _without_profile(visitor, page, refused=False) if scope == PROFILE else _not_recognised(page)


def _exchanged(row: OfficialAccount, code: str, page: str, scope: str) -> Response:
    """Swap the code and log in who it names; nothing is kept of a snapshot's throw-away openid."""
    gateway: Gateway = current_app.extensions["wechat"]
    credentials = Credentials(row.app_id, row.secret)
    if scope == SILENT:
        visitor = gateway.visitor(credentials, code)
        return _snapshot(page) if visitor.is_snapshot else _log_in(row, visitor.openid, page)
    profile = gateway.profile(credentials, code)
    if profile.is_snapshot:
        return _snapshot(page)
    return _log_in(row, profile.openid, page, profile)


def _log_in(row: OfficialAccount, openid: str, page: str, profile: Profile | None = None) -> Response:
    now = clock.now()
    avatar = _kept(row.tenant_id, profile.avatar_url) if profile else None
    with unit_of_work() as work:
        fan_id = fans.recognise(work, row.id, openid, now=now)
        if profile:
            before = fans.record_profile(work, fan_id, nickname=profile.nickname, avatar=avatar, now=now)
            privacy.forget_files(work, [before] if before else [], now=now)
        if profile and profile.unionid:
            fans.record_unionid(work, fan_id, profile.unionid)
        token = fans.log_in(work, fan_id, now=now)
    answer = redirect(page)
    answer.set_cookie(
        fan_cookie(),
        cookie_value(row.tenant_id, token),
        max_age=int(fans.SESSION_LIFE.total_seconds()),
        **cookie_options(account_path(row.slug)),
    )
    return answer


def _kept(tenant_id: int, address: str) -> str | None:
    """Fetch a picture and give its key; WeChat's own address of it ends when the person takes another."""
    sandbox = current_app.config["WECHAT_OPEN_URL"] if current_app.config["SANDBOXED"] else ""
    picture = pictures.fetch(address, sandbox=sandbox)
    files: Files = current_app.extensions["files"]
    return files.put(tenant_id, picture) if picture else None


def _without_profile(visitor: Visitor | None, page: str, *, refused: bool) -> Response:
    """Go on to the page without name and picture, and do not ask again soon."""
    if visitor:
        keep = fans.record_refusal if refused else fans.postpone_profile
        with unit_of_work() as work:
            keep(work, visitor.fan_id, now=clock.now())
    return redirect(page)


def _once_more(slug: str, page: str, scope: str) -> Response:
    """Begin again by itself, but no second time: that would go round for ever."""
    if "again" in request.args:
        log.warning("authorization.in_circles", account=slug, scope=scope)
        return _not_recognised(page)
    return begin(slug, scope=scope, page=page, again=True)


def _known(slug: str) -> Visitor | None:
    try:
        return current_visitor(slug)
    except NotLoggedIn:
        return None


def _not_recognised(page: str) -> Response:
    return make_response(render_template("patient/unknown.html", view={"page_url": page}), 401)


def _snapshot(page: str) -> Response:
    return make_response(render_template("patient/snapshot.html", view={"page_url": page}), 403)


def _outside(name: str, page: str) -> Response:
    address = _here(page)
    view = {"account": name, "page_url": address, "qr_url": qr.picture(address)}
    return make_response(render_template("patient/outside.html", view=view), 401)


def _is_in_wechat() -> bool:
    return detour.is_in_wechat(
        request.user_agent.string,
        host=request.host,
        sandboxed=current_app.config["SANDBOXED"],
        has_person="sandbox_fan" in request.cookies,
    )


def _booking(slug: str) -> str:
    return url_for("patient_booking.choose", account=slug)


def _here(path: str) -> str:
    """Give the absolute address of a page; in development under the host that was called."""
    if current_app.config["SANDBOXED"]:
        return request.host_url.rstrip("/") + path
    return str(current_app.config["PUBLIC_URL"]) + path
