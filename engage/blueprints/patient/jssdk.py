"""Lets a page use the phone's map, place and scanner by WeChat's script (WeChat §9); pages work without."""

from __future__ import annotations

import secrets
from urllib.parse import urlsplit

import structlog
from flask import current_app, jsonify, request
from flask.typing import ResponseReturnValue

from engage.accounts import queries as accounts
from engage.blueprints.faces import asset
from engage.blueprints.guard import PatientBlueprint, Visitor, account_path
from engage.kernel import clock
from engage.kernel.db import unit_of_work
from engage.kernel.errors import NotFound
from engage.wechat import jssdk
from engage.wechat.gateway import Credentials, Gateway, WeChatError, WeChatUnreachable

bp = PatientBlueprint("patient_jssdk", __name__, url_prefix="/p/<account>/jssdk")

log = structlog.get_logger()


@bp.app_template_global()
def phone_script() -> str:
    """Give the address of WeChat's script: our own copy of it, or the stand-in of the sandbox."""
    if current_app.config["SANDBOXED"]:
        return f"{current_app.config['WECHAT_OPEN_URL']}/open/js/jweixin-1.6.0.js"
    return asset("vendor/jweixin.js")


@bp.view("")
def config(visitor: Visitor) -> ResponseReturnValue:
    """Sign the page at `url`, one of this account's own; `{}` where WeChat gives no ticket now."""
    url = request.args.get("url", "")
    if not _is_own(url, visitor.account_slug):
        raise NotFound
    with unit_of_work() as session:
        row = accounts.account(session, visitor.account_id)
        account = Credentials(row.app_id, row.secret)
    gateway: Gateway = current_app.extensions["wechat"]
    try:
        ticket = gateway.page_ticket(account)
    except (WeChatError, WeChatUnreachable) as error:
        log.warning("wechat.no_page_ticket", app_id=account.app_id, error=str(error))
        return jsonify({})
    found = jssdk.page_config(
        account.app_id, ticket, nonce=secrets.token_hex(8), timestamp=int(clock.now().timestamp()), url=url
    )
    return jsonify(
        appId=found.app_id,
        timestamp=found.timestamp,
        nonceStr=found.nonce,
        signature=found.signature,
        jsApiList=jssdk.CALLS,
    )


def _is_own(url: str, slug: str) -> bool:
    """Whether a page is one of the account's at the host that is asked: others are not signed."""
    try:
        page = urlsplit(url)
    except ValueError:
        return False
    # Behind a proxy the scheme of the request is the proxy's way to us.
    ours = {f"{request.scheme}://{request.host}", current_app.config["PUBLIC_URL"].rstrip("/")}
    return f"{page.scheme}://{page.netloc}" in ours and page.path.startswith(f"{account_path(slug)}/")
