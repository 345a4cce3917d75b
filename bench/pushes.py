"""Pushes as WeChat sends them in safe mode: encrypted, signed, in one request."""

from __future__ import annotations

import secrets
import time
from urllib.parse import urlencode

from bench.account import AES_KEY, APP_ID, TOKEN, USERNAME
from sandbox import crypto


def request(xml: str, openid: str, connection: str = "close") -> bytes:
    """Write the request of a push."""
    stamp, nonce = str(int(time.time())), secrets.token_hex(8)
    sealed = crypto.encrypt(AES_KEY, APP_ID, xml)
    query = {
        "signature": crypto.signature(TOKEN, stamp, nonce),
        "timestamp": stamp,
        "nonce": nonce,
        "openid": openid,
        "encrypt_type": "aes",
        "msg_signature": crypto.signature(TOKEN, stamp, nonce, sealed),
    }
    body = (
        f"<xml><ToUserName><![CDATA[{USERNAME}]]></ToUserName><Encrypt><![CDATA[{sealed}]]></Encrypt></xml>"
    )
    head = (
        f"POST /hooks/wechat/{APP_ID}?{urlencode(query)} HTTP/1.1\r\nHost: bench\r\n"
        f"Connection: {connection}\r\nContent-Type: text/xml\r\nContent-Length: {len(body)}\r\n\r\n"
    )
    return (head + body).encode()


def text(words: str, openid: str, message_id: int) -> bytes:
    """Write the push of a message."""
    return request(
        f"<xml><ToUserName><![CDATA[{USERNAME}]]></ToUserName>"
        f"<FromUserName><![CDATA[{openid}]]></FromUserName>"
        f"<CreateTime>{int(time.time())}</CreateTime><MsgType><![CDATA[text]]></MsgType>"
        f"<Content><![CDATA[{words}]]></Content><MsgId>{message_id}</MsgId></xml>",
        openid,
    )
