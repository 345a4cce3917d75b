"""Template messages (WeChat §4)."""

from collections.abc import Callable
from typing import Any

import pytest

from sandbox import fields
from sandbox.app import create_app
from sandbox.errors import WeChatError
from sandbox.state import State
from sandbox.state.accounts import Template
from tests.sandbox.conftest import Callback, Sandbox

CONTENT = "预约门店:{{thing1.DATA}}\n预约时间:{{time2.DATA}}"
TEMPLATE_ID = "tpl-booked"
VALUES = {"thing1": {"value": "徐汇店"}, "time2": {"value": "2026年11月22日 14:30"}}

Send = Callable[..., Any]


@pytest.fixture
def booked(sandbox: Sandbox, callback: Callback) -> tuple[dict[str, Any], str, str, Send]:
    """A follower of an account with one template, and a way to send it."""
    template = {"template_id": TEMPLATE_ID, "title": "预约成功通知", "content": CONTENT}
    account = sandbox.account(callback.url, mode="plain", templates=[template])
    fan = sandbox.fan()
    openid = sandbox.control(f"/fans/{fan}/follow", {"appid": account["appid"]})["openid"]
    token = sandbox.token(account)

    def send(**change: Any) -> Any:
        body = {"touser": openid, "template_id": TEMPLATE_ID, "data": VALUES, **change}
        return sandbox.post("/cgi-bin/message/template/send", body, access_token=token)

    return account, fan, openid, send


def test_a_send_is_shown_and_its_end_is_pushed(
    sandbox: Sandbox, callback: Callback, booked: tuple[dict[str, Any], str, str, Send]
) -> None:
    account, fan, openid, send = booked
    sent = send(url="http://127.0.0.1/p/x")
    assert (sent["errcode"], sent["errmsg"], len(str(sent["msgid"]))) == (0, "ok", 19)
    (card,) = sandbox.get(f"/sandbox/v1/fans/{fan}/inbox", appid=account["appid"])
    assert card["kind"] == "template"
    assert card["title"] == "预约成功通知"
    assert card["lines"] == [
        {"label": "预约门店", "value": "徐汇店"},
        {"label": "预约时间", "value": "2026年11月22日 14:30"},
    ]
    finish = callback.wait_for(2)[1].body.decode()
    assert "<Event><![CDATA[TEMPLATESENDJOBFINISH]]></Event>" in finish
    assert f"<MsgID>{sent['msgid']}</MsgID>" in finish
    assert "<Status><![CDATA[success]]></Status>" in finish
    assert openid in finish


def test_a_client_msg_id_sends_once(
    sandbox: Sandbox, callback: Callback, booked: tuple[dict[str, Any], str, str, Send]
) -> None:
    _, fan, _, send = booked
    first = send(client_msg_id="booking-7")
    assert send(client_msg_id="booking-7")["msgid"] == first["msgid"]
    assert send(client_msg_id="booking-8")["msgid"] != first["msgid"]
    assert len(sandbox.get(f"/sandbox/v1/fans/{fan}/inbox")) == 2


def test_a_card_shows_no_emoji_and_opens_the_mini_program_first(
    sandbox: Sandbox, booked: tuple[dict[str, Any], str, str, Send]
) -> None:
    _, fan, _, send = booked
    mini = {"appid": "wx0123456789abcdef", "pagepath": "p/i"}
    send(data={**VALUES, "thing1": {"value": "🦷 37℃"}}, url="http://127.0.0.1/p/x", miniprogram=mini)
    send(data={**VALUES, "thing1": {"value": 0}}, miniprogram={"pagepath": "p/i"})
    first, second = sandbox.get(f"/sandbox/v1/fans/{fan}/inbox")
    assert (first["lines"][0]["value"], first["miniprogram"]) == ("□ 37℃", mini)
    assert (second["lines"][0]["value"], second["miniprogram"]) == ("0", None)


def test_refusals(
    sandbox: Sandbox, callback: Callback, booked: tuple[dict[str, Any], str, str, Send]
) -> None:
    account, fan, _, send = booked
    foreign = sandbox.account(callback.url)
    stranger = sandbox.get(f"/sandbox/v1/fans/{fan}/openid", appid=foreign["appid"])["openid"]
    assert send(touser="o" * 28)["errcode"] == 40003
    assert send(touser=stranger)["errcode"] == 40003
    assert send(template_id="")["errcode"] == 40036
    assert send(template_id="another")["errcode"] == 40037
    long_name = {**VALUES, "thing1": {"value": "徐" * 21}}
    refusal = send(data=long_name)
    assert refusal["errcode"] == 47003
    assert refusal["errmsg"].startswith("argument invalid! data.thing1.value invalid rid: ")
    assert "data.time2.value is empty" in send(data={"thing1": {"value": "x"}})["errmsg"]
    sandbox.control(f"/fans/{fan}/unfollow", {"appid": account["appid"]})
    assert send()["errcode"] == 43004
    assert sandbox.get(f"/sandbox/v1/fans/{fan}/inbox") == []
    token = sandbox.token(account)
    url = f"{sandbox.url}/cgi-bin/message/template/send"
    empty = sandbox.http.post(url, params={"access_token": token}, timeout=5).json()
    broken = sandbox.http.post(url, params={"access_token": token}, data="{", timeout=5).json()
    assert (empty["errcode"], broken["errcode"]) == (44002, 47001)


