"""What the demo's account answers to words: the price, the way, a card, a coupon."""

from __future__ import annotations

import datetime as dt
from typing import Final

from engage.accounts import queries as accounts
from engage.audit.services import OPERATOR
from engage.cli.demo.account import APP_ID
from engage.coupons import queries as coupons
from engage.kernel.db import Session
from engage.replies import queries, services
from engage.replies.rules import CONTAINS, COUPON, EQUAL, KEYWORD, NEWS, TEXT, Content
from engage.replies.services import NewReply

REPLIES: Final = (
    NewReply(
        Content(TEXT, "联系客服请直接留言，工作时间内会尽快回复您。"), EQUAL, ("人工", "客服", "人工客服")
    ),
    NewReply(
        Content(TEXT, '洗牙 198 元起，具体以医生检查为准。\n<a href="{booking}">微信预约</a>'),
        CONTAINS,
        ("价格", "多少钱", "费用", "price"),
    ),
    NewReply(
        Content(TEXT, "各门店每天 9:00 至 18:00 营业，徐汇店可在地下车库停车。"),
        CONTAINS,
        ("营业时间", "几点", "停车"),
    ),
    NewReply(
        Content(NEWS, "选好门店和时间，三十秒约好。", "周末也开诊，欢迎预约", "{booking}"),
        CONTAINS,
        ("预约", "挂号"),
    ),
)
OFFERED: Final = ("优惠", "活动", "券")


def write(session: Session, *, now: dt.datetime) -> None:
    """Write the replies, unless the account has some; the last leads to a coupon that is given online."""
    account_id = accounts.by_app_id(session, APP_ID).id
    if any(rule.kind == KEYWORD for rule in queries.replies(session, account_id)):
        return
    given = coupons.publishable(session)
    for reply in REPLIES:
        services.add(session, account_id, reply, by=OPERATOR, now=now)
    for coupon in given[:1]:
        card = Content(COUPON, "每人一张，到店出示即可使用。", "送您一张券", coupon_id=coupon.id)
        services.add(session, account_id, NewReply(card, CONTAINS, OFFERED), by=OPERATOR, now=now)
