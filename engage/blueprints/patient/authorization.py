"""How a fan is recognised: WeChat's web authorization, silently (WeChat §8, OA-6)."""

from __future__ import annotations

import secrets
from typing import Any
from urllib.parse import urlencode

from flask import current_app, redirect, request, session, url_for
from flask.typing import ResponseReturnValue
from werkzeug.wrappers import Response

from engage.accounts import queries as accounts
from engage.blueprints.guard import (
    OpenBlueprint,
    cookie_options,
    cookie_value,
    fan_cookie,
    tenant_of_account,
)
from engage.fans import services as fans
from engage.kernel import clock
from engage.kernel.db import tenant_scope, unit_of_work
from engage.kernel.errors import N_, DomainError
from engage.wechat.gateway import Credentials, Gateway, WeChatError, WeChatUnreachable

bp = OpenBlueprint("patient_authorization", __name__, url_prefix="/p/<account>")

STATE = "authorization"


class NotRecognised(DomainError):
    """WeChat did not tell who the visitor is."""

    code = "not_recognised"
    status = 401
    title = N_("WeChat did not tell us who you are. Please open the page again from our account's chat.")


class OnlyASnapshot(DomainError):
    """The visitor looks at a preview of the page and has no identity (WeChat §8)."""

    code = "snapshot"
    status = 403
    title = N_("Tap 使用完整服务 at the bottom of the page, then try again.")


def begin(view_args: dict[str, Any]) -> Response:
    """Send the visitor to WeChat and remember the page asked for."""
    slug = view_args["account"]
    with tenant_scope(tenant_of_account(slug)), unit_of_work() as work:
        app_id = accounts.by_slug(work, slug).app_id
    state = secrets.token_hex(16)
    session[STATE] = {"state": state, "next": request.full_path.rstrip("?")}
    query = urlencode(
        {
            "appid": app_id,
            "redirect_uri": _here(url_for("patient_authorization.finish", account=slug)),
            "response_type": "code",
            "scope": "snsapi_base",
            "state": state,
        }
    )
    return redirect(
        f"{current_app.config['WECHAT_OPEN_URL']}/connect/oauth2/authorize?{query}#wechat_redirect"
    )


@bp.open("/authorized", reason="WeChat sends the visitor here with a code that only it can give")
def finish(account: str) -> ResponseReturnValue:
    """Exchange the code, log the fan in, and go on to the page asked for."""
    begun = session.pop(STATE, None)
    state = request.args.get("state", "")
    if not begun or not secrets.compare_digest(begun["state"].encode(), state.encode()):
        return redirect(url_for("patient_booking.choose", account=account))
    with tenant_scope(tenant_of_account(account)):
        with unit_of_work() as work:
            row = accounts.by_slug(work, account)
        visitor = _visitor(Credentials(row.app_id, row.secret))
        with unit_of_work() as work:
            fan_id = fans.recognise(work, row.id, visitor, now=clock.now())
            token = fans.log_in(work, fan_id, now=clock.now())
    answer = redirect(begun["next"])
    answer.set_cookie(
        fan_cookie(),
        cookie_value(row.tenant_id, token),
        max_age=int(fans.SESSION_LIFE.total_seconds()),
        **cookie_options(),
    )
    return answer


def _visitor(credentials: Credentials) -> str:
    gateway: Gateway = current_app.extensions["wechat"]
    try:
        visitor = gateway.visitor(credentials, request.args.get("code", ""))
    except (WeChatError, WeChatUnreachable) as error:
        raise NotRecognised from error
    if visitor.is_snapshot:
        raise OnlyASnapshot
    return visitor.openid


def _here(path: str) -> str:
    """Give the absolute address of a page; in development under the host that was called."""
    if current_app.config["SANDBOXED"]:
        return request.host_url.rstrip("/") + path
    return str(current_app.config["PUBLIC_URL"]) + path