def test_a_test_account_takes_any_value(sandbox: Sandbox, callback: Callback) -> None:
    template = {"template_id": TEMPLATE_ID, "title": "预约成功通知", "content": CONTENT}
    account = sandbox.account(callback.url, kind="test", templates=[template])
    fan = sandbox.fan()
    openid = sandbox.control(f"/fans/{fan}/follow", {"appid": account["appid"]})["openid"]
    body = {"touser": openid, "template_id": TEMPLATE_ID, "data": {"thing1": {"value": "徐" * 40}}}
    sent = sandbox.post("/cgi-bin/message/template/send", body, access_token=sandbox.token(account))
    assert sent["errcode"] == 0
    (card,) = sandbox.get(f"/sandbox/v1/fans/{fan}/inbox")
    assert card["lines"][0]["value"] == "徐" * 19 + "…"


def test_templates_come_from_the_library(sandbox: Sandbox) -> None:
    account = sandbox.account("http://127.0.0.1:9/")
    token = sandbox.token(account)

    def add(short_id: str, *names: str) -> Any:
        body = {"template_id_short": short_id, "keyword_name_list": names}
        return sandbox.post("/cgi-bin/template/api_add_template", body, access_token=token)

    added = add("46201", "预约门店", "预约时间")
    listed = sandbox.get("/cgi-bin/template/get_all_private_template", access_token=token)
    (template,) = listed["template_list"]
    assert template["template_id"] == added["template_id"]
    assert template["content"] == CONTENT
    assert add("TM00001")["errcode"] == 40247
    assert add("46201", "礼品")["errcode"] == 40246
    assert add("1", "礼品")["errcode"] == 40037


@pytest.mark.parametrize(
    ("key", "good", "bad"),
    [
        ("thing1", ["徐汇店 2F", "x" * 20], ["x" * 21]),
        ("character_string2", ["A-77/b"], ["编号7", "x" * 33]),
        (
            "time3",
            ["15:01", "2019年10月1日 15:01", "2026-11-22 09:30~10:30"],
            ["明天", "2019年10月1日", "24:10", "9:60"],
        ),
        ("date4", ["2018-01-01", "2018/01/01", "01-01", "2019年10月1日 15:01"], ["15:01", "下周"]),
        ("amount5", ["¥128.00", "128元", "100"], ["¥1234567890123", "一百"]),
        ("phone_number6", ["+86 138-0013-8000"], ["电话", "1" * 18]),
        ("car_number7", ["粤A12345", "粤AD12345", "粤B1234学"], ["粤A1234567890", "粤A123456学"]),
        ("name8", ["王小红", "Wang Xiaohong"], ["王" * 11, "x" * 21]),
        ("phrase9", ["已完成"], ["13笔", "已经全部完成"]),
        ("number10", ["42"], ["四十二", "1" * 33]),
        ("letter11", ["abc"], ["a1"]),
        ("symbol12", ["#!"], ["######", "a"]),
        ("const13", ["口腔", ""], ["x" * 21]),
        ("keyword1", ["x" * 99], []),
    ],
)
def test_typed_values(key: str, good: list[str], bad: list[str]) -> None:
    template = Template("wx1", "id", "title", f"行:{{{{{key}.DATA}}}}", "")
    for value in good:
        fields.check(template, {key: value})
    for value in bad:
        with pytest.raises(WeChatError, match=rf"argument invalid! data\.{key}\.value invalid"):
            fields.check(template, {key: value})


@pytest.mark.parametrize(
    ("kind", "typed_fields", "errcode"),
    [("production", False, 0), ("production", None, 47003), ("test", True, 47003), ("test", None, 0)],
)
def test_type_checks_are_a_switch(
    sandbox: Sandbox, kind: str, typed_fields: bool | None, errcode: int
) -> None:
    template = {"template_id": TEMPLATE_ID, "title": "预约成功通知", "content": CONTENT}
    switch = {} if typed_fields is None else {"typed_fields": typed_fields}
    account = sandbox.account("http://127.0.0.1:9/", kind=kind, templates=[template], **switch)
    fan = sandbox.fan()
    openid = sandbox.control(f"/fans/{fan}/follow", {"appid": account["appid"]})["openid"]
    body = {"touser": openid, "template_id": TEMPLATE_ID, "data": {"thing1": {"value": "徐" * 40}}}
    sent = sandbox.post("/cgi-bin/message/template/send", body, access_token=sandbox.token(account))
    assert sent["errcode"] == errcode


