"""Followers, remarks, tags, the blacklist, and people who refuse messages (WeChat §5)."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from sandbox.app import create_app
from sandbox.state import State
from tests.sandbox import wechat
from tests.sandbox.conftest import Callback, Sandbox

NOWHERE = "http://127.0.0.1:9/hooks"

Call = Callable[..., Any]


@pytest.fixture
def account(sandbox: Sandbox) -> dict[str, Any]:
    """An account that nobody follows yet."""
    return sandbox.account(NOWHERE)


@pytest.fixture
def call(sandbox: Sandbox, account: dict[str, Any]) -> Call:
    """Posts to an API path with the account's token."""
    token = sandbox.token(account)
    return lambda path, data: sandbox.post(f"/cgi-bin/{path}", data, access_token=token)


def follower(sandbox: Sandbox, account: dict[str, Any], **more: Any) -> str:
    fan = sandbox.fan(**more)
    return str(sandbox.control(f"/fans/{fan}/follow", {"appid": account["appid"]})["openid"])


def stranger(sandbox: Sandbox, account: dict[str, Any]) -> str:
    """Somebody known to the account who does not follow it."""
    found = sandbox.get(f"/sandbox/v1/fans/{sandbox.fan()}/openid", appid=account["appid"])
    return str(found["openid"])


def new_tag(call: Call, name: str = "种植牙") -> int:
    return int(call("tags/create", {"tag": {"name": name}})["tag"]["id"])


def test_followers_are_listed_until_a_page_is_empty(sandbox: Sandbox, account: dict[str, Any]) -> None:
    openids = [follower(sandbox, account) for _ in range(3)]
    stranger(sandbox, account)
    token = sandbox.token(account)

    def page(after: str) -> Any:
        return sandbox.get("/cgi-bin/user/get", access_token=token, next_openid=after)

    assert page("") == {"total": 3, "count": 3, "data": {"openid": openids}, "next_openid": openids[2]}
    assert page(openids[0])["data"]["openid"] == openids[1:]
    assert page(openids[2]) == {"total": 3, "count": 0, "next_openid": ""}
    assert page("o" * 28)["errcode"] == 40003


def test_a_page_holds_ten_thousand() -> None:
    app = create_app()
    state: State = app.extensions["sandbox.state"]
    state.accounts.put(
        {"appid": "wx1", "secret": "s", "token": "t", "mode": "plain", "callback_url": NOWHERE}
    )
    with state.store.transaction():
        for number in range(10_001):
            state.fans.follow("wx1", f"f{number}")
    token, _ = state.tokens.issue("wx1")
    with app.test_client() as client:
        first = client.get("/cgi-bin/user/get", query_string={"access_token": token}).get_json()
        second = client.get(
            "/cgi-bin/user/get", query_string={"access_token": token, "next_openid": first["next_openid"]}
        ).get_json()
    assert (first["total"], first["count"], second["count"]) == (10_001, 10_000, 1)
    assert not set(first["data"]["openid"]) & set(second["data"]["openid"])


def test_people_in_batches(sandbox: Sandbox, account: dict[str, Any], call: Call) -> None:
    openids = [follower(sandbox, account) for _ in range(2)]

    def batch(*asked: str) -> Any:
        return call("user/info/batchget", {"user_list": [{"openid": openid} for openid in asked]})

    assert [info["openid"] for info in batch(*openids)["user_info_list"]] == openids
    assert batch(openids[0], "o" * 28)["errcode"] == 40003
    assert batch(openids[0], stranger(sandbox, account))["errcode"] == 40003
    assert batch()["errcode"] == 40032
    assert batch(*openids * 51)["errcode"] == 40032


@pytest.mark.parametrize(
    ("remark", "errcode"), [("x" * 29, 0), ("王小红九个字是吧呀", 0), ("x" * 30, 40092), ("", 0), (7, 40092)]
)
def test_remarks(sandbox: Sandbox, account: dict[str, Any], call: Call, remark: object, errcode: int) -> None:
    openid = follower(sandbox, account)
    assert call("user/info/updateremark", {"openid": openid, "remark": remark})["errcode"] == errcode
    info = sandbox.get("/cgi-bin/user/info", access_token=sandbox.token(account), openid=openid)
    assert info["remark"] == ("" if errcode else remark)


def test_a_remark_needs_a_follower(sandbox: Sandbox, account: dict[str, Any], call: Call) -> None:
    for openid, errcode in ((stranger(sandbox, account), 43004), ("o" * 28, 40003)):
        assert call("user/info/updateremark", {"openid": openid, "remark": "x"})["errcode"] == errcode


