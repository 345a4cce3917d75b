"""What other people's WeChat libraries do works on the sandbox as on WeChat (OA-9).

Each test calls the libraries by their own methods and looks at what the people's phones show, or at what
another call tells. `node-easywechat` has no method for each API: its calls name their path.
"""

from __future__ import annotations

import base64
from urllib.parse import parse_qs, quote, urlsplit

import pytest

from tests.clients.calling import Failed

VALUES = {"thing1": {"value": "徐汇店"}, "time2": {"value": "2026年11月22日 14:30"}}
PAGE = "http://127.0.0.1/p/x"
ARTICLE = {"title": "术后须知", "description": "两小时后进食", "url": PAGE, "picurl": f"{PAGE}.png"}
PNG = base64.b64decode(
    "iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAYAAAAfFcSJAAAADUlEQVR42mNk+M9QDwADhgGAWjR9awAAAABJRU5ErkJggg=="
)
BUTTONS = [
    {"type": "click", "name": "在线客服", "key": "desk"},
    {"name": "服务", "sub_button": [{"type": "view", "name": "预约", "url": PAGE}]},
]


@pytest.fixture
def picture(tmp_path):
    """The path of an image file with a Chinese name."""
    path = tmp_path / "牙片.png"
    path.write_bytes(PNG)
    return str(path)


def tap(scene, *path):
    """The person taps a button of the menu."""
    return scene.sandbox.control(f"/fans/{scene.fan}/menu", {"appid": scene.account["appid"], "path": path})


def scan(scene, url):
    """Somebody who does not follow yet scans a code."""
    return scene.sandbox.control(f"/fans/{scene.sandbox.fan()}/scan", {"url": url})


# Tokens (WeChat §2)


def test_a_token_serves_the_next_call_too(wechatpy, werobot, co_wechat_api):
    for _ in range(2):
        assert wechatpy.api.user.get(wechatpy.openid)["subscribe"] == 1
        assert werobot.api.get_user_info(werobot.openid)["subscribe"] == 1
        assert co_wechat_api.api.getUser(co_wechat_api.openid)["subscribe"] == 1
    for scene in (wechatpy, werobot, co_wechat_api):
        assert (len(scene.calls("/cgi-bin/token")), len(scene.calls("/cgi-bin/user/info"))) == (1, 2)


def test_a_stable_token_stays_until_a_refresh_is_forced(easywechat, library):
    tokens = library("node-easywechat.token", easywechat.account)
    first = tokens.getStableAccessToken()
    assert tokens.getStableAccessToken() == first
    assert tokens.getAccessToken() != first
    easywechat.sandbox.control("/clock", {"advance_seconds": 31})
    assert tokens.getStableAccessToken(True) != first


def test_a_dead_token_is_renewed(wechatpy, co_wechat_api):
    for scene, ask in ((wechatpy, wechatpy.api.user.get), (co_wechat_api, co_wechat_api.api.getUser)):
        ask(scene.openid)
        scene.sandbox.control(f"/accounts/{scene.account['appid']}/tokens/kill")
        assert ask(scene.openid)["subscribe"] == 1
        assert len(scene.calls("/cgi-bin/token")) == 2


@pytest.mark.parametrize(
    ("name", "method"),
    [
        ("wechatpy", "fetch_access_token"),
        ("werobot", "get_access_token"),
        ("co-wechat-api", "getAccessToken"),
    ],
)
def test_an_unknown_account_and_a_wrong_secret_get_no_token(make_scene, library, name, method):
    account = make_scene(name).account
    for wrong, errcode in ({"appid": "wx0000000000000000"}, "40013"), ({"secret": "another"}, "40125"):
        with pytest.raises(Failed, match=errcode):
            getattr(library(name, {**account, **wrong}), method)()


def test_a_stranger_is_refused(wechatpy, werobot, co_wechat_api):
    for send in (
        wechatpy.api.message.send_text,
        werobot.api.send_text_message,
        co_wechat_api.api.sendText,
    ):
        with pytest.raises(Failed, match="40003"):
            send("o" * 28, "您好")