def test_a_fault_ends_a_send_otherwise(
    sandbox: Sandbox, callback: Callback, booked: tuple[dict[str, Any], str, str, Send]
) -> None:
    account, fan, _, send = booked
    rule = {
        "match": {"appid": account["appid"], "path": "push/TEMPLATESENDJOBFINISH"},
        "effect": {"finish": "failed: system failed"},
        "times": 1,
    }
    sandbox.control("/faults", rule)
    assert send()["errcode"] == 0
    assert "<Status><![CDATA[failed: system failed]]></Status>" in callback.wait_for(2)[1].body.decode()
    assert sandbox.get(f"/sandbox/v1/fans/{fan}/inbox") == []
    send()
    assert "<Status><![CDATA[success]]></Status>" in callback.wait_for(3)[2].body.decode()


@pytest.mark.parametrize("errcode", [43116, 40249])
def test_restricted_templates_are_faults(
    sandbox: Sandbox, booked: tuple[dict[str, Any], str, str, Send], errcode: int
) -> None:
    match = {"appid": booked[0]["appid"], "path": "/cgi-bin/message/template/send"}
    sandbox.control("/faults", {"match": match, "effect": {"errcode": errcode}, "times": 1})
    assert booked[3]()["errcode"] == errcode
    assert booked[3]()["errcode"] == 0


def test_an_account_has_twenty_five_templates(sandbox: Sandbox) -> None:
    token = sandbox.token(sandbox.account("http://127.0.0.1:9/"))

    def call(path: str, **data: Any) -> Any:
        return sandbox.post(f"/cgi-bin/template/{path}", data, access_token=token)

    chosen = {"template_id_short": "46201", "keyword_name_list": ["预约门店"]}
    added = [call("api_add_template", **chosen)["template_id"] for _ in range(25)]
    assert call("api_add_template", **chosen)["errcode"] == 45026
    assert call("del_private_template", template_id=added[0])["errcode"] == 0
    assert call("del_private_template", template_id=added[0])["errcode"] == 40037
    assert call("api_add_template", **chosen)["errcode"] == 0


def test_industries_change_once_a_month_and_drop_old_templates() -> None:
    app = create_app()
    state: State = app.extensions["sandbox.state"]
    old = {"template_id": "old", "title": "旧", "content": "{{first.DATA}}\n时间:{{keyword1.DATA}}"}
    new = {"template_id": "new", "title": "新", "content": CONTENT}
    fields_of_account = {"secret": "s", "token": "t", "mode": "plain", "callback_url": "http://127.0.0.1:9/"}
    state.accounts.put({"appid": "wx1", **fields_of_account, "templates": [old, new]})
    query = {"access_token": state.tokens.issue("wx1")[0]}
    with app.test_client() as client:

        def choose(*codes: object) -> int:
            body = dict(zip(("industry_id1", "industry_id2"), codes, strict=True))
            url = "/cgi-bin/template/api_set_industry"
            return int(client.post(url, json=body, query_string=query).get_json()["errcode"])

        def chosen() -> Any:
            return client.get("/cgi-bin/template/get_industry", query_string=query).get_json()

        assert chosen() == {}
        assert choose("0", "22") == choose("22", "") == 40102
        assert choose("22", 24) == 0
        assert chosen() == {
            "primary_industry": {"first_class": "医药护理", "second_class": "医药医疗"},
            "secondary_industry": {"first_class": "医药护理", "second_class": "保健与卫生"},
        }
        assert [template.template_id for template in state.accounts.templates("wx1")] == ["new"]
        assert choose("22", "23") == 43100
        state.clock.advance(32 * 86400)
        query["access_token"] = state.tokens.issue("wx1")[0]
        assert choose("22", "1") == 0
        assert chosen()["secondary_industry"] == {"first_class": "其它", "second_class": "其它"}


def test_no_message_is_withheld(sandbox: Sandbox) -> None:
    token = sandbox.token(sandbox.account("http://127.0.0.1:9/"))

    def ask(limit: object) -> Any:
        body = {"tmpl_msg_id": "1", "largest_id": 0, "limit": limit}
        return sandbox.post("/wxa/sec/queryblocktmplmsg", body, access_token=token)

    assert ask(100) == {"errcode": 0, "errmsg": "ok", "msginfo": []}
    assert ask(101)["errcode"] == 40035
