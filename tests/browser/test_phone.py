"""The sandbox's desk and phones, looked at by a real browser."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any
from urllib.parse import quote
from xml.etree import ElementTree

import pytest
from playwright.sync_api import Browser, FrameLocator, Page, expect

from tests.browser.pages import (
    ASKS_WHERE,
    DESK,
    PHONE,
    book_first,
    findings,
    opened,
    overflows,
    phone_url,
)
from tests.sandbox.conftest import Callback, Chat, Recorded, Sandbox
from tests.sandbox.conftest import callback as callback  # a fixture
from tests.sandbox.wechat import text_reply
from tests.system import System

pytestmark = [pytest.mark.enable_socket, pytest.mark.timeout(240)]

APP_ID = "wxdemo0000kangmei"
TEMPLATE = {
    "template_id": "t1",
    "title": "预约成功通知",
    "content": "门店:{{thing1.DATA}}\n时间:{{time2.DATA}}",
}
SCREENS = ("chats", "contacts", "discover", "me", "scan", "sms", "people", "new")
MENU = [
    {"name": "预约", "sub_button": [{"type": "click", "name": "我的预约", "key": "MINE"}]},
    {"type": "click", "name": "优惠", "key": "DEALS"},
]


@pytest.fixture(scope="module")
def shared_sandbox(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Sandbox]:
    running = Sandbox(tmp_path_factory.mktemp("phones"))
    running.start()
    yield running
    running.stop()


@pytest.fixture
def sandbox(shared_sandbox: Sandbox) -> Sandbox:
    """A sandbox that knows nobody."""
    shared_sandbox.control("/reset")
    return shared_sandbox


@pytest.fixture
def chat(sandbox: Sandbox, callback: Callback) -> Chat:
    """小红 follows 康美口腔, which answers what people write and tap."""
    sandbox.control("/fans", {"fan": "xiaohong", "nickname": "小红", "phone": "13800000001"})
    fields = {"mode": "plain", "name": "康美口腔", "templates": [TEMPLATE]}
    account = sandbox.account(callback.url, **fields)
    openid = sandbox.control("/fans/xiaohong/follow", {"appid": account["appid"]})["openid"]
    callback.answer = lambda push: _answer(account, push)
    return Chat(sandbox, account, "xiaohong", openid, sandbox.token(account))


def test_two_people_write_at_once_and_each_sees_their_own_answer(chat: Chat, browser: Browser):
    sandbox = chat.sandbox
    sandbox.control("/fans", {"fan": "jianguo", "nickname": "建国"})
    sandbox.control("/fans/jianguo/follow", {"appid": chat.appid})
    errors: list[str] = []
    with opened(browser, DESK, errors=errors) as page:
        _open_desk(page, sandbox)
        _add_phone(page, "建国")
        phones = [_phone(page, fan) for fan in ("xiaohong", "jianguo")]
        for phone, text in zip(phones, ("洗牙多少钱", "种植多少钱"), strict=True):
            phone.get_by_text("康美口腔").first.click()
            phone.locator(".composer input").fill(text)
        for phone in phones:
            phone.locator(".composer input").press("Enter")
        for phone, own, other in zip(phones, ("洗牙", "种植"), ("种植", "洗牙"), strict=True):
            expect(phone.locator(".log")).to_contain_text(f"回复：{own}多少钱")
            expect(phone.locator(".log")).not_to_contain_text(other)
    assert errors == []


def test_two_people_are_logged_in_side_by_side(system: System, browser: Browser):
    for fan in ("anan", "beibei"):
        system.control("POST", "/fans", {"fan": fan, "nickname": fan.title()})
        system.control("POST", f"/fans/{fan}/follow", {"appid": APP_ID})
    with opened(browser, DESK) as page:
        page.goto(f"{system.sandbox}/")
        _wait_for_desk(page)
        frames = []
        for fan, name in (("anan", "安安"), ("beibei", "贝贝")):
            _add_phone(page, fan.title())
            phone = _phone(page, fan)
            phone.get_by_text("康美口腔").first.click()
            phone.locator(".bubble a", has_text="微信预约").last.click()
            phone.locator(ASKS_WHERE).click()
            frames.append(phone.frame_locator("iframe.frame"))
            book_first(frames[-1], system, name)
        for frame in frames:
            expect(frame.locator(".ticket")).to_be_visible()
    for fan in ("anan", "beibei"):
        openid = system.control("GET", f"/fans/{fan}/openid", appid=APP_ID)["openid"]
        assert system.count("appointment a join fan f on f.id = a.fan_id where f.openid = %s", openid) == 1


def test_a_snapshot_visitor_turns_to_the_full_service(system: System, browser: Browser):
    system.control("POST", "/fans", {"fan": "kuaizhao", "nickname": "快照", "snapshot": True})
    page_shown = quote(f"{system.web}/p/kangmei/booking", safe="")
    with opened(browser, PHONE) as page:
        page.goto(f"{phone_url(system, 'kuaizhao')}#/page/{page_shown}")
        page.frame_locator("iframe").get_by_text("使用完整服务").first.wait_for()
        page.get_by_role("button", name="使用完整服务").click()
        page.frame_locator("iframe").get_by_text("徐汇店").first.wait_for()
        expect(page.locator(".snapshot")).to_have_count(0)


@pytest.mark.parametrize("on_desk", [False, True], ids=["own tab", "desk"])
@pytest.mark.parametrize("answer", ["允许", "拒绝"])
def test_consent_is_asked_inside_the_phone(system: System, browser: Browser, on_desk: bool, answer: str):
    fan = f"neu{on_desk:d}{len(answer.encode('gbk'))}{answer == '允许':d}"
    system.control("POST", "/fans", {"fan": fan, "nickname": "新来的"})
    page_shown = quote(f"{system.web}/p/kangmei/me", safe="")
    with opened(browser, DESK if on_desk else PHONE) as page:
        address = phone_url(system, f"{fan}.desk" if on_desk else fan)
        page.goto(f"{address}#/page/{page_shown}")
        shown = page.frame_locator("iframe")
        shown.get_by_role("link", name=answer).click()
        expect(shown.locator(".me h1")).to_be_visible()
        assert (shown.locator(".me h1").text_content() == "新来的") == (answer == "允许")


def test_without_names_for_each_person_there_is_one_phone(chat: Chat, browser: Browser):
    chat.sandbox.control("/fans", {"fan": "jianguo", "nickname": "建国"})
    with opened(browser, DESK) as page:
        page.route("http://desk.localhost:*/**", lambda route: route.abort())
        page.goto(f"{chat.sandbox.url}/")
        page.wait_for_url(f"{chat.sandbox.url}/phone")
        expect(page).to_have_title("微信 · 小红")
        page.get_by_role("link", name="通讯录").click()
        page.get_by_role("link", name="其他手机").click()
        page.get_by_role("button", name="建国").click()
        expect(page).to_have_title("微信 · 建国")


def test_a_banner_tells_of_other_chats(chat: Chat, browser: Browser):
    with opened(browser, PHONE) as page:
        _open(page, chat.sandbox, "discover")
        page.locator(".tabs").wait_for()
        text = {"touser": chat.openid, "msgtype": "text", "text": {"content": "林医生到了"}}
        assert chat.api("/cgi-bin/message/custom/send", text)["errcode"] == 0
        page.get_by_role("button", name="康美口腔 林医生到了").click()
        expect(page.locator(".log")).to_contain_text("林医生到了")


def test_what_arrives_is_shown_without_a_reload(chat: Chat, browser: Browser):
    with opened(browser, PHONE) as page:
        _open(page, chat.sandbox)
        page.locator(".tabs").wait_for()
        data = {"thing1": {"value": "徐汇店"}, "time2": {"value": "2026年11月22日 14:30"}}
        sent = {"touser": chat.openid, "template_id": "t1", "url": "http://127.0.0.1:9/x", "data": data}
        assert chat.api("/cgi-bin/message/template/send", sent)["errcode"] == 0
        expect(page.locator(".cells .badge")).to_contain_text("1")
        page.get_by_text("康美口腔").click()
        card = page.locator("a.card")
        for shown in ("预约成功通知", "门店", "徐汇店", "14:30", "查看详情"):
            expect(card).to_contain_text(shown)
        page.get_by_role("link", name="返回").click()
        expect(page.locator(".tabs")).to_be_visible()
        expect(page.locator(".badge")).to_have_count(0)


def test_all_kinds_of_messages_are_drawn(chat: Chat, browser: Browser):
    chat.act("send", msgtype="text", content="您好")
    menu = {"head_content": "满意吗？", "list": [{"id": "101", "content": "满意"}], "tail_content": "谢谢"}
    article = {"title": "护牙指南", "description": "三分钟", "url": "http://127.0.0.1:9/a", "picurl": ""}
    for kind, body in (
        ("text", {"content": '<b>粗</b> <a href="http://127.0.0.1:9/b">点这里</a>'}),
        ("news", {"articles": [article]}),
        ("msgmenu", menu),
    ):
        sent = chat.api("/cgi-bin/message/custom/send", {"touser": chat.openid, "msgtype": kind, kind: body})
        assert sent["errcode"] == 0
    with opened(browser, PHONE) as page:
        _open(page, chat.sandbox, f"chat/{chat.appid}")
        expect(page.locator(".log")).to_contain_text("<b>粗</b> 点这里")  # no HTML but links
        expect(page.locator(".news h2")).to_have_text("护牙指南")
        page.get_by_role("button", name="满意").click()
        expect(page.locator(".row-mine").last).to_contain_text("满意")
        page.get_by_role("button", name="更多").click()
        page.get_by_role("link", name="位置").click()
        page.get_by_text("徐家汇地铁站").click()
        expect(page.locator(".place")).to_contain_text("徐家汇地铁站")


def test_a_picture_is_sent_and_enlarged(chat: Chat, browser: Browser):
    with opened(browser, PHONE) as page:
        _open(page, chat.sandbox, f"chat/{chat.appid}")
        page.get_by_role("button", name="更多").click()
        with page.expect_file_chooser() as chooser:
            page.get_by_role("button", name="图片").click()
        chooser.value.set_files({"name": "牙.png", "mimeType": "image/png", "buffer": page.screenshot()})
        page.locator(".picture").click()
        picture = page.locator(".viewer img")
        assert picture.evaluate("image => image.decode().then(() => image.naturalWidth)") == PHONE["width"]
        page.go_back()
        expect(page.locator(".picture")).to_be_visible()


def test_the_menu_pops_up_and_answers(chat: Chat, browser: Browser):
    assert chat.api("/cgi-bin/menu/create", {"button": MENU})["errcode"] == 0
    with opened(browser, PHONE) as page:
        _open(page, chat.sandbox, f"chat/{chat.appid}")
        page.get_by_role("button", name="预约", exact=True).click()
        page.keyboard.press("Escape")
        expect(page.get_by_role("button", name="我的预约")).to_be_hidden()
        page.get_by_role("button", name="预约", exact=True).click()
        page.get_by_role("button", name="我的预约").click()
        expect(page.locator(".log")).to_contain_text("回复：MINE")
        page.get_by_role("button", name="切换到键盘").click()
        expect(page.locator(".composer input")).to_be_focused()


def test_scanning_a_picture_of_a_code_follows_its_account(chat: Chat, browser: Browser, callback: Callback):
    scene = {"action_name": "QR_LIMIT_STR_SCENE", "action_info": {"scene": {"scene_str": "lobby"}}}
    ticket = chat.api("/cgi-bin/qrcode/create", scene)["ticket"]
    url = f"{chat.sandbox.url}/cgi-bin/showqrcode"
    code = chat.sandbox.http.get(url, params={"ticket": ticket}, timeout=10).content
    chat.sandbox.control("/fans", {"fan": "jianguo", "nickname": "建国"})
    with opened(browser, PHONE) as page:
        _open(page, chat.sandbox, "scan", fan="jianguo")
        _choose_code(page, page.screenshot())
        expect(page.locator(".scan-status")).to_have_text("这张图里没有找到二维码。")
        _choose_code(page, code)
        expect(page.locator(".bar h1")).to_have_text("康美口腔")
        expect(page.locator(".composer input")).to_be_visible()
    pushed = ElementTree.fromstring(callback.requests[-1].body)  # noqa: S314 the sandbox's own XML
    assert (pushed.findtext("Event"), pushed.findtext("EventKey")) == ("subscribe", "qrscene_lobby")


def test_text_messages_come_to_their_number_only(chat: Chat, browser: Browser):
    chat.sandbox.control("/fans", {"fan": "jianguo", "nickname": "建国", "phone": "13900000002"})
    with opened(browser, PHONE) as mine, opened(browser, PHONE) as other:
        _open(mine, chat.sandbox, "me")
        _open(other, chat.sandbox, "sms", fan="jianguo")
        mine.locator(".tabs").wait_for()
        chat.sandbox.post(
            "/sandbox/sms/send", {"phone": "+8613800000001", "text": "【康美】验证码 482913，请勿告诉他人"}
        )
        expect(mine.locator(".banner")).to_contain_text("482913")
        expect(mine.locator(".tabs .badge")).to_contain_text("1")
        mine.get_by_role("link", name="手机号").click()
        expect(mine.get_by_role("button", name="复制 482913")).to_be_visible()
        expect(other.locator(".view")).to_contain_text("还没有短信发到 13900000002")


def test_a_message_that_failed_is_kept_and_sent_once(chat: Chat, browser: Browser):
    with opened(browser, PHONE) as page:
        _open(page, chat.sandbox, f"chat/{chat.appid}")
        page.route("**/send", lambda route: route.abort())
        page.locator(".composer input").fill("在吗")
        page.locator(".composer input").press("Enter")
        page.locator(".composer input").press("Enter")
        again = page.get_by_role("button", name="没有发出去，点一下重发")
        expect(again).to_have_count(1)
        page.unroute("**/send")
        again.click()
        expect(page.locator(".log")).to_contain_text("回复：在吗")
        expect(page.locator(".row-mine")).to_have_count(1)


def test_the_panel_causes_faults_and_shows_what_came_of_them(chat: Chat, browser: Browser):
    with opened(browser, DESK) as page:
        _open_desk(page, chat.sandbox)
        page.get_by_role("button", name="控制面板").click()
        page.get_by_role("button", name="-1 系统繁忙").click()
        expect(page.locator(".fault")).to_contain_text("-1")
        assert chat.ask("/cgi-bin/getcallbackip")["errcode"] == -1
        expect(page.get_by_text("一切正常。")).to_be_visible()  # it was for once
        page.get_by_label("次数").select_option("直到解除")
        page.get_by_role("button", name="502").click()
        page.get_by_role("button", name="解除 · 502").click()
        expect(page.locator(".fault")).to_have_count(0)
        assert "ip_list" in chat.ask("/cgi-bin/getcallbackip")
        page.get_by_role("tab", name="故障").press("ArrowRight")
        page.get_by_role("button", name="+1 小时").click()
        expect(page.get_by_text("比真实时间快 1 小时")).to_be_visible()
        assert chat.sandbox.get("/sandbox/v1/clock")["offset_seconds"] == 3600
        page.get_by_role("tab", name="调用").click()
        failed = page.locator(".record", has_text="/cgi-bin/getcallbackip").filter(has_text="-1")
        expect(failed).to_have_count(1)
        page.get_by_role("searchbox").fill("no-such-path")
        expect(failed).to_be_hidden()
        page.get_by_role("tab", name="推送").click()
        expect(page.locator(".record", has_text="subscribe")).to_contain_text("小红")


def test_the_desk_remembers_its_phones(sandbox: Sandbox, browser: Browser):
    with opened(browser, DESK) as page:
        _open_desk(page, sandbox)
        blank = _phone(page, "")
        blank.get_by_label("昵称").fill("小红")
        blank.get_by_role("button", name="新建").click()
        expect(page.locator(".seat-name")).to_have_text(["小红"])
        expect(page.locator("#intro")).to_be_visible()
        page.get_by_role("button", name="加一部手机").click()
        page.locator("#new-person").get_by_label("昵称").fill("建国")
        page.locator("#new-person").get_by_role("button").click()
        expect(page.locator(".seat-name")).to_have_text(["小红", "建国"])
        page.reload()
        expect(page.locator(".seat-name")).to_have_text(["小红", "建国"])
        page.get_by_role("button", name="收起这部手机 · 小红").click()
        expect(page.locator(".seat-name")).to_have_text(["建国"])
        page.set_viewport_size(PHONE)
        page.reload()
        page.wait_for_url("**/phone?**")
        expect(page.locator(".tabs")).to_be_visible()


@pytest.mark.parametrize(
    ("locale", "dark"), [("zh-CN", False), pytest.param("en-GB", True, marks=pytest.mark.large)]
)
def test_desk_and_phone_are_accessible(chat: Chat, browser: Browser, locale: str, dark: bool):
    chat.act("send", msgtype="text", content="您好")
    chat.api("/cgi-bin/menu/create", {"button": MENU})
    chat.sandbox.control("/faults", {"effect": {"errcode": -1}, "times": 5})
    problems = []
    with opened(browser, PHONE, locale=locale, dark=dark) as page:
        page.emulate_media(reduced_motion="reduce")  # colours are judged at rest
        for screen in (*SCREENS, f"chat/{chat.appid}", f"account/{chat.appid}", f"place/{chat.appid}"):
            page.goto("about:blank")  # else only the part after # changes, and the old screen is judged
            _open(page, chat.sandbox, screen)
            expect(page.locator("[aria-busy]")).to_have_count(0)
            problems += [f"{screen}: {finding}" for finding in findings(page)]
            if overflows(page):
                problems.append(f"{screen} scrolls sideways")
    with opened(browser, DESK, locale=locale, dark=dark) as page:
        page.emulate_media(reduced_motion="reduce")
        _open_desk(page, chat.sandbox)
        problems += findings(page)
        page.locator("[popovertarget]").click()
        problems += findings(page)
        page.keyboard.press("Escape")
        page.locator("#panel-toggle").click()
        for tab in page.get_by_role("tab").all():
            tab.click()
            problems += [f"panel: {finding}" for finding in findings(page)]
    assert problems == []


def _answer(account: dict[str, Any], push: Recorded) -> tuple[int, bytes]:
    """`回复：` and what was written or tapped."""
    if not push.body:
        return 200, b""
    nodes = ElementTree.fromstring(push.body)  # noqa: S314 the sandbox's own XML
    said = nodes.findtext("Content") or (
        nodes.findtext("EventKey") if nodes.findtext("Event") == "CLICK" else ""
    )
    if not said:
        return 200, b"success"
    return 200, text_reply(account, nodes.findtext("FromUserName") or "", f"回复：{said}").encode()


def _open(page: Page, sandbox: Sandbox, screen: str = "chats", *, fan: str = "xiaohong") -> None:
    page.goto(f"http://{fan}.localhost:{sandbox.port}/phone#/{screen}")


def _open_desk(page: Page, sandbox: Sandbox) -> None:
    page.goto(f"{sandbox.url}/")
    _wait_for_desk(page)


def _wait_for_desk(page: Page) -> None:
    page.wait_for_url("http://desk.localhost:*/**")
    page.locator(".panel-tabs").wait_for(state="attached")


def _add_phone(page: Page, nickname: str) -> None:
    page.get_by_role("button", name="加一部手机").click()
    page.locator("#others").get_by_text(nickname).click()


def _phone(page: Page, fan: str) -> FrameLocator:
    return page.frame_locator(f'.seat[data-fan="{fan}"] iframe')


def _choose_code(page: Page, picture: bytes) -> None:
    with page.expect_file_chooser() as chooser:
        page.locator(".finder").click()
    chooser.value.set_files({"name": "code.jpg", "mimeType": "image/jpeg", "buffer": picture})