def test_a_used_up_quota_is_told_as_the_libraries_expect(wechatpy, co_wechat_api):
    for scene in (wechatpy, co_wechat_api):
        scene.sandbox.control(f"/accounts/{scene.account['appid']}/limits", {"/cgi-bin/user/info": 1})
    wechatpy.api.user.get(wechatpy.openid)
    with pytest.raises(Failed, match=r"^APILimitedException.*45009"):
        wechatpy.api.user.get(wechatpy.openid)
    co_wechat_api.api.getUser(co_wechat_api.openid)
    with pytest.raises(Failed, match="45009"):
        co_wechat_api.api.getUser(co_wechat_api.openid)


# Customer-service messages (WeChat §3)


def test_texts(wechatpy, werobot, co_wechat_api, easywechat):
    wechatpy.api.message.send_text(wechatpy.openid, "您好")
    werobot.api.send_text_message(werobot.openid, "您好")
    co_wechat_api.api.sendText(co_wechat_api.openid, "您好")
    text = {"touser": easywechat.openid, "msgtype": "text", "text": {"content": "您好"}}
    easywechat.api.postJson("/cgi-bin/message/custom/send", text)
    for scene in (wechatpy, werobot, co_wechat_api, easywechat):
        assert [(entry["kind"], entry["content"]) for entry in scene.inbox()] == [("custom", "您好")]


def test_news(wechatpy, werobot, co_wechat_api):
    wechatpy.api.message.send_articles(wechatpy.openid, [ARTICLE])
    werobot.api.send_article_message(werobot.openid, [ARTICLE])
    co_wechat_api.api.sendNews(co_wechat_api.openid, [ARTICLE])
    for scene in (wechatpy, werobot, co_wechat_api):
        (entry,) = scene.inbox()
        assert entry["articles"] == [ARTICLE]
    with pytest.raises(Failed, match="45008"):
        wechatpy.api.message.send_articles(wechatpy.openid, [ARTICLE, ARTICLE])


def test_a_picture_goes_up_comes_back_and_is_sent(wechatpy, werobot, co_wechat_api, picture):
    uploaded = wechatpy.api.media.upload("image", {"file": picture})["media_id"]
    assert base64.b64decode(wechatpy.api.media.download(uploaded)["body"]) == PNG
    wechatpy.api.message.send_image(wechatpy.openid, uploaded)

    uploaded = werobot.api.upload_media("image", {"file": picture})["media_id"]
    assert base64.b64decode(werobot.api.download_media(uploaded)["body"]) == PNG
    werobot.api.send_image_message(werobot.openid, uploaded)

    uploaded = co_wechat_api.api.uploadMedia(picture, "image")["media_id"]
    assert base64.b64decode(co_wechat_api.api.getMedia(uploaded)["body"]) == PNG
    co_wechat_api.api.sendImage(co_wechat_api.openid, uploaded)

    for scene in (wechatpy, werobot, co_wechat_api):
        (entry,) = scene.inbox()
        assert entry["msgtype"] == "image"
        assert scene.sandbox.http.get(scene.sandbox.url + entry["url"], timeout=5).content == PNG


def test_the_window_closes(wechatpy, co_wechat_api):
    for scene, text in (
        (wechatpy, wechatpy.api.message.send_text),
        (co_wechat_api, co_wechat_api.api.sendText),
    ):
        scene.write("在吗")
        for number in range(5):
            text(scene.openid, f"第 {number} 条")
        with pytest.raises(Failed, match="45047"):
            text(scene.openid, "第六条")
        scene.sandbox.control(f"/fans/{scene.fan}/unfollow", {"appid": scene.account["appid"]})
        with pytest.raises(Failed, match="45015"):
            text(scene.openid, "再见")


def test_staff_of_the_customer_service(werobot, co_wechat_api):
    staff = f"desk@{werobot.account['username']}"
    werobot.api.add_custom_service_account(staff, "小美", "unused")
    assert [one["kf_nick"] for one in werobot.api.get_custom_service_account_list()["kf_list"]] == ["小美"]
    werobot.api.send_text_message(werobot.openid, "您好", staff)
    with pytest.raises(Failed, match="65401"):
        werobot.api.send_text_message(werobot.openid, "您好", f"nobody@{werobot.account['username']}")
    assert [entry["content"] for entry in werobot.inbox()] == ["您好"]

    staff = f"desk@{co_wechat_api.account['username']}"
    co_wechat_api.api.addKfAccount(staff, "小美")
    assert [one["kf_nick"] for one in co_wechat_api.api.getCustomServiceList()["kf_list"]] == ["小美"]
    co_wechat_api.api.deleteKfAccount(staff)
    assert co_wechat_api.api.getCustomServiceList() == {"kf_list": []}


