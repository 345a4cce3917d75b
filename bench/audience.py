"""P11: who of 1,000,000 fans is meant, counted and frozen, against hand-written SQL on int[] and GIN.

Tag A and not B and one sex and six regions. Ours is the statement of `audiences.queries`, on fans, tags and
persons in tables of their own, behind row-level security as the role `engage_app`. The reference has one
table with an array of tags, without a wall. Both freeze whom they find in the rows of a campaign, and
both must find the same fans.
"""

from __future__ import annotations

import datetime as dt
import json
import time
from collections.abc import Callable
from typing import Any

import psycopg
import sqlalchemy as sa

from bench import servers
from bench.account import APP_ID
from engage.accounts import queries as accounts
from engage.audiences import queries
from engage.audiences.filters import Filter
from engage.audit.services import OPERATOR
from engage.campaigns import services as campaigns
from engage.campaigns.models import Campaign
from engage.campaigns.services import starting
from engage.coupons import services as coupons
from engage.coupons.rules import CASH, Terms
from engage.kernel import clock, directory
from engage.kernel.db import Session, tenant_scope, unit_of_work
from engage.kernel.embedded import Database

FANS, ROUNDS = 1_000_000, 9
REGIONS = ("11", "31", "32", "33", "44", "51")
GOALS = {"count": "P11 2 / 1.2", "freeze": "P11 1.5 / 1.2"}

# Every fifth fan has tag 1, every tenth tag 2, and of six others each three in ten. Half are women.
SEED = (
    """
    insert into fan (tenant_id, account_id, openid, following, first_seen_at, last_seen_at)
    select %(tenant)s, %(account)s, 'obench-' || lpad(n::text, 21, '0'), random() < 0.97,
           now() - random() * interval '700 days', now() - random() * interval '90 days'
      from generate_series(1, %(fans)s) n
    """,
    "insert into tag_group (tenant_id, name, position, version) values (%(tenant)s, 'Bench', 1, 1)",
    """
    insert into tag (tenant_id, group_id, name, position, version)
    select tenant_id, id, 'Tag ' || n, n, 1 from tag_group, generate_series(1, 8) n
     where tenant_id = %(tenant)s
    """,
    """
    insert into fan_tag (tenant_id, tag_id, fan_id, added_at, how)
    select tenant_id, tag.id, fan.id, now(), 'hand' from fan join tag using (tenant_id)
     where tenant_id = %(tenant)s
       and random() + 0 * fan.id < case tag.position when 1 then 0.2 when 2 then 0.1 else 0.3 end
    """,
    """
    insert into audience_person (tenant_id, fan_id, sex, region, birth_month)
    select tenant_id, id, case when random() < 0.5 then 'f' else 'm' end,
           (%(regions)s::text[])[1 + floor(random() * 34)], 1 + floor(random() * 12)
      from fan where tenant_id = %(tenant)s
    """,
    """
    create table bare_fan as
    select fan.id, fan.account_id, fan.following, coalesce(has.tags, '{}') as tags, sex, region
      from fan join audience_person who on (who.tenant_id, who.fan_id) = (fan.tenant_id, fan.id)
      left join (select fan_id, array_agg(tag_id::int) as tags from fan_tag group by fan_id) has
        on has.fan_id = fan.id
     where fan.tenant_id = %(tenant)s
    """,
    "alter table bare_fan add primary key (id)",
    "create index on bare_fan using gin (tags)",
    "vacuum analyze fan, fan_tag, audience_person, bare_fan",
)

MEANT = """
    from bare_fan where following and tags @> array[%(a)s::int] and not tags @> array[%(b)s::int]
     and sex = 'f' and region = any(%(regions)s)
"""
COUNT = f"select count(*) {MEANT}"
FREEZE = f"""
    insert into campaign_recipient (tenant_id, campaign_id, fan_id, account_id, state)
    select %(tenant)s, %(campaign)s, id, account_id, 'pending' {MEANT} order by id
"""
ALL_REGIONS = [str(number) for number in range(11, 45)]


