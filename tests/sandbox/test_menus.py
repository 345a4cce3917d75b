"""Menus: what they may hold, who sees which, and what their buttons do (WeChat §1, §7)."""

import base64
import hashlib
import json
from typing import Any

import pytest

from sandbox.menus import matches
from tests.sandbox import files, wechat
from tests.sandbox.conftest import Callback, Chat, begin_chat

CREATE = "/cgi-bin/menu/create"
PAGE = "http://127.0.0.1/p/kangmei/"
MINI = "wx0123456789abcdef"


def click(name: str = "预约", key: str = "book", **more: Any) -> dict[str, Any]:
    return {"type": "click", "name": name, "key": key, **more}


def view(name: str = "官网", url: str = PAGE) -> dict[str, Any]:
    return {"type": "view", "name": name, "url": url}


def parent(*children: dict[str, Any], name: str = "更多") -> dict[str, Any]:
    return {"name": name, "sub_button": list(children)}


def mini(**change: Any) -> dict[str, Any]:
    return {"type": "miniprogram", "name": "小程序", "url": PAGE, "appid": MINI, "pagepath": "p/i", **change}


# buttons, errcode
MENUS: list[tuple[Any, int]] = [
    ([click(), view(), parent(*[click()] * 5)], 0),
    (None, 40016),
    ([], 40016),
    ([click()] * 4, 40016),
    (["click"], 40016),
    ([click(name="")], 40018),
    ([click(name="x" * 16)], 0),
    ([click(name="x" * 17)], 40018),
    ([click(name="预约挂号牙")], 0),
    ([click(name="预约挂号看牙")], 40018),
    ([{"name": "x"}], 40017),
    ([{"type": "dance", "name": "x"}], 40017),
    ([click(key="")], 40019),
    ([click(key="x" * 128)], 0),
    ([click(key="x" * 129)], 40019),
    ([view(url="")], 40020),
    ([view(url="http://a/" + "x" * 1015)], 0),
    ([view(url="http://a/" + "x" * 1016)], 40020),
    ([view(url="javascript:alert(1)")], 40055),
    ([parent()], 40023),
    ([parent(*[click()] * 6)], 40023),
    ([parent({"type": "dance", "name": "x"})], 40024),
    ([parent(parent(click()))], 40024),
    ([parent(click(name="x" * 60))], 0),
    ([parent(click(name="x" * 61))], 40025),
    ([parent(click(key="x" * 129))], 40026),
    ([parent(view(url="x" * 1025))], 40027),
    ([parent(view(url="ftp://a"))], 40054),
    ([mini()], 0),
    ([mini(appid=MINI.upper())], 45064),
    ([mini(pagepath="")], 45064),
    ([mini(url="")], 40020),
    ([{"type": "scancode_waitmsg", "name": "x", "key": "k"}], 0),
    ([{"type": "location_select", "name": "x"}], 40019),
    ([{"type": "media_id", "name": "x", "media_id": "unknown"}], 40007),
    ([{"type": "article_id", "name": "x"}], 40007),
]


@pytest.mark.parametrize(("buttons", "errcode"), MENUS)
def test_what_a_menu_may_hold(chat: Chat, buttons: Any, errcode: int) -> None:
    assert chat.api(CREATE, {"button": buttons})["errcode"] == errcode
    found = chat.ask("/cgi-bin/menu/get")
    assert found.get("errcode", 0) == (46003 if errcode else 0)


def test_escaped_characters_are_refused(chat: Chat) -> None:
    escaped = json.dumps({"button": [click()]})
    assert "\\u" in escaped
    url, params = chat.sandbox.url + CREATE, {"access_token": chat.token}
    assert chat.sandbox.http.post(url, params=params, data=escaped, timeout=5).json()["errcode"] == 40033


def test_a_menu_is_given_back_and_deleted(chat: Chat) -> None:
    assert chat.ask("/cgi-bin/menu/get")["errcode"] == 46003
    assert chat.ask("/cgi-bin/get_current_selfmenu_info") == {
        "is_menu_open": 0,
        "selfmenu_info": {"button": []},
    }
    chat.api(CREATE, {"button": [click(), parent(view())]})
    assert chat.ask("/cgi-bin/menu/get") == {
        "menu": {
            "button": [
                {**click(), "sub_button": []},
                {"name": "更多", "sub_button": [{**view(), "sub_button": []}]},
            ]
        }
    }
    info = chat.ask("/cgi-bin/get_current_selfmenu_info")
    assert info["is_menu_open"] == 1
    assert info["selfmenu_info"]["button"] == [click(), {"name": "更多", "sub_button": {"list": [view()]}}]
    assert chat.ask("/cgi-bin/menu/delete")["errcode"] == 0
    assert chat.ask("/cgi-bin/menu/get")["errcode"] == 46003


