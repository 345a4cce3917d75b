"""The gateway over HTTP, by wechatpy and, to many, by libcurl: the only package that imports them."""

from __future__ import annotations

from engage.wechat.client.bulk import BulkCalls
from engage.wechat.client.checks import CheckCalls
from engage.wechat.client.messages import MenuCalls, MessageCalls
from engage.wechat.client.people import FanCalls, QrCalls, VisitorCalls
from engage.wechat.gateway import Gateway


class HttpGateway(MessageCalls, BulkCalls, MenuCalls, FanCalls, QrCalls, VisitorCalls, CheckCalls):
    """WeChat's API where it is said to stand: `Gateway` in full, over one pool of connections a process."""


def _is_a_gateway(client: HttpGateway) -> Gateway:
    return client
