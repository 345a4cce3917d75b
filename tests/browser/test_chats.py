"""Conversations in a browser: two agents at once, by keyboard, in four widths, with pictures."""

from __future__ import annotations

import io
import re
import uuid
from collections.abc import Callable, Iterator

import pytest
from PIL import Image
from playwright.sync_api import Browser, Page, expect

from tests.browser.pages import APP_ID, DESK, PHONE, findings, log_in, opened, overflows, someone
from tests.system import System, eventually

pytestmark = [pytest.mark.enable_socket, pytest.mark.timeout(240)]

WIDTHS = (DESK, {"width": 1280, "height": 800}, {"width": 1024, "height": 768}, PHONE)
# Two agents of 康美口腔 who may answer everybody.
LINA, WANG = "agent1@kangmei", "agent2@kangmei"
PASTE = """async () => {
    const canvas = Object.assign(document.createElement('canvas'), { width: 300, height: 200 });
    canvas.getContext('2d').fillRect(0, 0, 300, 200);
    const blob = await new Promise((done) => canvas.toBlob(done, 'image/png'));
    const clipboardData = new DataTransfer();
    clipboardData.items.add(new File([blob], 'pasted.png', { type: 'image/png' }));
    const pasted = new ClipboardEvent('paste', { clipboardData, bubbles: true, cancelable: true });
    document.activeElement.dispatchEvent(pasted);
}"""


def writes(system: System, fan: str, text: str) -> None:
    """Let a fan write to the account."""
    system.control("POST", f"/fans/{fan}/send", {"appid": APP_ID, "msgtype": "text", "content": text})


def said_to(system: System, fan: str) -> str:
    """Give all that stands in a fan's chat."""
    return str(system.control("GET", f"/fans/{fan}/inbox", appid=APP_ID))


@pytest.fixture
def at_desk(system: System, browser: Browser) -> Iterator[Callable[[str], Page]]:
    """Let an agent sit down before the conversations; scripts and styles must pass the content policy."""
    errors: list[str] = []
    places = []

    def sit(login: str) -> Page:
        place = opened(browser, DESK, errors=errors)
        page = place.__enter__()
        places.append(place)
        log_in(page, system, login)
        page.goto(f"{system.web}/console/chats")
        page.locator(".online").wait_for(state="attached")
        return page

    yield sit
    for place in places:
        place.__exit__(None, None, None)
    assert [error for error in errors if "status of 4" not in error and "ERR_FAILED" not in error] == []


def row(page: Page, text: str):
    """Give the row of the queue whose last words these are."""
    return page.locator(".chat-row", has_text=text)


def test_a_message_comes_by_itself_and_the_answer_reaches_the_fan(system: System, at_desk):
    fan, mark = someone(system, "小周"), uuid.uuid4().hex[:8]
    lina, wang = at_desk(LINA), at_desk(WANG)
    writes(system, fan, f"{mark} 牙疼")
    for page in (lina, wang):
        expect(row(page, mark)).to_be_visible()
        expect(row(page, mark).locator(".unread")).to_contain_text("1")
        row(page, mark).click()
        expect(page.locator("#messages")).to_contain_text(f"{mark} 牙疼")
    expect(lina.locator("#words")).to_be_focused()
    lina.keyboard.type("您好，今天下午可以来")
    lina.keyboard.press("Shift+Enter")
    lina.keyboard.type(f"请带身份证 {mark}")
    lina.keyboard.press("Enter")
    expect(lina.locator("#words")).to_have_value("")
    expect(lina.locator(".message.mine.is-sent")).to_have_count(1)
    expect(lina.locator(".message.going")).to_have_count(0)
    expect(lina.locator(".person-facts dd").first).to_have_text(re.compile("王磊"))
    expect(wang.locator(".message.out:not(.mine)")).to_have_count(1)
    expect(wang.locator("#words")).to_be_disabled()
    expect(wang.locator(".talk-notice")).to_be_visible()
    expect(row(wang, f"请带身份证 {mark}").locator(".by-other")).to_be_visible()
    expect(row(lina, f"请带身份证 {mark}").locator(".by-me")).to_be_visible()
    assert "请带身份证" in said_to(system, fan)
    wang.reload()
    expect(wang.locator(".chat-row.current")).to_contain_text("请带身份证")
    lina.locator(".talk-acts form", has=lina.locator("use[href$='#check']")).locator("button").click()
    expect(wang.locator("#words")).to_be_enabled()
    expect(wang.locator(".talk-notice")).to_have_count(0)


