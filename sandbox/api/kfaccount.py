"""Customer-service workers: `/customservice/kfaccount/*` and their lists under `/cgi-bin` (WeChat §3)."""

import re
from typing import Any

from flask import Blueprint, Response, request

from sandbox import wire
from sandbox.errors import WeChatError
from sandbox.state import state
from sandbox.state.accounts import Account
from sandbox.state.workers import WorkerLimit

blueprint = Blueprint("kfaccount", __name__)

NAME = re.compile(r"[A-Za-z0-9_]{1,10}")
LONGEST_ACCOUNT, LONGEST_NICKNAME = 30, 16


@blueprint.post("/customservice/kfaccount/add")
def add() -> Response:
    """Add a worker, `name@gh_…`; up to a hundred."""
    account, data = wire.caller(), wire.body()
    kf_account = _well_formed(account, data)
    try:
        is_new = state().workers.add(account.appid, kf_account, _nickname(data))
    except WorkerLimit as error:
        raise WeChatError(65405) from error
    if not is_new:
        raise WeChatError(65406)
    return wire.ok()


@blueprint.post("/customservice/kfaccount/update")
def update() -> Response:
    """Give a worker another nickname."""
    account, data = wire.caller(), wire.body()
    state().workers.rename(account.appid, _known(account, data.get("kf_account")), _nickname(data))
    return wire.ok()


@blueprint.post("/customservice/kfaccount/inviteworker")
def invite() -> Response:
    """Bind a person's WeChat id to a worker; nobody has to agree here, and the worker is online."""
    account, data = wire.caller(), wire.body()
    kf_account = _known(account, data.get("kf_account"))
    if not data.get("invite_wx"):
        raise WeChatError(40035)
    state().workers.bind(account.appid, kf_account, str(data["invite_wx"]))
    return wire.ok()


@blueprint.route("/customservice/kfaccount/del", methods=["GET", "POST"])
def remove() -> Response:
    """Remove a worker, named in the address or in the body."""
    account = wire.caller()
    posted = wire.body() if request.method == "POST" and request.get_data() else {}
    named = request.args.get("kf_account") or posted.get("kf_account")
    state().workers.remove(account.appid, _known(account, named))
    return wire.ok()


@blueprint.get("/cgi-bin/customservice/getkflist")
def listed() -> Response:
    """All workers."""
    account = wire.caller()
    workers = [
        {
            "kf_account": row["kf_account"],
            "kf_nick": row["nickname"],
            "kf_id": str(row["number"]),
            "kf_headimgurl": f"{request.host_url}sandbox/static/icons/person.svg",
            **({"kf_wx": row["wechat"]} if row["wechat"] else {}),
        }
        for row in state().workers.of(account.appid)
    ]
    return wire.answer({"kf_list": workers})


@blueprint.get("/cgi-bin/customservice/getonlinekflist")
def online() -> Response:
    """The workers bound to somebody."""
    account = wire.caller()
    workers = [
        {
            "kf_account": row["kf_account"],
            "status": 1,
            "kf_id": str(row["number"]),
            "accepted_case": 0,
        }
        for row in state().workers.of(account.appid)
        if row["wechat"]
    ]
    return wire.answer({"kf_online_list": workers})


def _well_formed(account: Account, data: dict[str, Any]) -> str:
    kf_account = str(data.get("kf_account") or "")
    name, _, home = kf_account.partition("@")
    if not NAME.fullmatch(name) or home != account.username or len(kf_account) > LONGEST_ACCOUNT:
        raise WeChatError(65404)
    return kf_account


def _known(account: Account, kf_account: object) -> str:
    if not state().workers.knows(account.appid, str(kf_account or "")):
        raise WeChatError(65401)
    return str(kf_account)


def _nickname(data: dict[str, Any]) -> str:
    nickname = str(data.get("nickname") or "")
    if not nickname or len(nickname) > LONGEST_NICKNAME:
        raise WeChatError(65403)
    return nickname