def names(chat: Chat) -> list[str]:
    matched = chat.api("/cgi-bin/menu/trymatch", {"user_id": chat.openid})
    return [button["name"] for button in matched["button"]]


def test_the_newest_conditional_menu_that_matches_is_seen(chat: Chat) -> None:
    def add(rule: Any, *buttons: dict[str, Any]) -> Any:
        body = {"button": list(buttons) or [click("会员")], "matchrule": rule}
        return chat.api("/cgi-bin/menu/addconditional", body)

    def tag(name: str) -> int:
        made = chat.api("/cgi-bin/tags/create", {"tag": {"name": name}})
        return int(made["tag"]["id"])

    member, child = tag("会员"), tag("儿童")
    assert add({"tag_id": str(member)})["errcode"] == 65303
    assert chat.api("/cgi-bin/menu/trymatch", {"user_id": chat.openid})["errcode"] == 46003
    chat.api(CREATE, {"button": [click("全部")]})
    first = add({"tag_id": str(member)}, click("会员"))["menuid"]
    second = add({"tag_id": str(child)}, click("儿童"))["menuid"]
    assert names(chat) == ["全部"]
    for tag_id in (member, child):
        put = {"openid_list": [chat.openid], "tagid": tag_id}
        assert chat.api("/cgi-bin/tags/members/batchtagging", put)["errcode"] == 0
    assert names(chat) == ["儿童"]  # the tag given last
    add({"tag_id": str(child)}, click("儿童二"))
    assert names(chat) == ["儿童二"]  # the newest menu
    found = chat.ask("/cgi-bin/menu/get")
    assert [menu["matchrule"]["tag_id"] for menu in found["conditionalmenu"]] == [
        str(child),
        str(child),
        str(member),
    ]
    assert found["menu"]["menuid"]
    assert chat.api("/cgi-bin/menu/delconditional", {"menuid": second})["errcode"] == 0
    assert chat.api("/cgi-bin/menu/delconditional", {"menuid": second})["errcode"] == 65301
    assert chat.api("/cgi-bin/menu/delconditional", {"menuid": first})["errcode"] == 0
    assert names(chat) == ["儿童二"]
    chat.api(CREATE, {"button": [click("新")]})  # replaces only the menu for everybody
    assert names(chat) == ["儿童二"]
    chat.ask("/cgi-bin/menu/delete")
    assert chat.ask("/cgi-bin/menu/get")["errcode"] == 46003
    assert chat.api("/cgi-bin/menu/trymatch", {"user_id": "nobody"})["errcode"] == 65302


@pytest.mark.parametrize(
    ("rule", "buttons", "errcode"),
    [
        (None, [click()], 65304),
        ({}, [click()], 65304),
        ({"sex": "1"}, [click()], 65320),
        ({"tag_id": "2", "country": "中国"}, [click()], 65320),
        ({"client_platform_type": "4"}, [click()], 40035),
        ({"client_platform_type": "1"}, [parent(*[view(url=f"http://{i}.cn/") for i in range(4)])], 65316),
        ({"client_platform_type": "1"}, [parent(*[view(url=f"http://{i}.cn/") for i in range(3)])], None),
        ({"client_platform_type": "1"}, [], 40016),
    ],
)
def test_what_a_conditional_menu_may_be(chat: Chat, rule: Any, buttons: Any, errcode: int | None) -> None:
    chat.api(CREATE, {"button": [click()]})
    body = {"button": buttons, "matchrule": rule}
    assert chat.api("/cgi-bin/menu/addconditional", body).get("errcode") == errcode


@pytest.mark.parametrize(
    ("rule", "tag_ids", "expected"),
    [
        ({"tag_id": "100"}, [100], True),
        ({"tag_id": "100"}, [100, 101], False),
        ({"tag_id": "101"}, [100, 101], True),
        ({"tag_id": "100"}, [], False),
        ({"client_platform_type": "3"}, [], True),
        ({"client_platform_type": "1"}, [], False),
        ({"client_platform_type": "3", "tag_id": "100"}, [], False),
    ],
)
def test_for_whom_a_rule_is(rule: dict[str, str], tag_ids: list[int], expected: bool) -> None:
    assert matches(rule, tag_ids) is expected


KINDS = [
    {"type": kind, "name": kind[:16], "key": kind}
    for kind in ("scancode_push", "scancode_waitmsg", "pic_sysphoto", "location_select", "pic_weixin")
]


@pytest.fixture
def tapped(chat: Chat) -> Chat:
    chat.api(CREATE, {"button": [click(), parent(view(), mini()), parent(*KINDS)]})
    return chat