def test_tags_are_made_renamed_counted_and_deleted(
    sandbox: Sandbox, account: dict[str, Any], call: Call
) -> None:
    openid, token = follower(sandbox, account), sandbox.token(account)
    first, second = new_tag(call, "种植牙"), new_tag(call, "正畸")
    assert (first, second) == (100, 101)
    assert call("tags/members/batchtagging", {"openid_list": [openid], "tagid": second})["errcode"] == 0
    assert call("tags/members/batchtagging", {"openid_list": [openid], "tagid": first})["errcode"] == 0
    assert call("tags/update", {"tag": {"id": first, "name": "植牙"}})["errcode"] == 0
    listed = sandbox.get("/cgi-bin/tags/get", access_token=token)["tags"]
    assert listed == [
        {"id": 2, "name": "星标组", "count": 0},
        {"id": first, "name": "植牙", "count": 1},
        {"id": second, "name": "正畸", "count": 1},
    ]
    assert call("tags/getidlist", {"openid": openid}) == {"tagid_list": [second, first]}
    info = sandbox.get("/cgi-bin/user/info", access_token=token, openid=openid)
    assert (info["groupid"], info["tagid_list"]) == (second, [second, first])
    assert call("tags/members/batchuntagging", {"openid_list": [openid], "tagid": second})["errcode"] == 0
    assert call("tags/delete", {"tag": {"id": first}})["errcode"] == 0
    assert call("tags/getidlist", {"openid": openid}) == {"tagid_list": []}


def test_members_of_a_tag(sandbox: Sandbox, account: dict[str, Any], call: Call) -> None:
    openids = [follower(sandbox, account) for _ in range(3)]
    tag_id = new_tag(call)
    call("tags/members/batchtagging", {"openid_list": openids[:2], "tagid": tag_id})
    whole = call("user/tag/get", {"tagid": tag_id})
    assert whole == {"count": 2, "data": {"openid": openids[:2]}, "next_openid": openids[1]}
    assert call("user/tag/get", {"tagid": tag_id, "next_openid": openids[1]}) == {
        "count": 0,
        "next_openid": "",
    }
    assert call("user/tag/get", {"tagid": 999})["errcode"] == 45159


@pytest.mark.parametrize(
    ("path", "tag", "errcode"),
    [
        ("create", {"name": ""}, 45157),
        ("create", {"name": "种植牙"}, 45157),
        ("create", {"name": "星标组"}, 45157),
        ("create", {"name": "x" * 31}, 45158),
        ("create", None, 47001),
        ("update", {"id": 2, "name": "新名"}, 45058),
        ("update", {"id": 999, "name": "新名"}, 45159),
        ("update", {"id": 100, "name": "x" * 31}, 45158),
        ("update", {"id": 100, "name": "种植牙"}, 0),  # its own name
        ("delete", {"id": 0}, 45058),
        ("delete", {"id": 999}, 45159),
    ],
)
def test_refused_tags(call: Call, path: str, tag: object, errcode: int) -> None:
    assert new_tag(call) == 100
    assert call(f"tags/{path}", {"tag": tag})["errcode"] == errcode


def test_an_account_has_a_hundred_tags(call: Call) -> None:
    for number in range(100):
        new_tag(call, f"标签{number}")
    assert call("tags/create", {"tag": {"name": "多一个"}})["errcode"] == 45056


def test_refused_tagging(sandbox: Sandbox, account: dict[str, Any], call: Call) -> None:
    openid, other = follower(sandbox, account), follower(sandbox, sandbox.account(NOWHERE))
    tag_id = new_tag(call)

    def tag(*openids: str, tagid: int = tag_id) -> int:
        return int(
            call("tags/members/batchtagging", {"openid_list": openids, "tagid": tagid}).get("errcode", 0)
        )

    assert tag(openid, tagid=999) == 45159
    assert tag(openid, other) == 49003
    assert tag(openid, "o" * 28) == 40003
    assert tag() == 40032
    assert tag(*[openid] * 51) == 40032
    assert call("tags/getidlist", {"openid": openid}) == {"tagid_list": []}  # all or none of these


def test_twenty_tags_a_person_and_the_others_are_tagged_still(
    sandbox: Sandbox, account: dict[str, Any], call: Call
) -> None:
    full, free, gone = follower(sandbox, account), follower(sandbox, account), stranger(sandbox, account)
    tag_ids = [new_tag(call, f"标签{number}") for number in range(21)]
    for tag_id in tag_ids[:20]:
        assert call("tags/members/batchtagging", {"openid_list": [full], "tagid": tag_id})["errcode"] == 0
    last = {"tagid": tag_ids[20]}
    assert call("tags/members/batchtagging", {"openid_list": [full], **last})["errcode"] == 45059
    assert call("tags/members/batchtagging", {"openid_list": [gone], **last})["errcode"] == 50005
    partly = call("tags/members/batchtagging", {"openid_list": [full, free, gone], **last})
    assert (partly["errcode"], partly["fail_openid_list"]) == (45171, [full, gone])
    assert call("tags/getidlist", {"openid": free}) == {"tagid_list": [tag_ids[20]]}
    # One that the person carries already is no obstacle.
    again = {"openid_list": [full], "tagid": tag_ids[0]}
    assert call("tags/members/batchtagging", again)["errcode"] == 0


