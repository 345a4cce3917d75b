"""Template messages: `/cgi-bin/message/template/send` and `/cgi-bin/template/*` (WeChat §4)."""

from typing import Any

from flask import Blueprint, Response

from sandbox import fields, library, wire
from sandbox.errors import WeChatError
from sandbox.pusher import pusher
from sandbox.state import state
from sandbox.state.accounts import Account, Template
from sandbox.state.fans import Subscription

blueprint = Blueprint("template", __name__, url_prefix="/cgi-bin")

LONGEST_ID = 64
LONGEST_URL = 2048  # the limit behind 40039 is not documented
MOST_TEMPLATES = 25  # the code behind it, 45026, is not in the notes
FINISH, SUCCESS = "TEMPLATESENDJOBFINISH", "success"
DEDUPE_SECONDS = 600
FINISH_AFTER = 0.2  # seconds until the job's result is pushed


@blueprint.post("/message/template/send")
def send() -> Response:
    """Accept a template message, show it on the phone, and report its delivery a moment later."""
    account, data = wire.caller(), wire.body()
    reader = state().fans.by_openid(account.appid, str(data.get("touser", "")))
    if reader is None:
        raise WeChatError(40003)
    template = _template(account, data)
    url = str(data.get("url") or "")
    if len(url) > LONGEST_URL:
        raise WeChatError(40039)
    if not reader.following:
        raise WeChatError(43004)
    if reader.blacklisted:
        raise WeChatError(43019)
    values = _values(data)
    if account.checks_types:
        fields.check(template, values)
    msgid, is_new = _msgid(pusher().new_id(), reader, str(data.get("client_msg_id") or ""))
    if is_new:
        status = _status(reader)
        if status == SUCCESS:
            _show(reader, template, values, url, _mini_program(data), msgid)
        finish = {"MsgType": "event", "Event": FINISH, "MsgID": msgid, "Status": status}
        pusher().later(account.appid, reader.fan, finish, seconds=FINISH_AFTER)
    return wire.ok(msgid=msgid)


@blueprint.get("/template/get_all_private_template")
def all_private() -> Response:
    """The account's templates."""
    account = wire.caller()
    listed = [
        {
            "template_id": template.template_id,
            "title": template.title,
            "primary_industry": "",
            "deputy_industry": "",
            "content": template.content,
            "example": template.example,
        }
        for template in state().accounts.templates(account.appid)
    ]
    return wire.answer({"template_list": listed})


@blueprint.post("/template/api_add_template")
def add() -> Response:
    """Take a template from the library; only category templates are left (2023 change)."""
    account, data = wire.caller(), wire.body()
    short_id = str(data.get("template_id_short", ""))
    if not short_id.isdigit():
        raise WeChatError(40247)
    if short_id not in library.TEMPLATES:
        raise WeChatError(40037)
    if len(state().accounts.templates(account.appid)) >= MOST_TEMPLATES:
        raise WeChatError(45026)
    title, keywords = library.TEMPLATES[short_id]
    chosen = data.get("keyword_name_list")
    content = library.content_of(keywords, chosen) if isinstance(chosen, list) else None
    if content is None:
        raise WeChatError(40246)
    template = state().accounts.add_template(account.appid, title=title, content=content)
    return wire.ok(template_id=template.template_id)


@blueprint.post("/template/del_private_template")
def delete() -> Response:
    """Give a template up."""
    account, data = wire.caller(), wire.body()
    state().accounts.drop_template(account.appid, _template(account, data).template_id)
    return wire.ok()


def _template(account: Account, data: dict[str, Any]) -> Template:
    template_id = str(data.get("template_id") or "")
    if not template_id or len(template_id) > LONGEST_ID:
        raise WeChatError(40036)
    template = state().accounts.template(account.appid, template_id)
    if template is None:
        raise WeChatError(40037)
    return template


def _values(data: dict[str, Any]) -> dict[str, str]:
    given = data.get("data")
    if not isinstance(given, dict):
        raise WeChatError(47001)
    values = {}
    for key, entry in given.items():
        if not isinstance(entry, dict):
            raise WeChatError(47001)
        value = entry.get("value")
        values[key] = "" if value is None else str(value)
    return values


def _mini_program(data: dict[str, Any]) -> dict[str, str] | None:
    """The mini program that the card opens; it goes before the url."""
    given = data.get("miniprogram")
    if not isinstance(given, dict) or not given.get("appid"):
        return None
    return {key: str(given.get(key) or "") for key in ("appid", "pagepath")}


def _status(reader: Subscription) -> str:
    """How the send ends: accepted it is in any case, shown only when it ends well."""
    if reader.refuses:
        return "failed:user block"
    return state().faults.finish(reader.appid, FINISH) or SUCCESS


def _msgid(fresh: int, reader: Subscription, client_msg_id: str) -> tuple[int, bool]:
    """The id of this send, and whether it is a new one: a repeat within ten minutes keeps the first."""
    if not client_msg_id:
        return fresh, True
    store, now = state().store, state().clock.now()
    with store.transaction():
        row = store.one(
            "SELECT msgid FROM template_send WHERE appid = ? AND openid = ? AND client_msg_id = ? AND at > ?",
            reader.appid,
            reader.openid,
            client_msg_id,
            now - DEDUPE_SECONDS,
        )
        if row:
            return row["msgid"], False
        store.run(
            "INSERT OR REPLACE INTO template_send VALUES (?, ?, ?, ?, ?)",
            reader.appid,
            reader.openid,
            client_msg_id,
            fresh,
            now,
        )
    return fresh, True


def _show(
    reader: Subscription,
    template: Template,
    values: dict[str, str],
    url: str,
    miniprogram: dict[str, str] | None,
    msgid: int,
) -> None:
    state().inbox.add(
        reader.appid,
        reader.fan,
        kind="template",
        msgtype="template",
        body={
            "template_id": template.template_id,
            "title": template.title,
            "lines": fields.card_lines(template, values),
            "data": values,
            "url": url,
            "miniprogram": miniprogram,
            # As text: 19 digits do not survive a browser's numbers.
            "msgid": str(msgid),
        },
    )