def events(callback: Callback) -> list[dict[str, str]]:
    return [wechat.nodes(request.body) for request in callback.requests[1:]]  # the first is the follow


def test_a_click_is_pushed_and_answered(tapped: Chat, callback: Callback) -> None:
    reply = wechat.text_reply(tapped.account, tapped.openid, "请选时间").encode()
    callback.answer = lambda _push: (200, reply)
    answer = tapped.act("menu", path=[0])
    assert answer["reply"] == {"msgtype": "text", "content": "请选时间"}
    (event,) = events(callback)
    assert (event["Event"], event["EventKey"]) == ("CLICK", "book")
    assert [entry["content"] for entry in tapped.inbox()] == ["请选时间"]


def test_a_view_opens_its_page_and_says_so(tapped: Chat, callback: Callback) -> None:
    assert tapped.act("menu", path=[1, 0])["page"] == PAGE
    linked = tapped.act("menu", path=[1, 1])
    assert (linked["page"], linked["miniprogram"]) == (PAGE, {"appid": MINI, "pagepath": "p/i"})
    first, second = events(callback)
    assert (first["Event"], first["EventKey"], first["MenuId"].isdigit()) == ("VIEW", PAGE, True)
    assert (second["Event"], second["EventKey"]) == ("view_miniprogram", "p/i")
    # Neither allows a message: the three of the follow are all there are.
    send = {"touser": tapped.openid, "msgtype": "text", "text": {"content": "x"}}
    assert [tapped.api("/cgi-bin/message/custom/send", send)["errcode"] for _ in range(4)][-1] == 45047


def test_buttons_that_ask_for_something_push_it(tapped: Chat, callback: Callback) -> None:
    picture = base64.b64encode(files.PNG).decode()
    assert tapped.act("menu", path=[2, 0], result="https://a.cn/")["page"] == "https://a.cn/"
    assert "page" not in tapped.act("menu", path=[2, 1], result="https://a.cn/")
    tapped.act("menu", path=[2, 2], file=picture)
    tapped.act("menu", path=[2, 3], latitude=31.2, longitude=121.4, label="徐汇", poiname="医院")
    documents = [wechat.tree(request.body) for request in callback.requests[1:]]

    def text(number: int, path: str) -> str:
        return documents[number].findtext(path) or ""

    kinds = [(text(n, "MsgType"), text(n, "Event"), text(n, "EventKey")) for n in range(len(documents))]
    assert kinds == [
        ("event", "scancode_push", "scancode_push"),
        ("event", "scancode_waitmsg", "scancode_waitmsg"),
        ("event", "pic_sysphoto", "pic_sysphoto"),
        ("image", "", ""),
        ("event", "location_select", "location_select"),
        ("location", "", ""),
    ]
    assert (text(0, "ScanCodeInfo/ScanType"), text(0, "ScanCodeInfo/ScanResult")) == (
        "qrcode",
        "https://a.cn/",
    )
    digest = hashlib.md5(files.PNG, usedforsecurity=False).hexdigest()
    assert text(2, "SendPicsInfo/Count") == "1"
    assert text(2, "SendPicsInfo/PicList/item/PicMd5Sum") == digest
    assert text(3, "MediaId")
    assert text(4, "SendLocationInfo/Location_X") == "31.2"
    assert text(4, "SendLocationInfo/Poiname") == "医院"
    assert text(5, "Label") == "徐汇"


@pytest.mark.parametrize(
    ("path", "status"),
    [([], 400), ([1], 400), ("0", 400), ([0, 0], 404), ([9], 404), ([1, 9], 404), ([-1], 404), ([2, 0], 400)],
)
def test_taps_that_cannot_be(tapped: Chat, path: Any, status: int) -> None:
    assert tapped.try_act("menu", path=path).status_code == status


def test_only_followers_tap(tapped: Chat) -> None:
    tapped.act("unfollow")
    assert tapped.try_act("menu", path=[0]).status_code == 409


def test_a_material_button_shows_it_without_a_push(chat: Chat, callback: Callback) -> None:
    kept = chat.upload("/cgi-bin/material/add_material", files.PNG, type="image")["media_id"]
    chat.api(CREATE, {"button": [{"type": "media_id", "name": "图", "media_id": kept}]})
    chat.act("menu", path=[0])
    (entry,) = chat.inbox()
    assert (entry["msgtype"], entry["media_id"]) == ("image", kept)
    assert events(callback) == []


def test_each_account_has_its_own_menu(chat: Chat, callback: Callback) -> None:
    other = begin_chat(chat.sandbox, callback.url)
    chat.api(CREATE, {"button": [click()]})
    assert other.ask("/cgi-bin/menu/get")["errcode"] == 46003
