"""`engage demo`: the demo chain (design §6), the same every time, made through services only."""

from __future__ import annotations

import datetime as dt

import click
import requests
from flask import current_app

from engage import config
from engage.accounts import services as account_services
from engage.accounts.rules import callback_url
from engage.app import create_app
from engage.audit.services import OPERATOR
from engage.cli import Refused
from engage.cli.tenants import make_tenant
from engage.clinic import queries as clinic
from engage.clinic import services as clinic_services
from engage.kernel import clock, directory
from engage.kernel.db import Session, tenant_scope, unit_of_work
from engage.tenancy import passwords, queries
from engage.tenancy import services as tenancy
from engage.tenancy.rules import Grant
from engage.wechat.gateway import Credentials, Gateway

PASSWORD = "engage-demo"  # noqa: S105 the demo's, printed on the terminal

APP_ID = "wxdemo0000kangmei"
SECRET = "demo-secret-0000000000000000000000"  # noqa: S105 the sandbox's
TEMPLATE = "demo-appointment-created-0000000000000000000"
FAN = "xiaohong"

STORES = (
    ("xuhui", "康美口腔徐汇店", "徐汇店", "上海市徐汇区淮海中路 999 号 3 楼"),
    ("pudong", "康美口腔浦东店", "浦东店", "上海市浦东新区世纪大道 100 号 2 楼"),
    ("jingan", "康美口腔静安店", "静安店", "上海市静安区南京西路 1266 号 5 楼"),
)
DOCTORS = (
    ("林志远", "主任医师", "xuhui"),
    ("周明慧", "副主任医师", "pudong"),
    ("吴静怡", "主治医师", "jingan"),
)
# Log-in, name, role, store (None: all stores).
STAFF = (
    ("owner", "陈晓", "owner", None),
    ("manager", "赵敏", "manager", None),
    ("marketer", "孙浩", "marketer", None),
    ("desk", "李娜", "desk", "xuhui"),
    ("consultant", "欧阳静", "consultant", None),
    ("agent1", "王磊", "agent", None),
    ("agent2", "刘洋", "agent", None),
    ("doctor1", "林志远", "doctor", "xuhui"),
    ("coordinator", "何佳", "coordinator", None),
    ("chief", "郑国强", "chief", None),
    ("accountant", "钱多", "accountant", None),
)
ROSTER_DAYS = 21
SHIFTS = ((9, 12), (13, 18))


@click.command()
def demo() -> None:
    """Load the demo chain into what runs; loading it again adds only what is missing."""
    settings = config.load()
    if settings.production:
        raise Refused("the demo is not for production")
    with create_app(settings).app_context():
        hashed = passwords.hash_password(PASSWORD)
        kangmei = _tenant(tenancy.NewTenant("kangmei", "康美口腔", "康美口腔"))
        with tenant_scope(kangmei):
            with unit_of_work() as session:
                _clinic(session, now=clock.now())
                _staff(session, STAFF, hashed, now=clock.now())
            with unit_of_work() as session:
                _rosters(session, now=clock.now())
                _account(session, now=clock.now())
        hanbit = _tenant(tenancy.NewTenant("hanbit", "한빛치과", "한빛치과", "Asia/Seoul", "KRW", "#3b5bdb"))
        with tenant_scope(hanbit), unit_of_work() as session:
            _staff(session, (("owner", "김서연", "owner", None),), hashed, now=clock.now())
        _sandbox(settings)
    click.echo("the demo chain is there: 康美口腔 (kangmei), 한빛치과 (hanbit)")


@click.command()
@click.argument("seconds", type=float)
def advance(seconds: float) -> None:
    """Move the clocks of Engage and the sandbox forward together (development)."""
    settings = config.load()
    if settings.production:
        raise Refused("the clock cannot be moved in production")
    clock.use_offset(settings.home / "clock-offset")
    clock.advance(seconds)
    _post(settings, "/clock", {"advance_seconds": seconds})
    click.echo(f"it is now {clock.now():%Y-%m-%d %H:%M:%S} UTC")


def _tenant(new: tenancy.NewTenant) -> int:
    with unit_of_work() as session:
        known = directory.tenant_of(session, "tenant", new.slug)
    return known or make_tenant(new)