class Bench:
    """Both candidates on one database, and the fans they are asked of."""

    def __init__(self, database: Database) -> None:
        """Make fans, tags and persons, the reference's table, and a coupon to give."""
        self.owner = psycopg.connect(database.owner_url.replace("+psycopg", ""), autocommit=True)
        with unit_of_work() as work:
            self.tenant_id = directory.tenant_of(work, "app_id", APP_ID) or 0
        with tenant_scope(self.tenant_id), unit_of_work() as work:
            account_id = accounts.by_app_id(work, APP_ID).id
            self.coupon_id = _coupon(work)
        values = {"tenant": self.tenant_id, "account": account_id, "fans": FANS, "regions": list(_regions())}
        for statement in SEED:
            self.owner.execute(statement, values if "%(" in statement else None)
        tags = self.owner.execute("select id from tag where position <= 2 order by position").fetchall()
        self.a, self.b = (row[0] for row in tags)
        self.asked = Filter(
            tags_all=frozenset({self.a}),
            tags_none=frozenset({self.b}),
            sexes=frozenset({"f"}),
            regions=frozenset(REGIONS),
        )

    def count(self) -> tuple[float, int]:
        """Count by our statement; gives the seconds in the database and how many."""
        with tenant_scope(self.tenant_id), unit_of_work() as work:
            work.execute(sa.select(sa.func.now()))
            begun = time.perf_counter()
            found = queries.count(work, self.asked, now=clock.now())
            return time.perf_counter() - begun, found

    def bare_count(self) -> tuple[float, int]:
        """Count by hand."""
        begun = time.perf_counter()
        found = self.owner.execute(COUNT, self._values()).fetchone()[0]
        return time.perf_counter() - begun, found

    def freeze(self) -> tuple[float, int]:
        """Freeze by our statement, the one with which a campaign begins."""
        with tenant_scope(self.tenant_id), unit_of_work(statement_ms=60_000) as work:
            campaign = work.get_one(Campaign, (self.tenant_id, self._plan()))
            begun = time.perf_counter()
            starting.freeze(work, campaign, now=clock.now())
            work.flush()
            seconds = time.perf_counter() - begun
            return seconds, self._frozen(work, campaign.id)

    def bare_freeze(self) -> tuple[float, int]:
        """Freeze by hand, into the same table."""
        campaign_id = self._plan()
        with self.owner.transaction():
            begun = time.perf_counter()
            found = self.owner.execute(FREEZE, {**self._values(), "campaign": campaign_id}).rowcount
            return time.perf_counter() - begun, found

    def _values(self) -> dict[str, Any]:
        return {"tenant": self.tenant_id, "a": self.a, "b": self.b, "regions": list(REGIONS)}

    def _plan(self) -> int:
        with tenant_scope(self.tenant_id), unit_of_work() as work:
            starts_at = clock.now() + dt.timedelta(days=1)
            new = campaigns.NewPush("Bench", self.coupon_id, None, starts_at, self.asked)
            return campaigns.schedule(work, new, by=OPERATOR, now=clock.now()).id

    def _frozen(self, work: Session, campaign_id: int) -> int:
        rows = sa.text("select count(*) from campaign_recipient where campaign_id = :id")
        return int(work.execute(rows, {"id": campaign_id}).scalar_one())


def main() -> None:
    """Print the row."""
    servers.within(_measure)


def _measure(database: Database) -> None:
    bench = Bench(database)
    print(f"of {FANS} fans: tag A, not B, one sex, {len(REGIONS)} regions; milliseconds")
    print(f"{'':>8}{'Engage':>10}{'by hand':>10}{'ratio':>8}{'fans':>9}   must / stretch")
    told = {}
    for name, ours, bare in (
        ("count", bench.count, bench.bare_count),
        ("freeze", bench.freeze, bench.bare_freeze),
    ):
        mine, reference, found = _compared(ours, bare)
        told[name] = round(mine / reference, 3)
        figures = f"{mine * 1000:10.1f}{reference * 1000:10.1f}{told[name]:8.2f}{found:9}"
        print(f"{name:>8}{figures}   {GOALS[name]}")
    print(json.dumps({"P11": told}))


def _compared(
    ours: Callable[[], tuple[float, int]], bare: Callable[[], tuple[float, int]]
) -> tuple[float, float, int]:
    """Let both take turns; gives the middle time of each, and how many they found.

    Raises:
        RuntimeError: they did not find the same number.
    """
    mine, reference = [], []
    for _ in range(ROUNDS):
        seconds, by_hand = bare()
        reference.append(seconds)
        seconds, found = ours()
        mine.append(seconds)
        if found != by_hand:
            raise RuntimeError(f"{found} found, {by_hand} by hand")
    return sorted(mine)[ROUNDS // 2], sorted(reference)[ROUNDS // 2], found


def _regions() -> tuple[str, ...]:
    return tuple(dict.fromkeys([*REGIONS, *ALL_REGIONS]))[:34]


def _coupon(work: Session) -> int:
    new = coupons.NewCoupon("到店礼 50 元", Terms(CASH, amount_minor=50_00, valid_days=30))
    made = coupons.create(work, new, by=OPERATOR, now=clock.now())
    coupons.publish(work, made.id, online=True, offline=False, by=OPERATOR, now=clock.now())
    return made.id