# Template messages (WeChat §4)


def test_templates(wechatpy, werobot, co_wechat_api, easywechat):
    sent = wechatpy.api.message.send_template(wechatpy.openid, "tpl-booked", VALUES, PAGE)
    assert len(str(sent["msgid"])) == 19
    werobot.api.send_template_message(werobot.openid, "tpl-booked", VALUES, PAGE)
    co_wechat_api.api.sendTemplate(co_wechat_api.openid, "tpl-booked", PAGE, "#FF0000", VALUES)
    message = {"touser": easywechat.openid, "template_id": "tpl-booked", "url": PAGE, "data": VALUES}
    easywechat.api.postJson("/cgi-bin/message/template/send", message)
    for scene in (wechatpy, werobot, co_wechat_api, easywechat):
        (card,) = scene.inbox()
        assert (card["kind"], card["title"], card["url"]) == ("template", "预约成功通知", PAGE)
        assert card["lines"] == [
            {"label": "预约门店", "value": "徐汇店"},
            {"label": "预约时间", "value": "2026年11月22日 14:30"},
        ]
    with pytest.raises(Failed, match=r"47003.*data\.time2\.value"):
        werobot.api.send_template_message(
            werobot.openid, "tpl-booked", {**VALUES, "time2": {"value": "明天"}}
        )


def test_the_list_of_templates(wechatpy, co_wechat_api):
    (listed,) = wechatpy.api.template.get_all_private_template()["template_list"]
    assert listed["content"] == "预约门店:{{thing1.DATA}}\n预约时间:{{time2.DATA}}"
    co_wechat_api.api.delPrivateTemplate("tpl-booked")
    assert co_wechat_api.api.getAllPrivateTemplate() == {"template_list": []}
    with pytest.raises(Failed, match="40037"):
        co_wechat_api.api.sendTemplate(co_wechat_api.openid, "tpl-booked", PAGE, "", VALUES)


# QR codes (WeChat §6)


def test_codes_are_made_shown_and_scanned(wechatpy, werobot, co_wechat_api):
    forever = {"action_name": "QR_LIMIT_STR_SCENE", "action_info": {"scene": {"scene_str": "poster-7"}}}
    made = wechatpy.api.qrcode.create(forever)
    assert scan(wechatpy, made["url"])["event"] == "subscribe"
    shown = wechatpy.api.qrcode.show(made["ticket"])
    assert (shown["status"], shown["type"][:6]) == (200, "image/")

    made = werobot.api.create_qrcode({**forever, "action_name": "QR_STR_SCENE", "expire_seconds": 60})
    assert made["expire_seconds"] == 60
    assert scan(werobot, made["url"])["event"] == "subscribe"
    assert base64.b64decode(werobot.api.show_qrcode(made["ticket"])["body"]).startswith(b"\xff\xd8")
    assert werobot.api.show_qrcode("nonsense")["status"] == 404

    made = co_wechat_api.api.createTmpQRCode("poster-8", 600)
    assert scan(co_wechat_api, made["url"])["event"] == "subscribe"
    assert scan(co_wechat_api, co_wechat_api.api.createLimitQRCode(7)["url"])["event"] == "subscribe"
    path = co_wechat_api.api.showQRCodeURL(quote(made["ticket"], safe="")).removeprefix(
        "https://mp.weixin.qq.com"
    )
    assert co_wechat_api.sandbox.http.get(co_wechat_api.sandbox.url + path, timeout=5).status_code == 200


# Menus (WeChat §7)