def test_the_queue_by_keyboard(system: System, at_desk):
    mark = uuid.uuid4().hex[:8]
    for number in (1, 2):
        writes(system, someone(system, "键盘"), f"{mark}-{number}")
    page = at_desk(LINA)
    expect(page.locator(".chat-link").first).to_contain_text(f"{mark}-2")
    page.keyboard.press("j")
    expect(page.locator(".chat-link").first).to_be_focused()
    page.keyboard.press("j")
    expect(page.locator(".chat-link").nth(1)).to_be_focused()
    page.keyboard.press("k")
    page.keyboard.press("ArrowDown")
    page.keyboard.press("Enter")
    expect(page.locator("#messages")).to_contain_text(f"{mark}-1")
    expect(page.locator(".chat-row.current")).to_contain_text(f"{mark}-1")
    page.keyboard.press("r")
    expect(page.locator("#words")).to_be_focused()
    page.keyboard.type("没写完")
    page.keyboard.press("Escape")
    page.keyboard.press("k")
    page.keyboard.press("Enter")
    expect(page.locator("#messages")).to_contain_text(f"{mark}-2")
    expect(page.locator("#words")).to_have_value("")
    page.keyboard.press("j")
    page.keyboard.press("Enter")
    expect(page.locator("#words")).to_have_value("没写完")
    page.keyboard.press("?")
    expect(page.locator("#keys")).to_be_visible()
    page.keyboard.press("Escape")
    expect(page.locator("#keys")).to_be_hidden()
    page.locator(".queue-tabs a").nth(1).click()
    page.wait_for_url("**/console/chats/*?which=waiting")
    expect(page.locator(".chat-row.current")).to_contain_text(f"{mark}-1")
    page.locator("[data-act] button").first.click()
    expect(page.locator("#talk-state use[href$='#eye-off']")).to_be_attached()
    page.go_back()
    page.wait_for_url("**/console/chats/*")
    expect(page.locator(".chat-row.current .unread")).to_have_count(0)


def test_pictures_are_pasted_looked_at_and_sent(system: System, at_desk):
    fan, mark = someone(system, "图图"), uuid.uuid4().hex[:8]
    writes(system, fan, mark)
    page = at_desk(LINA)
    row(page, mark).click()
    expect(page.locator("#words")).to_be_focused()
    page.evaluate(PASTE)
    expect(page.locator("[data-preview] img")).to_be_visible()
    page.locator("[data-drop]").click()
    expect(page.locator("[data-preview]")).to_be_hidden()
    file = io.BytesIO()
    Image.new("RGB", (800, 500), "teal").save(file, "PNG")
    told = {"name": "tooth.png", "mimeType": "image/png", "buffer": file.getvalue()}
    page.locator("#composer input[type=file]").set_input_files(told)
    page.fill("#words", "请看这张")
    page.keyboard.press("Enter")
    sent = page.locator(".message.mine.is-sent")
    expect(sent).to_have_count(2)
    expect(sent.first.locator("img")).to_have_js_property("naturalWidth", 800)
    expect(page.locator(".message.going")).to_have_count(0)
    sent.first.locator("a").click()
    expect(page.locator("#picture img")).to_be_visible()
    page.keyboard.press("Escape")
    eventually(lambda: "请看这张" in said_to(system, fan))
    wrong = {"name": "a.txt", "mimeType": "text/plain", "buffer": b"text"}
    page.locator("#composer input[type=file]").set_input_files(wrong)
    expect(page.locator(".talk-notice[role=alert]")).to_be_visible()


def test_an_answer_without_a_line_is_kept_and_sent_once(system: System, at_desk):
    fan, mark = someone(system, "断网"), uuid.uuid4().hex[:8]
    writes(system, fan, mark)
    page = at_desk(LINA)
    row(page, mark).click()
    expect(page.locator("#words")).to_be_focused()
    page.route("**/messages", lambda route: route.abort())
    page.keyboard.type(f"回复{mark}")
    page.keyboard.press("Enter")
    again = page.locator(".going .again")
    expect(again).to_be_visible()
    page.unroute("**/messages")
    again.click()
    expect(page.locator(".message.mine.is-sent")).to_have_count(1)
    expect(page.locator(".going")).to_have_count(0)
    assert said_to(system, fan).count(f"回复{mark}") == 1


