"""What a menu may hold, and whose menu a person sees (WeChat §7)."""

import re
from collections.abc import Iterator
from typing import Any
from urllib.parse import urlsplit

from sandbox import links
from sandbox.errors import WeChatError
from sandbox.state import state
from sandbox.state.accounts import Account
from sandbox.state.menus import Button, Menu

MOST_BUTTONS, MOST_SUB_BUTTONS = 3, 5
LONGEST_NAME, LONGEST_SUB_NAME = 16, 60  # bytes
LONGEST_KEY, LONGEST_URL = 128, 1024  # bytes
MOST_DOMAINS = 3  # linked from a conditional menu
MINI_PROGRAM = re.compile(r"wx[0-9a-z]{16}")
PLATFORM = "3"  # these phones are neither iOS (1) nor Android (2)
RULE_FIELDS = ("tag_id", "client_platform_type")

KEYED = (
    "click",
    "scancode_push",
    "scancode_waitmsg",
    "pic_sysphoto",
    "pic_photo_or_album",
    "pic_weixin",
    "location_select",
)
TYPES = (*KEYED, "view", "miniprogram", "media_id", "article_id", "article_view_limited", "view_limited")
# What is wrong → the code for a top button, and for one in a sub-menu.
CODES = {
    "count": (40016, 40023),
    "type": (40017, 40024),
    "name": (40018, 40025),
    "key": (40019, 40026),
    "url": (40020, 40027),
    "domain": (40055, 40054),
}


def checked(account: Account, data: dict[str, Any]) -> list[Button]:
    """The buttons of a menu, each with its `sub_button` list as WeChat gives them back.

    Any well-formed app id counts as a linked mini program, and any `article_id` as published.

    Raises:
        WeChatError: 40016-40020 and 40055 for a top button, 40023-40027 and 40054 for one in a
            sub-menu, 40007 for media that is not permanent, 45064 for a mini program.
    """
    buttons = _counted(data.get("button"), MOST_BUTTONS, level=0)
    return [_top(account, button) for button in buttons]


def check_domains(buttons: list[Button]) -> None:
    """Hold the links of a conditional menu to three hosts.

    Raises:
        WeChatError: 65316.
    """
    hosts = {urlsplit(button["url"]).hostname for button in _leaves(buttons) if button["type"] == "view"}
    if len(hosts) > MOST_DOMAINS:
        raise WeChatError(65316)


def checked_rule(data: dict[str, Any]) -> dict[str, str]:
    """For whom a conditional menu is.

    Raises:
        WeChatError: 65304 no rule, 65320 a field that no longer works, 40035 an unknown platform.
    """
    rule = data.get("matchrule")
    given = {key: str(value) for key, value in rule.items() if value} if isinstance(rule, dict) else {}
    if not given:
        raise WeChatError(65304)
    if given.keys() - set(RULE_FIELDS):
        raise WeChatError(65320)
    if given.get("client_platform_type", PLATFORM) not in ("1", "2", "3"):
        raise WeChatError(40035)
    return given


def matches(rule: dict[str, str], tag_ids: list[int]) -> bool:
    """Whether a conditional menu is for a person with these tags; the tag given last alone counts."""
    if rule.get("client_platform_type", PLATFORM) != PLATFORM:
        return False
    return "tag_id" not in rule or rule["tag_id"] == str(tag_ids[-1] if tag_ids else "")


def menu_of(appid: str, fan: str) -> Menu | None:
    """The menu that a person sees: the newest conditional one for them, else everybody's."""
    tag_ids = state().tags.of(appid, state().fans.subscription(appid, fan).openid)
    for menu in state().menus.conditional(appid):
        if matches(menu.rule or {}, tag_ids):
            return menu
    return state().menus.default(appid)


def seen_by(appid: str, fan: str) -> list[Button]:
    """The buttons that a person sees in an account's chat: none for who does not follow."""
    if not state().fans.subscription(appid, fan).following:
        return []
    menu = menu_of(appid, fan)
    return menu.buttons if menu else []


def _top(account: Account, button: Button) -> Button:
    _check_name(button, LONGEST_NAME, level=0)
    if button.get("type") and not button.get("sub_button"):
        return {**_leaf(account, button, level=0), "sub_button": []}
    if "sub_button" not in button:
        raise WeChatError(40017)
    children = _counted(button["sub_button"], MOST_SUB_BUTTONS, level=1)
    for child in children:
        _check_name(child, LONGEST_SUB_NAME, level=1)
    shown = [{**_leaf(account, child, level=1), "sub_button": []} for child in children]
    return {"name": button["name"], "sub_button": shown}


def _leaf(account: Account, button: Button, *, level: int) -> Button:
    """The fields of a button that does something, the others dropped."""
    kind = button.get("type")
    if kind not in TYPES:
        raise WeChatError(CODES["type"][level])
    fields: tuple[str, ...] = ()
    if kind in KEYED:
        fields = ("key",)
        _check_size(button.get("key"), LONGEST_KEY, CODES["key"][level])
    elif kind in ("view", "miniprogram"):
        fields = ("url",) if kind == "view" else ("url", "appid", "pagepath")
        _check_url(button.get("url"), level=level)
    if kind == "miniprogram" and not _is_linked(button):
        raise WeChatError(45064)
    if kind in ("media_id", "view_limited"):
        fields = ("media_id",)
        if state().media.permanent(account.appid, button.get("media_id")) is None:
            raise WeChatError(40007)
    if kind in ("article_id", "article_view_limited"):
        fields = ("article_id",)
        if not button.get("article_id"):
            raise WeChatError(40007)
    return {"type": kind, "name": button["name"], **{field: button[field] for field in fields}}


def _counted(buttons: object, most: int, *, level: int) -> list[Button]:
    is_list = isinstance(buttons, list) and all(isinstance(button, dict) for button in buttons)
    if not isinstance(buttons, list) or not is_list or not 1 <= len(buttons) <= most:
        raise WeChatError(CODES["count"][level])
    return buttons


def _check_name(button: Button, most: int, *, level: int) -> None:
    _check_size(button.get("name"), most, CODES["name"][level])


def _check_size(value: object, most: int, errcode: int) -> None:
    if not isinstance(value, str) or not 1 <= len(value.encode()) <= most:
        raise WeChatError(errcode)


def _check_url(url: object, *, level: int) -> None:
    _check_size(url, LONGEST_URL, CODES["url"][level])
    if not links.is_page(str(url)):
        raise WeChatError(CODES["domain"][level])


def _is_linked(button: Button) -> bool:
    return bool(MINI_PROGRAM.fullmatch(str(button.get("appid") or "")) and button.get("pagepath"))


def _leaves(buttons: list[Button]) -> Iterator[Button]:
    for button in buttons:
        yield from button["sub_button"] or [button]