def _clinic(session: Session, *, now: dt.datetime) -> None:
    if clinic.stores(session):
        return
    zone = queries.tenant(session).zone
    for position, (slug, name, short_name, address) in enumerate(STORES):
        clinic_services.create_store(
            session,
            slug=slug,
            name=name,
            short_name=short_name,
            address=address,
            zone=zone,
            position=position,
            by=OPERATOR,
            now=now,
        )
    for position, (name, title, _store) in enumerate(DOCTORS):
        clinic_services.create_doctor(
            session, name=name, title=title, position=position, by=OPERATOR, now=now
        )


def _staff(
    session: Session, people: tuple[tuple[str, str, str, str | None], ...], hashed: str, *, now: dt.datetime
) -> None:
    tenant = queries.tenant(session)
    stores = {store.slug: store.id for store in clinic.stores(session)}
    for login, name, role, store in people:
        if queries.by_login(session, f"{login}@{tenant.slug}"):
            continue
        grant = Grant(role, stores[store] if store else None)
        details = tenancy.StaffDetails(login, name, "zh_Hans", frozenset({grant}))
        tenancy.create_staff(session, details, password_hash=hashed, one_time=False, by=OPERATOR, now=now)


def _rosters(session: Session, *, now: dt.datetime) -> None:
    """Give every doctor shifts for the coming weeks, Sundays too: a demo is looked at on any day."""
    stores = {store.slug: store for store in clinic.stores(session)}
    for doctor, (_name, _title, slug) in zip(clinic.doctors(session), DOCTORS, strict=True):
        store = stores[slug]
        today = clock.local(now, store.zone).date()
        for number in range(ROSTER_DAYS):
            begin, end = clock.day_bounds(today + dt.timedelta(days=number), store.zone)
            if clinic.shifts(session, doctor.id, begin=begin, end=end):
                continue
            for opens, closes in SHIFTS:
                clinic_services.add_shift(
                    session,
                    doctor_id=doctor.id,
                    store_id=store.id,
                    starts_at=begin + dt.timedelta(hours=opens),
                    ends_at=begin + dt.timedelta(hours=closes),
                    slot_minutes=30,
                    per_slot=2,
                )


def _account(session: Session, *, now: dt.datetime) -> None:
    if directory.tenant_of(session, "app_id", APP_ID):
        return
    new = account_services.NewAccount(
        app_id=APP_ID,
        slug="kangmei",
        name="康美口腔",
        secret=SECRET,
        token="demotoken",  # noqa: S106 the sandbox's
        encoding_aes_key="abcdefghijklmnopqrstuvwxyz0123456789ABCDEFG",
        welcome='您好，欢迎关注康美口腔。\n<a href="{booking}">微信预约</a>，随时可约。',
        templates={"appointment_created": TEMPLATE},
    )
    account_services.connect(session, new, by=OPERATOR, now=now)


def _sandbox(settings: config.Config) -> None:
    """Make the account known to the sandbox, and a person who follows it."""
    _post(
        settings,
        "/accounts",
        {
            "appid": APP_ID,
            "secret": SECRET,
            "token": "demotoken",
            "encoding_aes_key": "abcdefghijklmnopqrstuvwxyz0123456789ABCDEFG",
            "mode": "safe",
            "name": "康美口腔",
            "callback_url": callback_url(settings.public_url, APP_ID),
            "templates": [
                {
                    "template_id": TEMPLATE,
                    "title": "预约成功通知",
                    "content": "门店：{{thing1.DATA}}\n医生：{{thing2.DATA}}\n时间：{{time3.DATA}}",
                }
            ],
        },
    )
    pages = f"{settings.public_url}/p/kangmei"
    gateway: Gateway = current_app.extensions["wechat"]
    gateway.publish_menu(
        Credentials(APP_ID, SECRET),
        [
            {"type": "view", "name": "微信预约", "url": f"{pages}/booking"},
            {"type": "view", "name": "我的", "url": f"{pages}/me"},
        ],
    )
    _post(settings, "/fans", {"fan": FAN, "nickname": "小红"})
    _post(settings, f"/fans/{FAN}/follow", {"appid": APP_ID})
    _post(settings, f"/accounts/{APP_ID}/verify", {})


def _post(settings: config.Config, path: str, body: dict[str, object]) -> None:
    answer = requests.post(f"{settings.wechat_api_url}/sandbox/v1{path}", json=body, timeout=30)
    if not answer.ok:
        raise Refused(f"the sandbox refused {path}: {answer.text[:200]}")
