"""The phone page and the calls that only it makes."""

import json
import re
from pathlib import Path

import pytest
import requests

import sandbox as package
from sandbox.phone import same_number
from sandbox.words import WORDS
from tests.sandbox.conftest import Callback, Sandbox

PACKAGE = Path(package.__file__).parent
HINTS = {word for word in WORDS if word.startswith("fault_") and word.endswith("_hint")}


@pytest.mark.parametrize("suffix", ["localhost", "desk.localhost"])
def test_each_person_has_a_phone_and_a_cookie(sandbox: Sandbox, suffix: str) -> None:
    fan = sandbox.fan(nickname="王小红")
    host = {"Host": f"{fan}.{suffix}:{sandbox.port}"}
    page = requests.get(f"{sandbox.url}/phone", headers=host, timeout=5)
    assert page.cookies.get_dict()["sandbox_fan"] == fan
    assert "王小红" in page.text
    assert 'data-local="1"' in page.text


def test_without_names_of_its_own_a_phone_is_handed_on(sandbox: Sandbox) -> None:
    fan = sandbox.fan(nickname="王小红")
    stranger = requests.get(f"{sandbox.url}/phone", timeout=5)
    assert "sandbox_fan" not in stranger.cookies
    assert 'data-fan="null"' in stranger.text
    assert 'data-local="0"' in stranger.text
    handed = requests.get(f"{sandbox.url}/phone/as/{fan}", timeout=5)
    assert "王小红" in handed.text
    assert requests.get(f"{sandbox.url}/phone/as/nobody", timeout=5).status_code == 404


def test_only_the_desk_may_frame_a_phone_and_nobody_the_desk(sandbox: Sandbox) -> None:
    policies = {
        path: requests.get(f"{sandbox.url}{path}", timeout=5).headers["Content-Security-Policy"]
        for path in ("/", "/phone")
    }
    assert all(policy.startswith("default-src 'self';") for policy in policies.values())
    assert not any("script-src" in policy or "unsafe" in policy for policy in policies.values())
    assert policies["/"].endswith("frame-ancestors 'none'")
    assert policies["/phone"].endswith("frame-ancestors 'self' http://*.localhost:*")
    framed = requests.get(f"{sandbox.url}/phone", headers={"Sec-Fetch-Dest": "iframe"}, timeout=5)
    assert 'class="framed"' in framed.text


@pytest.mark.parametrize("path", ["/", "/phone"])
def test_pages_hold_no_inline_script_or_style(sandbox: Sandbox, path: str) -> None:
    html = requests.get(sandbox.url + path, timeout=5).text
    assert "<style" not in html
    assert not re.search(r"\sstyle=|\son\w+=", html)
    assert all("src=" in tag for tag in re.findall(r"<script[^>]*>", html))


def test_two_languages(sandbox: Sandbox) -> None:
    english = requests.get(f"{sandbox.url}/", params={"lang": "en"}, timeout=5)
    assert '<html lang="en">' in english.text
    assert english.cookies["sandbox_lang"] == "en"
    chinese = requests.get(f"{sandbox.url}/", headers={"Accept-Language": "zh-CN"}, timeout=5)
    assert '<html lang="zh">' in chinese.text


def test_every_word_used_exists_in_both_languages() -> None:
    scripts = "".join(file.read_text() for file in (PACKAGE / "static/js").rglob("*.js"))
    pages = "".join(file.read_text() for file in (PACKAGE / "templates").glob("*.html"))
    used = set(re.findall(r"\bt\.(\w+)", scripts + pages)) - {"lang"}
    assert used <= set(WORDS)
    assert all(chinese and english for chinese, english in WORDS.values())
    named = set(re.findall(r"\w+", scripts + pages))
    made = ("type_", "notice_", "kind_", "tab_")  # put together while running
    assert {word for word in WORDS if word not in named and not word.startswith(made)} <= HINTS
    assert not re.search(r"[\u4e00-\u9fff]", scripts + pages)


def test_every_icon_used_is_in_the_sprite_and_no_other() -> None:
    listed = set((PACKAGE / "static/icons.txt").read_text().split())
    files = [*(PACKAGE / "static/js").rglob("*.js"), *(PACKAGE / "templates").glob("*.html")]
    text = "".join(file.read_text() for file in files)
    drawn = (
        r"(?:icon|empty|face)\([\"']([a-z0-9-]+)[\"']",
        r"icons\.svg#([a-z0-9-]+)",
        r'symbol: "([a-z0-9-]+)',
    )
    asked = {name for pattern in drawn for name in re.findall(pattern, text)}
    assert asked <= listed
    assert {name for name in listed if not re.search(rf"[\"'#]{name}[\"']", text)} == set()


def test_unread_marks_follow_the_reader(sandbox: Sandbox, callback: Callback) -> None:
    template = {"template_id": "t1", "title": "预约成功通知", "content": "门店:{{thing1.DATA}}"}
    account, fan = sandbox.account(callback.url, name="康美口腔", templates=[template]), sandbox.fan()
    openid = sandbox.control(f"/fans/{fan}/follow", {"appid": account["appid"]})["openid"]
    body = {"touser": openid, "template_id": "t1", "data": {"thing1": {"value": "徐汇店"}}}
    sandbox.post("/cgi-bin/message/template/send", body, access_token=sandbox.token(account))

    def chat() -> dict[str, object]:
        chats = sandbox.get(f"/phone/{fan}/home")["chats"]
        return next(chat for chat in chats if chat["appid"] == account["appid"])

    before = chat()
    assert (before["unread"], before["following"], before["name"]) == (1, True, "康美口腔")
    assert before["origin"] == callback.url.removesuffix("/hooks/wechat")
    last = before["last"]
    assert isinstance(last, dict)
    sandbox.post(f"/phone/{fan}/read", {"appid": account["appid"], "seq": last["seq"]})
    assert chat()["unread"] == 0


def test_a_phone_sees_its_menu_and_its_own_texts(sandbox: Sandbox, callback: Callback) -> None:
    account, fan = sandbox.account(callback.url), sandbox.fan(phone="138 0000 0009")
    menu = {"button": [{"type": "click", "name": "优惠", "key": "DEALS"}]}
    raw = json.dumps(menu, ensure_ascii=False).encode()
    url = f"{sandbox.url}/cgi-bin/menu/create"
    sandbox.http.post(url, data=raw, params={"access_token": sandbox.token(account)}, timeout=5)
    for phone in ("+8613800000009", "+8613900000009"):
        sandbox.post("/sandbox/sms/send", {"phone": phone, "text": f"到 {phone}"})

    def home() -> tuple[list[str], list[str]]:
        told = sandbox.get(f"/phone/{fan}/home")
        chat = next(chat for chat in told["chats"] if chat["appid"] == account["appid"])
        return [button["name"] for button in chat["menu"]], [text["phone"] for text in told["texts"]]

    assert home() == ([], ["+8613800000009"])  # no menu before following
    sandbox.control(f"/fans/{fan}/follow", {"appid": account["appid"]})
    assert home() == (["优惠"], ["+8613800000009"])
    assert sandbox.http.get(f"{sandbox.url}/phone/nobody/home", timeout=5).status_code == 404


@pytest.mark.parametrize(
    ("one", "other", "same"),
    [
        ("13800000001", "+8613800000001", True),
        ("+86 138-0000-0001", "13800000001", True),
        ("13800000001", "13800000002", False),
        ("", "+8613800000001", False),
        ("0001", "+8613800000001", False),
    ],
)
def test_numbers_are_the_same_with_and_without_the_country(one: str, other: str, same: bool) -> None:
    assert same_number(one, other) is same
