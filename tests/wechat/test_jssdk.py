"""Signing pages for WeChat's script: the signature, the ticket, and which pages are signed (WeChat §9)."""

from __future__ import annotations

import threading
from concurrent.futures import ThreadPoolExecutor

import pytest

from engage.wechat import jssdk
from engage.wechat.gateway import WeChatError
from tests.wechat.conftest import Reached

PATH = "/cgi-bin/ticket/getticket"


def test_the_signature_is_wechats():
    """The vector of the reference (WeChat §9)."""
    ticket = "sM4AOVdWfPE4DxkXGEs8VMCPGGVi4C3VM0P37wVUCFvkVAy_90u5h9nbSlYy3-Sl-HhTdfl2fzFy1AOcHKP7qg"
    url = "http://mp.weixin.qq.com?params=value"
    told = {"nonce": "Wm3WZYTPz0wzccnW", "timestamp": 1414587457}
    expected = "0f9de62fce790f9a083d5c99e95740ceb90c27ed"
    assert jssdk.signature(ticket, url=url, **told) == expected
    assert jssdk.signature(ticket, url=f"{url}#part", **told) == expected
    assert jssdk.signature(ticket, url=f"{url}&more", **told) != expected


def test_one_ticket_serves_everybody_until_its_end(reached: Reached):
    with ThreadPoolExecutor(8) as pool:
        barrier = threading.Barrier(8)

        def ticket(_number: int) -> str:
            barrier.wait()
            return reached.gateway.page_ticket(reached.account)

        tickets = set(pool.map(ticket, range(8)))
    assert len(tickets) == 1
    assert len(reached.calls(PATH)) == 1


def test_what_is_signed_with_it_is_right_to_wechat(reached: Reached):
    url = "http://127.0.0.1:8000/p/clinic/stores"
    page = jssdk.page_config(
        reached.account.app_id,
        reached.gateway.page_ticket(reached.account),
        nonce="n",
        timestamp=1_790_000_000,
        url=url,
    )
    handed = {
        "appId": page.app_id,
        "timestamp": page.timestamp,
        "nonceStr": page.nonce,
        "signature": page.signature,
    }
    assert reached.sandbox.control("/jssdk/check", {**handed, "url": url}) == {"errMsg": "config:ok"}
    elsewhere = reached.sandbox.control("/jssdk/check", {**handed, "url": f"{url}/1"})
    assert elsewhere["errcode"] == 63002


def test_a_refusal_of_wechat_is_told(reached: Reached):
    fault = {"match": {"path": PATH}, "effect": {"errcode": 48001}, "times": 1}
    reached.sandbox.control("/faults", fault)
    with pytest.raises(WeChatError) as refused:
        reached.gateway.page_ticket(reached.account)
    assert refused.value.errcode == 48001
