"""The phone page and the calls that only it makes."""

import re
from pathlib import Path

import requests

import sandbox as package
from sandbox.words import WORDS
from tests.sandbox.conftest import Callback, Sandbox

NOWHERE = "http://127.0.0.1:9/hooks"
PACKAGE = Path(package.__file__).parent


def test_each_person_has_a_phone_and_a_cookie(sandbox: Sandbox) -> None:
    fan = sandbox.fan(nickname="王小红")
    host = {"Host": f"{fan}.localhost:{sandbox.port}"}
    page = requests.get(f"{sandbox.url}/phone", headers=host, timeout=5)
    assert page.cookies.get_dict()["sandbox_fan"] == fan
    assert "王小红" in page.text
    assert "script-src" not in page.headers["Content-Security-Policy"]
    assert page.headers["Content-Security-Policy"].startswith("default-src 'self';")
    stranger = requests.get(f"{sandbox.url}/", timeout=5)
    assert "sandbox_fan" not in stranger.cookies
    assert 'data-fan="null"' in stranger.text
    handed = requests.get(f"{sandbox.url}/phone/as/{fan}", timeout=5)
    assert "王小红" in handed.text


def test_pages_hold_no_inline_script_or_style(sandbox: Sandbox) -> None:
    html = requests.get(f"{sandbox.url}/", timeout=5).text
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
    scripts = "".join(file.read_text() for file in (PACKAGE / "static/js").glob("*.js"))
    pages = "".join(file.read_text() for file in (PACKAGE / "templates").glob("*.html"))
    used = set(re.findall(r"\bt\.(\w+)", scripts + pages)) - {"lang"}
    assert used <= set(WORDS)
    assert all(chinese and english for chinese, english in WORDS.values())
    assert not re.search(r"[\u4e00-\u9fff]", scripts + pages)


def test_unread_marks_follow_the_reader(sandbox: Sandbox, callback: Callback) -> None:
    template = {"template_id": "t1", "title": "预约成功通知", "content": "门店:{{thing1.DATA}}"}
    account, fan = sandbox.account(callback.url, name="康美口腔", templates=[template]), sandbox.fan()
    openid = sandbox.control(f"/fans/{fan}/follow", {"appid": account["appid"]})["openid"]
    body = {"touser": openid, "template_id": "t1", "data": {"thing1": {"value": "徐汇店"}}}
    sandbox.post("/cgi-bin/message/template/send", body, access_token=sandbox.token(account))

    def chat() -> dict[str, object]:
        chats = sandbox.get(f"/phone/{fan}/chats")
        return next(chat for chat in chats if chat["appid"] == account["appid"])

    before = chat()
    assert (before["unread"], before["following"], before["name"]) == (1, True, "康美口腔")
    assert before["origin"] == callback.url.removesuffix("/hooks/wechat")
    last = before["last"]
    assert isinstance(last, dict)
    sandbox.post(f"/phone/{fan}/read", {"appid": account["appid"], "seq": last["seq"]})
    assert chat()["unread"] == 0
