"""The sandbox's file: what survives a restart, and a file of an older schema."""

import logging
import sqlite3
from pathlib import Path

import pytest

from sandbox.state import State
from tests.sandbox import files
from tests.sandbox.conftest import Chat, Sandbox, begin_chat

NOWHERE = "http://127.0.0.1:9/hooks"


def test_messages_menus_codes_media_and_windows_survive_a_restart(tmp_path: Path) -> None:
    sandbox = Sandbox(tmp_path)
    sandbox.start()
    chat = begin_chat(sandbox, NOWHERE)
    code = chat.api(
        "/cgi-bin/qrcode/create",
        {"action_name": "QR_LIMIT_STR_SCENE", "action_info": {"scene": {"scene_str": "door"}}},
    )
    chat.api("/cgi-bin/menu/create", {"button": [{"type": "click", "name": "预约", "key": "book"}]})
    picture = chat.upload("/cgi-bin/media/upload", files.PNG, type="image")["media_id"]
    kf_account = f"amy@{chat.account['username']}"
    chat.api("/customservice/kfaccount/add", {"kf_account": kf_account, "nickname": "x"})
    short_key = chat.api("/cgi-bin/shorten/gen", {"long_data": "x"})["short_key"]
    sandbox.post("/sandbox/sms/send", {"phone": "13900000005", "text": "x"})
    assert _say(chat) == 0
    sandbox.stop()
    sandbox.start()
    try:
        assert [_say(chat) for _ in range(3)] == [0, 0, 45047]  # one of three was used before
        assert [entry["content"] for entry in chat.inbox()] == ["x"] * 3
        assert chat.act("scan", ticket=code["ticket"])["event"] == "SCAN"
        assert chat.ask("/cgi-bin/menu/get")["menu"]["button"][0]["key"] == "book"
        shown = sandbox.http.get(f"{sandbox.url}/sandbox/media/{picture}", timeout=5)
        assert shown.content == files.PNG
        assert len(chat.ask("/cgi-bin/customservice/getkflist")["kf_list"]) == 1
        assert chat.api("/cgi-bin/shorten/fetch", {"short_key": short_key})["long_data"] == "x"
        assert len(sandbox.get("/sandbox/v1/sms", phone="13900000005")) == 1
    finally:
        sandbox.stop()


def _say(chat: Chat) -> int:
    body = {"touser": chat.openid, "msgtype": "text", "text": {"content": "x"}}
    return int(chat.api("/cgi-bin/message/custom/send", body)["errcode"])


def test_a_file_of_another_schema_is_begun_anew(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    path = tmp_path / "state.sqlite"
    State(path).fans.put({"nickname": "x", "fan": "x"})
    assert State(path).fans.get("x")
    connection = sqlite3.connect(path)
    connection.execute("PRAGMA user_version = 1")
    connection.execute("CREATE TABLE gone (x TEXT)")
    connection.close()
    with caplog.at_level(logging.WARNING):
        begun_anew = State(path)
    assert begun_anew.fans.get("x") is None
    assert "older schema" in caplog.text
    begun_anew.fans.put({"nickname": "y", "fan": "y"})
    caplog.clear()
    assert State(path).fans.get("y")
    assert caplog.text == ""


def test_a_reset_forgets_everything() -> None:
    state = State(None)
    state.media.add("wx1", type="image", mime="image/png", content=files.PNG, keeping="permanent")
    state.sms.add("139", text="x", template="", params={})
    code = state.codes.create("wx1", "door", seconds=None)
    state.reset()
    assert state.media.counts("wx1") == {}
    assert state.sms.of("", after=0) == []
    assert state.codes.by_ticket(code.ticket) is None
