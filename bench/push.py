"""P7: a coupon to everybody, with an API that answers after 20 ms, against the best bare design.

Ours is the whole path from the moment a campaign begins: recipients frozen, coupons granted, messages
written, claimed, sent, settled, by two workers. The reference (`bench/bare.py`, two processes) has its
recipients already, on tables without a wall. After each round everybody has one coupon and one message.
"""

from __future__ import annotations

import datetime as dt
import json
import secrets
import subprocess
import sys
import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import psycopg
import requests

from bench import servers
from bench.account import APP_ID
from engage.accounts import queries as accounts
from engage.audit.services import OPERATOR
from engage.campaigns import services as campaigns
from engage.config import ROOT
from engage.coupons import services as coupons
from engage.coupons.rules import CASH, Terms
from engage.kernel import clock, directory, settings
from engage.kernel.db import Session, tenant_scope, unit_of_work
from engage.kernel.embedded import Database
from engage.notifications import services as notifications
from engage.notifications.services import pace

RECIPIENTS, ROUNDS, LATENCY_MS, PATIENCE = 30_000, 3, 20.0, 600.0
GOAL = "P7 0.5 / 0.85"

TABLES = """
    create table bare_recipient (id bigint primary key, openid text not null, state text not null,
        msg_id bigint);
    create index on bare_recipient (id) where state = 'pending';
    create table bare_grant (fan_id bigint primary key, at timestamptz not null default now());
    insert into bare_recipient select id, 'obare-' || lpad(id::text, 22, '0'), 'pending'
        from generate_series(1, %(recipients)s) id;
"""

FANS = """
    insert into fan (tenant_id, account_id, openid, following, first_seen_at, last_seen_at)
    select %(tenant)s, %(account)s, 'obench-' || lpad(n::text, 21, '0'), true, now(), now()
    from generate_series(1, %(recipients)s) n
"""

LEFT = "select count(*) from notification_delivery where subject_id = %s and state <> 'sent'"
TOLD = "select count(*) from notification_delivery where subject_id = %s and state = 'sent'"
HOLD = "select count(distinct fan_id), count(*) from coupon_grant where cause = 'campaign' and cause_id = %s"


@dataclass
class Prepared:
    """What was set up."""

    url: str = ""
    tenant_id: int = 0
    account_id: int = 0
    coupon_id: int = 0


