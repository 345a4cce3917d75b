"""Tickets that sign pages: `/cgi-bin/ticket/getticket` (WeChat §9)."""

from flask import Blueprint, Response, request

from sandbox import wire
from sandbox.errors import WeChatError
from sandbox.state import state
from sandbox.state.pages import KINDS

blueprint = Blueprint("ticket", __name__, url_prefix="/cgi-bin/ticket")


@blueprint.get("/getticket")
def getticket() -> Response:
    """The account's ticket. The code for another type is not in the notes."""
    account, kind = wire.caller(), request.args.get("type", "")
    if kind not in KINDS:
        raise WeChatError(40035)
    value, seconds = state().pages.ticket(account.appid, kind)
    return wire.ok(ticket=value, expires_in=seconds)