def test_older_messages_come_by_scrolling_and_what_is_read_stays(system: System, at_desk):
    fan, mark = someone(system, "话多"), uuid.uuid4().hex[:8]
    for number in range(48):
        writes(system, fan, f"{mark} 第{number}句")
    page = at_desk(LINA)
    row(page, mark).click()
    expect(page.get_by_text(f"{mark} 第47句").last).to_be_in_viewport()
    expect(page.locator("#messages > li")).to_have_count(40)
    page.evaluate("document.querySelector('#messages-frame').scrollTop = 0")
    expect(page.locator("#messages > li")).to_have_count(48)
    page.evaluate("document.querySelector('#messages-frame').scrollTop = 400")
    writes(system, fan, f"{mark} 最后一句")
    expect(page.locator("[data-to-end]")).to_be_visible()
    assert page.evaluate("document.querySelector('#messages-frame').scrollTop") == 400
    page.locator("[data-to-end]").click()
    expect(page.locator("#messages").get_by_text(f"{mark} 最后一句")).to_be_in_viewport()
    expect(page.locator("[data-to-end]")).to_be_hidden()


def test_who_leaves_cannot_be_written_to_until_they_are_back(system: System, at_desk):
    fan, mark = someone(system, "来去"), uuid.uuid4().hex[:8]
    writes(system, fan, mark)
    page = at_desk(LINA)
    row(page, mark).click()
    page.locator("#words").fill("没写完")
    system.control("POST", f"/fans/{fan}/unfollow", {"appid": APP_ID})
    expect(page.locator("#words")).to_be_disabled()
    expect(page.locator(".person-mark.tone-waiting")).to_be_visible()
    system.control("POST", f"/fans/{fan}/follow", {"appid": APP_ID})
    expect(page.locator("#words")).to_be_enabled()
    expect(page.locator("#words")).to_have_value("没写完")


def test_what_is_not_sent_yet_stays_on_the_way_back_and_forth(system: System, at_desk):
    mark = uuid.uuid4().hex[:8]
    writes(system, someone(system, "来回"), mark)
    page = at_desk(LINA)
    page.set_viewport_size(PHONE)
    row(page, mark).click()
    page.locator("#words").fill("没写完")
    page.locator(".talk-back").click()
    page.wait_for_url("**/console/chats")
    expect(row(page, mark).locator("a")).to_be_focused()
    expect(page).to_have_title(re.compile("会话"))
    page.go_back()
    expect(page.locator("#words")).to_have_value("没写完")
    page.locator("#words").fill("快写完了")
    page.go_back()
    expect(page.locator("#queue")).to_be_visible()
    expect(page.locator("#open.nothing")).to_be_attached()
    page.go_forward()
    expect(page.locator("#words")).to_have_value("快写完了")
    expect(page.locator("#messages")).to_contain_text(mark)


@pytest.mark.parametrize("dark", [pytest.param(False, marks=pytest.mark.large), True])
def test_every_width_is_whole_and_passes_axe(system: System, browser: Browser, dark: bool):
    mark = uuid.uuid4().hex[:8]
    writes(
        system,
        someone(system, "很长很长的名字" * 4),
        f"{mark} {'很长的一句话' * 30} https://example.com/{'x' * 200}",
    )
    problems = []
    with opened(browser, DESK, dark=dark) as page:
        log_in(page, system, LINA)
        page.goto(f"{system.web}/console/chats")
        row(page, mark).click()
        page.locator("#messages li").first.wait_for()
        address = page.url
        for size in WIDTHS:
            page.set_viewport_size(size)
            for url in (address, f"{system.web}/console/chats?which=mine"):
                page.goto(url)
                problems += [f"{size['width']} {url}: {found}" for found in findings(page)]
                problems += [f"{size['width']} {url} scrolls sideways"] if overflows(page) else []
            page.goto(address)
            send = page.locator("#composer [type=submit]")
            expect(send).to_be_in_viewport(ratio=1)
        expect(page.locator("#queue")).to_be_hidden()
        page.locator(".person-open").click()
        expect(page.locator(".person-name")).to_be_visible()
        page.keyboard.press("Escape")
        page.locator(".talk-back").click()
        expect(page.locator("#queue")).to_be_visible()
    assert problems == []