def main() -> None:
    """Print the row."""
    prepared = Prepared()
    ours, bare = [], []
    with (
        servers.stand_in(LATENCY_MS) as api,
        servers.workers(api, seed=lambda database: _prepare(prepared, database)),
        psycopg.connect(prepared.url, autocommit=True) as owner,
    ):
        for _ in range(ROUNDS):
            bare.append(_counted(api, lambda: _bare(prepared, owner, api)))
            ours.append(_counted(api, lambda: _push(prepared, owner)))
    mine, reference = sorted(ours)[ROUNDS // 2], sorted(bare)[ROUNDS // 2]
    print(f"a coupon to {RECIPIENTS} fans, API {LATENCY_MS:.0f} ms; 2 workers against 2 bare processes")
    print(f"{'Engage/s':>12}{'bare/s':>12}{'ratio':>8}   must / stretch")
    print(f"{mine:12.0f}{reference:12.0f}{mine / reference:8.2f}   {GOAL}")
    print(json.dumps({"P7": round(mine / reference, 3), "recipients/s": [round(mine), round(reference)]}))


def _counted(api: str, run: Callable[[], float]) -> float:
    """Run a round; gives recipients a second.

    Raises:
        RuntimeError: not everybody got exactly one message.
    """
    before = requests.get(f"{api}/counts", timeout=10).json()
    rate = RECIPIENTS / run()
    after = requests.get(f"{api}/counts", timeout=10).json()
    got = {name: after[name] - before[name] for name in after}
    if got != {"posts": RECIPIENTS, "messages": RECIPIENTS}:
        raise RuntimeError(f"{RECIPIENTS} were to get one message each: {got}")
    return rate


def _bare(prepared: Prepared, owner: psycopg.Connection[Any], api: str) -> float:
    """Let the reference work; gives the seconds from its first claim to its end."""
    owner.execute("drop table if exists bare_recipient, bare_grant")
    for statement in TABLES.split(";")[:-1]:
        owner.execute(statement % {"recipients": RECIPIENTS})
    owner.execute("vacuum analyze bare_recipient")
    command = [sys.executable, "-m", "bench.bare", prepared.url, api, secrets.token_hex(4)]
    running = [
        subprocess.Popen(command, cwd=ROOT, stdin=subprocess.PIPE, stdout=subprocess.PIPE)
        for _ in range(servers.PROCESSES)
    ]
    for process in running:
        process.stdout.readline()  # it is ready
    begun = time.perf_counter()
    for process in running:
        process.communicate(b"\n")
    return time.perf_counter() - begun


def _push(prepared: Prepared, owner: psycopg.Connection[Any]) -> float:
    """Let a campaign run; gives the seconds from its time until everybody's message is settled."""
    starts_at = clock.now() + dt.timedelta(seconds=2)
    with tenant_scope(prepared.tenant_id), unit_of_work() as work:
        new = campaigns.NewPush("Bench", prepared.coupon_id, prepared.account_id, starts_at)
        campaign_id = campaigns.schedule(work, new, by=OPERATOR, now=clock.now()).id
    while not _one(owner, TOLD, campaign_id):
        _pause(starts_at)
    while _one(owner, TOLD, campaign_id) < RECIPIENTS or _one(owner, LEFT, campaign_id):
        _pause(starts_at)
    # From its own start, not from when the clock, which rings once a second, saw that it was due.
    begun = owner.execute("select started_at from campaign where id = %s", [campaign_id]).fetchone()
    seconds = (clock.now() - begun[0]).total_seconds()
    if (held := owner.execute(HOLD, [campaign_id]).fetchone()) != (RECIPIENTS, RECIPIENTS):
        raise RuntimeError(f"{RECIPIENTS} were to get one coupon each: {held}")
    return seconds


def _one(owner: psycopg.Connection[Any], query: str, campaign_id: int) -> int:
    return int(owner.execute(query, [campaign_id]).fetchone()[0])


def _pause(starts_at: dt.datetime) -> None:
    if (clock.now() - starts_at).total_seconds() > PATIENCE:
        raise RuntimeError("the campaign does not end")
    time.sleep(0.1)


def _prepare(prepared: Prepared, database: Database) -> None:
    """Set up the fans, what they are told and the coupon."""
    with unit_of_work() as work:
        prepared.tenant_id = directory.tenant_of(work, "app_id", APP_ID) or 0
    with tenant_scope(prepared.tenant_id), unit_of_work() as work:
        prepared.account_id = accounts.by_app_id(work, APP_ID).id
        _word(work, prepared.account_id)
        prepared.coupon_id = _coupon(work)
        settings.put(work, pace.PER_SECOND, 50_000)
        settings.put(work, pace.DAILY_QUOTA, 10_000_000)
    prepared.url = database.owner_url.replace("+psycopg", "")
    with psycopg.connect(prepared.url) as owner:
        values = {"tenant": prepared.tenant_id, "account": prepared.account_id, "recipients": RECIPIENTS}
        owner.execute(FANS, values)


def _word(work: Session, account_id: int) -> None:
    notifications.set_wording(
        work,
        account_id,
        "coupon_arrived",
        template_id="bench",
        title="优惠券到账通知",
        content="卡券名称：{{thing1.DATA}}\n有效期至：{{date2.DATA}}",
        fields=[{"key": "thing1", "text": "{coupon}"}, {"key": "date2", "text": "{valid_until}"}],
        enabled=True,
        by=OPERATOR,
        now=clock.now(),
    )


def _coupon(work: Session) -> int:
    new = coupons.NewCoupon("到店礼 50 元", Terms(CASH, amount_minor=50_00, valid_days=30), stock=10**9)
    made = coupons.create(work, new, by=OPERATOR, now=clock.now())
    coupons.publish(work, made.id, online=True, offline=False, by=OPERATOR, now=clock.now())
    return made.id