def test_the_blacklist(sandbox: Sandbox, account: dict[str, Any], call: Call) -> None:
    openids = [follower(sandbox, account) for _ in range(2)]
    for openid in reversed(openids):
        assert call("tags/members/batchblacklist", {"openid_list": [openid]})["errcode"] == 0
    whole = call("tags/members/getblacklist", {"begin_openid": ""})
    assert whole == {"total": 2, "count": 2, "data": {"openid": openids}, "next_openid": openids[1]}
    after = call("tags/members/getblacklist", {"begin_openid": openids[0]})
    assert after["data"] == {"openid": openids[1:]}
    assert call("tags/members/batchunblacklist", {"openid_list": openids[:1]})["errcode"] == 0
    assert call("tags/members/getblacklist", {"begin_openid": ""})["data"] == {"openid": openids[1:]}
    assert call("tags/members/batchblacklist", {"openid_list": openids * 11})["errcode"] == 40032
    foreign = follower(sandbox, sandbox.account(NOWHERE))
    assert call("tags/members/batchblacklist", {"openid_list": [foreign]})["errcode"] == 49003


def test_the_blacklisted_are_not_heard_and_not_written_to(sandbox: Sandbox, callback: Callback) -> None:
    template = {"template_id": "t1", "title": "一", "content": "门店:{{thing1.DATA}}"}
    account = sandbox.account(callback.url, mode="plain", templates=[template])
    fan, token = sandbox.fan(), sandbox.token(account)
    openid = sandbox.control(f"/fans/{fan}/follow", {"appid": account["appid"]})["openid"]
    sandbox.post("/cgi-bin/tags/members/batchblacklist", {"openid_list": [openid]}, access_token=token)
    said = sandbox.control(f"/fans/{fan}/send", {"appid": account["appid"], "content": "喂"})
    assert (said["attempts"], said["problem"]) == ([], "blacklisted")
    assert len(callback.requests) == 1  # the subscribe event alone
    assert [entry["kind"] for entry in sandbox.get(f"/sandbox/v1/fans/{fan}/inbox", all="1")] == ["sent"]
    body = {"touser": openid, "template_id": "t1", "data": {"thing1": {"value": "x"}}}
    sent = sandbox.post("/cgi-bin/message/template/send", body, access_token=token)
    assert sent["errcode"] == 43019
    sandbox.post("/cgi-bin/tags/members/batchunblacklist", {"openid_list": [openid]}, access_token=token)
    assert sandbox.post("/cgi-bin/message/template/send", body, access_token=token)["errcode"] == 0


def test_who_refuses_gets_nothing_and_the_finish_says_so(sandbox: Sandbox, callback: Callback) -> None:
    template = {"template_id": "t1", "title": "一", "content": "门店:{{thing1.DATA}}"}
    account = sandbox.account(callback.url, mode="plain", templates=[template])
    fan, token = sandbox.fan(), sandbox.token(account)
    openid = sandbox.control(f"/fans/{fan}/follow", {"appid": account["appid"]})["openid"]
    body = {"touser": openid, "template_id": "t1", "data": {"thing1": {"value": "x"}}}

    def send(requests: int) -> str:
        sent = sandbox.post("/cgi-bin/message/template/send", body, access_token=token)
        finish = wechat.nodes(callback.wait_for(requests)[-1].body)
        assert (sent["errcode"], finish["MsgID"]) == (0, str(sent["msgid"]))
        return finish["Status"]

    sandbox.control(f"/fans/{fan}/refuse", {"appid": account["appid"], "refuse": True})
    assert send(2) == "failed:user block"
    assert sandbox.get(f"/sandbox/v1/fans/{fan}/inbox") == []
    sandbox.control(f"/fans/{fan}/refuse", {"appid": account["appid"], "refuse": False})
    assert send(3) == "success"
    assert len(sandbox.get(f"/sandbox/v1/fans/{fan}/inbox")) == 1


def test_what_an_account_knows_survives_a_restart(tmp_path: Path) -> None:
    state = State(tmp_path / "state.sqlite")
    state.fans.follow("wx1", "a")
    openid = state.fans.subscription("wx1", "a").openid
    tag_id = state.tags.create("wx1", "种植牙")
    state.tags.put_on("wx1", openid, tag_id)
    state.fans.set_remark("wx1", openid, "老客户")
    state.fans.set_blacklisted("wx1", [openid], blacklisted=True)
    state.fans.set_refusal("wx1", "a", refuses=True)
    again = State(tmp_path / "state.sqlite")
    tie = again.fans.subscription("wx1", "a")
    assert (tie.remark, tie.blacklisted, tie.refuses) == ("老客户", True, True)
    assert again.tags.of("wx1", openid) == [tag_id]
