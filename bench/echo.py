"""The reference of P1: Flask and wechatpy check, decrypt, parse and answer, and keep nothing."""

from flask import Flask, Response, request
from wechatpy import parse_message
from wechatpy.crypto import WeChatCrypto
from wechatpy.replies import TextReply

from bench.account import AES_KEY, APP_ID, GREETING, TOKEN

app = Flask(__name__)


@app.post(f"/hooks/wechat/{APP_ID}")
def push() -> Response:
    """Answer a push with a greeting, encrypted."""
    crypto, args = WeChatCrypto(TOKEN, AES_KEY, APP_ID), request.args
    xml = crypto.decrypt_message(request.get_data(), args["msg_signature"], args["timestamp"], args["nonce"])
    reply = TextReply(content=GREETING, message=parse_message(xml))
    sealed = crypto.encrypt_message(reply.render(), args["nonce"], args["timestamp"])
    return Response(sealed, content_type="application/xml")
