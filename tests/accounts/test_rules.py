"""How a push stands, how XML is shown, and what WeChat's refusals of a token mean."""

from __future__ import annotations

import datetime as dt

import pytest
from hypothesis import given
from hypothesis import strategies as st

from engage.accounts import checkup
from engage.accounts.rules import indented, push_state, wrong_text
from engage.wechat.gateway import WeChatError

NOW = dt.datetime(2026, 11, 22, 6, 30, tzinfo=dt.UTC)


@pytest.mark.parametrize(
    ("available_at", "error", "state"),
    [
        (None, None, "done"),
        (NOW, None, "waiting"),
        (NOW, "failed once", "waiting"),
        (None, "given up", "failed"),
    ],
)
def test_a_push_is_done_waiting_or_failed(available_at, error, state):
    assert push_state(available_at=available_at, error=error) == state


@pytest.mark.parametrize(
    ("text", "wrong"),
    [
        ("", ""),
        ("价" * 600, ""),
        ("价" * 601, "At most 600 characters."),
        ("😀" * 512, ""),
        ("😀" * 513, "Too long for WeChat"),
        ("{booking} " * 18, ""),
        ("{booking} " * 19, "Too long for WeChat"),
        ("{nothing} " * 19, ""),
        ("a\n\tb", ""),
        ("a\x00b", "special characters"),
    ],
)
def test_a_text_is_measured_as_it_goes_out(text, wrong):
    assert wrong in wrong_text(text)
    assert bool(wrong_text(text)) == bool(wrong)


def test_xml_has_a_line_to_each_node():
    xml = "<xml><A><![CDATA[<x>]]></A><B/><C>\n<D>1</D> <D></D></C></xml>"
    assert indented(xml).splitlines() == [
        "<xml>",
        "  <A><![CDATA[<x>]]></A>",
        "  <B/>",
        "  <C>",
        "    <D>1</D>",
        "    <D></D>",
        "  </C>",
        "</xml>",
    ]


@given(st.text(alphabet="<>/x![]CDATA \n&"))
def test_nothing_but_space_is_lost_of_what_is_shown(text):
    assert "".join(indented(text).split()) == "".join(text.split())


@pytest.mark.parametrize(
    ("errcode", "errmsg", "sentence"),
    [
        (40013, "invalid appid rid: 1", "does not know this app ID"),
        (40125, "invalid appsecret", "app secret is wrong"),
        (40164, "invalid ip 1.2.3.4 ipv6 ::ffff:1.2.3.4, not in whitelist rid: 1", "from 1.2.3.4. Add"),
        (40164, "invalid ip, not in whitelist", "from this server. Add its IP address"),
        (40243, "secret frozen", "frozen"),
        (-1, "system error", "busy"),
        (45009, "reach max api daily quota limit", "used up"),
        (45011, "api minute-quota reach limit", "busy"),
        (61024, "new to us", "error 61024"),
    ],
)
def test_a_refusal_says_what_to_do(errcode, errmsg, sentence):
    found = checkup.refusal(WeChatError(errcode, errmsg))
    assert not found.is_well
    assert sentence in found.sentence % found.data