def test_menus_reach_the_phone(wechatpy, werobot, co_wechat_api):
    wechatpy.api.menu.create({"button": BUTTONS})
    werobot.api.create_menu({"button": BUTTONS})
    co_wechat_api.api.createMenu({"button": BUTTONS})
    for scene, menu in (
        (wechatpy, wechatpy.api.menu.get()),
        (werobot, werobot.api.get_menu()),
        (co_wechat_api, co_wechat_api.api.getMenu()),
    ):
        assert [button["name"] for button in menu["menu"]["button"]] == ["在线客服", "服务"]
        assert tap(scene, 0)["pushed"]["EventKey"] == "desk"
        assert tap(scene, 1, 0)["page"] == PAGE
    wechatpy.api.menu.delete()
    werobot.api.delete_menu()
    co_wechat_api.api.removeMenu()
    with pytest.raises(Failed, match="46003"):
        werobot.api.get_menu()
    with pytest.raises(Failed, match="46003"):
        co_wechat_api.api.getMenu()
    assert wechatpy.api.menu.get_menu_info()["is_menu_open"] == 0


def test_a_menu_for_those_with_a_tag(wechatpy, werobot, co_wechat_api):
    for_members = [{"type": "click", "name": "会员", "key": "members"}]

    wechatpy.api.menu.create({"button": BUTTONS})
    tag = wechatpy.api.tag.create("会员")["id"]
    menu = {"button": for_members, "matchrule": {"tag_id": tag}}
    menuid = wechatpy.api.menu.add_conditional(menu)["menuid"]
    assert tap(wechatpy, 0)["pushed"]["EventKey"] == "desk"
    wechatpy.api.tag.tag_user(tag, wechatpy.openid)
    assert tap(wechatpy, 0)["pushed"]["EventKey"] == "members"
    assert [one["key"] for one in wechatpy.api.menu.try_match(wechatpy.openid)["button"]] == ["members"]
    wechatpy.api.menu.del_conditional(menuid)
    assert tap(wechatpy, 0)["pushed"]["EventKey"] == "desk"

    werobot.api.create_menu({"button": BUTTONS})
    tag = werobot.api.create_tag("会员")["tag"]["id"]
    werobot.api.create_custom_menu(for_members, {"tag_id": tag})
    werobot.api.tag_users(tag, [werobot.openid])
    assert tap(werobot, 0)["pushed"]["EventKey"] == "members"

    co_wechat_api.api.createMenu({"button": BUTTONS})
    tag = co_wechat_api.api.createTags("会员")["tag"]["id"]
    co_wechat_api.api.addConditionalMenu({"button": for_members, "matchrule": {"tag_id": tag}})
    co_wechat_api.api.batchTagging([co_wechat_api.openid], tag)
    assert tap(co_wechat_api, 0)["pushed"]["EventKey"] == "members"


# Users and tags (WeChat §5)


def test_followers_and_remarks(wechatpy, werobot, co_wechat_api):
    wechatpy.api.user.update_remark(wechatpy.openid, "种植牙")
    werobot.api.remark_user(werobot.openid, "种植牙")
    co_wechat_api.api.updateRemark(co_wechat_api.openid, "种植牙")
    for scene, followers, infos in (
        (wechatpy, wechatpy.api.user.get_followers(), wechatpy.api.user.get_batch([wechatpy.openid])),
        (werobot, werobot.api.get_followers(), werobot.api.get_users_info([werobot.openid])),
        (
            co_wechat_api,
            co_wechat_api.api.getFollowers(),
            co_wechat_api.api.batchGetUsers([co_wechat_api.openid]),
        ),
    ):
        assert (followers["total"], followers["data"]["openid"]) == (1, [scene.openid])
        (info,) = infos if isinstance(infos, list) else infos["user_info_list"]
        assert (info["openid"], info["remark"]) == (scene.openid, "种植牙")
        assert "nickname" not in info  # none since the end of 2021, whatever the libraries' documents say
    assert wechatpy.api.user.iter_followers() == [wechatpy.openid]


