"""The register that 康美口腔 took over from its old system: charts without WeChat, families, and doubles."""

from __future__ import annotations

import datetime as dt
from collections.abc import Iterator, Sequence

from engage.audit.services import Actor
from engage.clinic import queries as clinic
from engage.kernel.db import Session
from engage.patients import queries, services
from engage.patients.services import NameParts, NewChart
from engage.tenancy import queries as tenancy

PEOPLE = 140
FIRST_PHONE = 13_910_010_000

SURNAMES = (*"王李张刘陈杨黄吴赵周徐孙朱胡曾单", "欧阳")
GIVEN = (
    ("f", "秀兰"), ("m", "志强"), ("f", "淑珍"), ("m", "建平"), ("f", "雅婷"), ("m", "浩宇"), ("f", "梦瑶"),
    ("m", "俊杰"), ("f", "佳怡"), ("m", "明远"), ("f", "思雨"), ("m", "文斌"), ("f", "丽华"), ("m", "国栋"),
    ("f", "婉清"), ("m", "晓东"), ("f", "欣然"), ("m", "永康"), ("f", "美君"),
)  # fmt: skip
REGIONS = ("31", "31", "31", "32", "33", "31", "34", "31", "36", "other")
MEMOS = {7: "对青霉素过敏。", 19: "怕疼，先做表面麻醉。", 31: "周末来，停车要提前留位。"}

# Who stands in the register a second time under the same phone and birthday, and how their given name is
# written then: it sounds the same.
DOUBLES = {2: "淑贞", 6: "梦遥", 25: "梦谣", 46: "佳宜", 68: "文彬", 110: "小东"}


def take_over(session: Session, *, by: Actor, now: dt.datetime) -> None:
    """Write the register's charts, once."""
    if queries.of_phone(session, queries.phone_of(session, str(FIRST_PHONE))):
        return
    consultant_ids = sorted(tenancy.consultants(session))
    store_ids = [store.id for store in clinic.stores(session)]
    for number, chart in enumerate(_charts(consultant_ids, store_ids)):
        services.create_chart(session, chart, by=by, now=now - dt.timedelta(days=300 - number))


def _charts(consultant_ids: Sequence[int], store_ids: Sequence[int]) -> Iterator[NewChart]:
    for number in range(PEOPLE):
        sex, given = GIVEN[number % len(GIVEN)]
        household = number - number % 4 if number % 4 == 3 else number  # one in four shares a phone
        for name in (given, DOUBLES.get(number)):
            if name is None:
                continue
            yield NewChart(
                name="",
                parts=NameParts(SURNAMES[household % len(SURNAMES)], "", name),
                phone=str(FIRST_PHONE + household * 37),
                sex=sex,
                birth_date=dt.date(1950, 1, 15) + dt.timedelta(days=number * 191),
                region=REGIONS[number % len(REGIONS)],
                email=f"patient{number}@example.com" if number % 5 == 0 else None,
                source="import",
                store_id=store_ids[number % len(store_ids)],
                consultant_id=consultant_ids[number % len(consultant_ids)] if number % 3 == 0 else None,
                on_treatment=number % 9 == 0,
                memo=MEMOS.get(number, ""),
            )
