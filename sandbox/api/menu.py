"""Menus: `/cgi-bin/menu/*` and `/cgi-bin/get_current_selfmenu_info` (WeChat §7)."""

import re
from typing import Any

from flask import Blueprint, Response

from sandbox import menus, wire
from sandbox.errors import WeChatError
from sandbox.state import state
from sandbox.state.menus import Button, Menu

blueprint = Blueprint("menu", __name__, url_prefix="/cgi-bin")

MENU_ID = re.compile(r"[0-9]{1,18}")


@blueprint.post("/menu/create")
def create() -> Response:
    """Replace the menu for everybody; phones show it at once, real ones within five minutes."""
    account, data = wire.caller(), wire.body(raw_utf8=True)
    state().menus.replace_default(account.appid, menus.checked(account, data))
    return wire.ok()


@blueprint.get("/menu/get")
def get() -> Response:
    """All menus, the conditional ones newest first."""
    appid = wire.caller().appid
    default, conditional = _default(appid), state().menus.conditional(appid)
    if not conditional:
        return wire.answer({"menu": {"button": default.buttons}})
    return wire.answer(
        {
            "menu": {"button": default.buttons, "menuid": default.menuid},
            "conditionalmenu": [
                {"button": menu.buttons, "matchrule": menu.rule, "menuid": menu.menuid}
                for menu in conditional
            ],
        }
    )


@blueprint.get("/menu/delete")
def delete() -> Response:
    """Remove the menu for everybody and all conditional ones."""
    state().menus.remove(wire.caller().appid)
    return wire.ok()


@blueprint.get("/get_current_selfmenu_info")
def current() -> Response:
    """The menu for everybody in another form; there is no website here to make another one on."""
    default = state().menus.default(wire.caller().appid)
    buttons = [_nested(button) for button in default.buttons] if default else []
    return wire.answer({"is_menu_open": int(bool(default)), "selfmenu_info": {"button": buttons}})


@blueprint.post("/menu/addconditional")
def add_conditional() -> Response:
    """Add a menu for some people, who see the newest that is for them."""
    account, data = wire.caller(), wire.body(raw_utf8=True)
    if state().menus.default(account.appid) is None:
        raise WeChatError(65303)
    rule = menus.checked_rule(data)
    buttons = menus.checked(account, data)
    menus.check_domains(buttons)
    return wire.answer({"menuid": str(state().menus.add_conditional(account.appid, buttons, rule))})


@blueprint.post("/menu/delconditional")
def delete_conditional() -> Response:
    """Remove one conditional menu."""
    account, menuid = wire.caller(), str(wire.body().get("menuid") or "")
    if not MENU_ID.fullmatch(menuid) or not state().menus.remove_conditional(account.appid, int(menuid)):
        raise WeChatError(65301)
    return wire.ok()


@blueprint.post("/menu/trymatch")
def try_match() -> Response:
    """The menu that a person, named by openid, sees."""
    account, user_id = wire.caller(), str(wire.body().get("user_id") or "")
    reader = state().fans.by_openid(account.appid, user_id)
    if reader is None:
        raise WeChatError(65302)
    menu = menus.menu_of(account.appid, reader.fan)
    if menu is None:
        raise WeChatError(46003)
    return wire.answer({"button": menu.buttons})


def _default(appid: str) -> Menu:
    menu = state().menus.default(appid)
    if menu is None:
        raise WeChatError(46003)
    return menu


def _nested(button: Button) -> dict[str, Any]:
    """A button as the website gives it: children under `list`, none where there are none."""
    fields = {key: value for key, value in button.items() if key != "sub_button"}
    if button["sub_button"]:
        fields["sub_button"] = {"list": [_nested(child) for child in button["sub_button"]]}
    return fields
