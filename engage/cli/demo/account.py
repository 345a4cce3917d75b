"""The official account of 康美口腔, how it words its messages, and the sandbox's side of it."""

from __future__ import annotations

import datetime as dt
import math
from collections.abc import Mapping
from dataclasses import dataclass

from engage import config
from engage.accounts import queries, services
from engage.accounts.rules import callback_url
from engage.audit.services import OPERATOR
from engage.cli.demo.people import FAMILIES, FANS, FOLLOWERS, UNBOUND
from engage.cli.demo.sandbox import ask
from engage.cli.demo.talks import REFUSING
from engage.cli.demo.visits import PAST_DAYS
from engage.fans import queries as fan_queries
from engage.fans import services as fans
from engage.kernel import directory
from engage.kernel.db import Session
from engage.notifications import services as notifications
from engage.notifications.queries import wordings
from engage.replies import services as replies
from engage.replies.rules import TEXT, Content

APP_ID = "wxdemo0000kangmei"
SLUG = "kangmei"
NAME = "康美口腔"
SECRET = "demo-secret-0000000000000000000000"  # noqa: S105 the sandbox's
TOKEN = "demotoken"  # noqa: S105 the sandbox's
AES_KEY = "abcdefghijklmnopqrstuvwxyz0123456789ABCDEFG"
WELCOME = (
    "您好，欢迎关注康美口腔。\n"
    '第一次来，请先<a href="{bind}">绑定手机号</a>，以往的预约都能看到。\n'
    '<a href="{booking}">微信预约</a>，随时可约。'
)


@dataclass(frozen=True, slots=True)
class Wording:
    """A template of the sandbox's account, and what stands in its keys."""

    template_id: str
    title: str
    content: str
    texts: Mapping[str, str]


# What phones call a reminder of a visit, and a time offered from the waiting list.
REMINDER, OFFERED = "预约提醒", "候补空位通知"

WORDINGS: Mapping[str, Wording] = {
    "appointment_created": Wording(
        "demo-appointment-created-0000000000000000000",
        "预约成功通知",
        "门店：{{thing1.DATA}}\n医生：{{thing2.DATA}}\n时间：{{time3.DATA}}\n电话：{{phone_number4.DATA}}",
        {"thing1": "{store}", "thing2": "{doctor|到店安排}", "time3": "{time}", "phone_number4": "{phone}"},
    ),
    "appointment_changed": Wording(
        "demo-appointment-changed-0000000000000000000",
        "预约变更通知",
        "门店：{{thing1.DATA}}\n医生：{{thing2.DATA}}\n改到：{{time3.DATA}}\n提示：{{thing4.DATA}}",
        {
            "thing1": "{store}",
            "thing2": "{doctor|到店安排}",
            "time3": "{time}",
            "thing4": "原来的时间已取消",
        },
    ),
    "appointment_first": Wording(
        "demo-appointment-first-000000000000000000000",
        "预约成功通知",
        "门店：{{thing1.DATA}}\n医生：{{thing2.DATA}}\n时间：{{time3.DATA}}\n到店请找：{{thing4.DATA}}\n请带：{{thing5.DATA}}",
        {
            "thing1": "{store}",
            "thing2": "{doctor|到店安排}",
            "time3": "{time}",
            "thing4": "{ask_for|前台}",
            "thing5": "{bring|身份证}",
        },
    ),
    "appointment_reminder": Wording(
        "demo-appointment-reminder-000000000000000000",
        REMINDER,
        "门店：{{thing1.DATA}}\n医生：{{thing2.DATA}}\n时间：{{time3.DATA}}\n提示：{{thing4.DATA}}",
        {
            "thing1": "{store}",
            "thing2": "{doctor|到店安排}",
            "time3": "{time}",
            "thing4": "点开确认会来，或另约时间",
        },
    ),
    "appointment_declined": Wording(
        "demo-appointment-declined-000000000000000000",
        "预约未通过通知",
        "门店：{{thing1.DATA}}\n时间：{{time2.DATA}}\n提示：{{thing3.DATA}}",
        {"thing1": "{store}", "time2": "{time}", "thing3": "这个时间约不上，请另选时间"},
    ),
    "waiting_offer": Wording(
        "demo-waiting-offer-0000000000000000000000000",
        OFFERED,
        "门店：{{thing1.DATA}}\n医生：{{thing2.DATA}}\n时间：{{time3.DATA}}\n为您保留至：{{thing4.DATA}}",
        {"thing1": "{store}", "thing2": "{doctor|到店安排}", "time3": "{time}", "thing4": "{until}"},
    ),
    "appointment_cancelled": Wording(
        "demo-appointment-cancelled-00000000000000000",
        "预约取消通知",
        "门店：{{thing1.DATA}}\n时间：{{time2.DATA}}\n提示：{{thing3.DATA}}",
        {"thing1": "{store}", "time2": "{time}", "thing3": "需要时可以随时再约"},
    ),
    "bound": Wording(
        "demo-bound-000000000000000000000000000000000",
        "绑定成功通知",
        "公众号：{{thing1.DATA}}\n时间：{{time2.DATA}}\n提示：{{thing3.DATA}}",
        {"thing1": "{account}", "time2": "{time}", "thing3": "预约会通知到这个微信"},
    ),
    "profile_rejected": Wording(
        "demo-profile-rejected-00000000000000000000000",
        "资料未通过通知",
        "公众号：{{thing1.DATA}}\n时间：{{time2.DATA}}\n提示：{{thing3.DATA}}",
        {"thing1": "{account}", "time2": "{time}", "thing3": "点开查看原因，修改后再提交"},
    ),
    "coupon_arrived": Wording(
        "demo-coupon-arrived-0000000000000000000000000",
        "优惠券到账通知",
        "优惠券：{{thing1.DATA}}\n有效期至：{{date2.DATA}}\n提示：{{thing3.DATA}}",
        {"thing1": "{coupon}", "date2": "{valid_until}", "thing3": "点开查看，到店出示即可使用"},
    ),
    "unbound": Wording(
        "demo-unbound-0000000000000000000000000000000",
        "解除绑定通知",
        "公众号：{{thing1.DATA}}\n时间：{{time2.DATA}}\n提示：{{thing3.DATA}}",
        {"thing1": "{account}", "time2": "{time}", "thing3": "不再通知到这个微信"},
    ),
}