def test_tags(wechatpy, werobot, co_wechat_api):
    tag = wechatpy.api.tag.create("正畸")["id"]
    wechatpy.api.tag.tag_user(tag, [wechatpy.openid])
    assert wechatpy.api.tag.get_tag_users(tag)["data"]["openid"] == [wechatpy.openid]
    assert wechatpy.api.tag.get_user_tag(wechatpy.openid) == [tag]
    wechatpy.api.tag.update(tag, "隐形正畸")
    assert {"id": tag, "name": "隐形正畸", "count": 1} in wechatpy.api.tag.get()
    wechatpy.api.tag.untag_user(tag, wechatpy.openid)
    assert wechatpy.api.user.get(wechatpy.openid)["tagid_list"] == []
    wechatpy.api.tag.delete(tag)
    assert tag not in [one["id"] for one in wechatpy.api.tag.get()]

    tag = werobot.api.create_tag("正畸")["tag"]["id"]
    werobot.api.tag_users(tag, [werobot.openid])
    assert werobot.api.get_users_by_tag(tag)["data"]["openid"] == [werobot.openid]
    assert werobot.api.get_tags_by_user(werobot.openid) == {"tagid_list": [tag]}
    werobot.api.update_tag(tag, "隐形正畸")
    assert {"id": tag, "name": "隐形正畸", "count": 1} in werobot.api.get_tags()["tags"]
    werobot.api.untag_users(tag, [werobot.openid])
    assert werobot.api.get_user_info(werobot.openid)["tagid_list"] == []
    werobot.api.delete_tag(tag)
    assert tag not in [one["id"] for one in werobot.api.get_tags()["tags"]]

    tag = co_wechat_api.api.createTags("正畸")["tag"]["id"]
    co_wechat_api.api.batchTagging([co_wechat_api.openid], tag)
    assert co_wechat_api.api.getUsersFromTag(tag)["data"]["openid"] == [co_wechat_api.openid]
    assert co_wechat_api.api.getIdList(co_wechat_api.openid) == {"tagid_list": [tag]}
    co_wechat_api.api.updateTag(tag, "隐形正畸")
    assert {"id": tag, "name": "隐形正畸", "count": 1} in co_wechat_api.api.getTags()["tags"]
    co_wechat_api.api.batchUnTagging([co_wechat_api.openid], tag)
    assert co_wechat_api.api.getUser(co_wechat_api.openid)["tagid_list"] == []
    co_wechat_api.api.deleteTag(tag)
    assert tag not in [one["id"] for one in co_wechat_api.api.getTags()["tags"]]


def test_the_blacklist(wechatpy, easywechat):
    wechatpy.api.tag.batch_black_list([wechatpy.openid])
    assert wechatpy.api.tag.get_black_list()["data"]["openid"] == [wechatpy.openid]
    with pytest.raises(Failed, match="43019"):
        wechatpy.api.message.send_text(wechatpy.openid, "您好")
    wechatpy.api.tag.batch_unblack_list([wechatpy.openid])
    wechatpy.api.message.send_text(wechatpy.openid, "您好")

    listed = {"openid_list": [easywechat.openid]}
    easywechat.api.postJson("/cgi-bin/tags/members/batchblacklist", listed)
    blacklist = easywechat.api.postJson("/cgi-bin/tags/members/getblacklist", {"begin_openid": ""})
    assert blacklist["data"]["openid"] == [easywechat.openid]


# Web authorization (WeChat §8)


def code_for(scene, authorize_url):
    """The person opens the library's address on their phone and consents; gives the code that comes back."""
    path = authorize_url.removeprefix("https://open.weixin.qq.com").split("#")[0]
    url = f"{scene.sandbox.url}{path}&sandbox_fan={scene.fan}&sandbox_consent=1"
    answer = scene.sandbox.http.get(url, allow_redirects=False, timeout=5)
    assert answer.status_code == 302, answer.text
    query = parse_qs(urlsplit(answer.headers["Location"]).query)
    return query["code"][0]


def test_web_authorization(wechatpy, library):
    oauth = library("wechatpy.oauth", wechatpy.account)
    tokens = oauth.fetch_access_token(code_for(wechatpy, oauth.authorize_url()))
    assert tokens["openid"] == wechatpy.openid
    assert oauth.get_user_info()["nickname"] == "王小红"
    assert oauth.check_access_token() is True
    assert oauth.refresh_access_token(tokens["refresh_token"])["openid"] == wechatpy.openid

    # node-easywechat's own address has scope before response_type, which WeChat refuses (WeChat §8).
    code = code_for(wechatpy, oauth.authorize_url())
    user = library("node-easywechat.oauth", wechatpy.account).userFromCode(code)
    assert (user["openid"], user["nickname"]) == (wechatpy.openid, "王小红")
    with pytest.raises(Failed, match="40163"):
        oauth.fetch_access_token(code)