EVERYBODY = {**FANS, **FOLLOWERS}

_PHONES = {family.fan: family.phone for family in FAMILIES if family.fan}


def connect(session: Session, *, now: dt.datetime) -> None:
    """Connect the account, unless it is."""
    if directory.tenant_of(session, "app_id", APP_ID):
        return
    new = services.NewAccount(
        app_id=APP_ID,
        slug=SLUG,
        name=NAME,
        secret=SECRET,
        token=TOKEN,
        encoding_aes_key=AES_KEY,
    )
    connected = services.connect(session, new, by=OPERATOR, now=now)
    replies.set_welcome(session, connected.id, Content(TEXT, WELCOME), by=OPERATOR, now=now)


def introduce(settings: config.Config) -> Mapping[str, str]:
    """Make the account and its people known to the sandbox; gives the openid of each person."""
    ask(
        settings,
        "/accounts",
        {
            "appid": APP_ID,
            "secret": SECRET,
            "token": TOKEN,
            "encoding_aes_key": AES_KEY,
            "mode": "safe",
            "name": NAME,
            "callback_url": callback_url(settings.public_url, APP_ID),
            "templates": [
                {"template_id": wording.template_id, "title": wording.title, "content": wording.content}
                for wording in WORDINGS.values()
            ],
        },
    )
    for fan, nickname in EVERYBODY.items():
        ask(settings, "/fans", {"fan": fan, "nickname": nickname, "phone": _PHONES.get(fan, "")})
    return {fan: ask(settings, f"/fans/{fan}/openid?appid={APP_ID}")["openid"] for fan in EVERYBODY}


def recognise(session: Session, openids: Mapping[str, str], *, now: dt.datetime) -> Mapping[str, int]:
    """Give the fans of people of the sandbox, each seen first on a day of the past, those with charts first.

    All but one have shown their name too.
    """
    account, known = queries.by_app_id(session, APP_ID), {}
    for number, (fan, openid) in enumerate(openids.items()):
        # More and more of them, the last ones this week.
        ago = PAST_DAYS * (1 - math.sqrt(number / len(openids)))
        seen_at = now - dt.timedelta(days=ago)
        known[fan] = fans.recognise(session, account.id, openid, now=seen_at)
        if fan != UNBOUND and not fan_queries.fan(session, known[fan]).nickname:
            fans.record_profile(session, known[fan], nickname=EVERYBODY[fan], avatar=None, now=seen_at)
    return known


def is_worded(session: Session) -> bool:
    """Whether the account has the wording of any message."""
    account = queries.by_app_id(session, APP_ID)
    return any(account_id == account.id for account_id, _kind in wordings(session))


def word_messages(session: Session, *, now: dt.datetime) -> None:
    """Switch on the kinds of messages that have no wording yet."""
    account = queries.by_app_id(session, APP_ID)
    known = wordings(session)
    for kind, wording in WORDINGS.items():
        if (account.id, kind) not in known:
            notifications.set_wording(
                session,
                account.id,
                kind,
                template_id=wording.template_id,
                title=wording.title,
                content=wording.content,
                fields=[{"key": key, "text": text} for key, text in wording.texts.items()],
                enabled=True,
                by=OPERATOR,
                now=now,
            )


def open_doors(settings: config.Config) -> None:
    """Let the people follow, and check the callback."""
    for fan in EVERYBODY:
        ask(settings, f"/fans/{fan}/follow", {"appid": APP_ID})
    for fan in REFUSING:
        ask(settings, f"/fans/{fan}/refuse", {"appid": APP_ID})
    ask(settings, f"/accounts/{APP_ID}/verify", {})


def move_clock(settings: config.Config, seconds: float) -> None:
    """Move the sandbox's clock."""
    ask(settings, "/clock", {"advance_seconds": seconds})
