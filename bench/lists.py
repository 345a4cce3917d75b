"""P16: the console's lists with 1,000,000 fans and 10,000,000 messages: the server's time for a page.

Each page is asked of the application itself as the role `engage_app`, log-in and template included,
network left out: the first page, one further back, and what filters leave, from most to nobody.
"""

from __future__ import annotations

import json
import re
import statistics
import time
from collections.abc import Mapping
from typing import Final

import psycopg
from flask import current_app
from flask.testing import FlaskClient

from bench import servers
from bench.account import APP_ID
from engage.accounts import queries as accounts
from engage.audit.services import OPERATOR
from engage.blueprints import guard
from engage.clinic import queries as clinic
from engage.kernel import clock, directory, sealing
from engage.kernel.db import tenant_scope, unit_of_work
from engage.kernel.embedded import Database
from engage.tenancy import services as tenancy
from engage.tenancy.rules import Grant

FANS: Final = 1_000_000
MESSAGES: Final = 10_000_000
CONVERSATIONS: Final = 200_000
SENT: Final = 1_000_000
ROUNDS: Final = 40
GOAL_MS: Final = (300, 100)
NOBODYS: Final = "none"
NAMES: Final = ("小红", "静水流深", "阿杰", "Lucy", "豆豆妈", "一叶知秋", "大海", "木子")

# Tag 1 is on every fifth fan, tag 2 on one of ten thousand. A fan in ten belongs to a store.
SEED: Final = """
    select setseed(0.16);
    insert into fan (tenant_id, account_id, openid, following, first_seen_at, last_seen_at, nickname,
                     store_id)
    select %(tenant)s, %(account)s, 'obench-' || lpad(n::text, 21, '0'), random() < 0.95,
           now() - interval '90 days' - random() * interval '700 days', now() - random() * interval '90 days',
           (%(names)s::bytea[])[1 + n %% %(kinds)s], case when random() < 0.1 then %(store)s::bigint end
      from generate_series(1, %(fans)s) n;
    insert into tag_group (tenant_id, name, position, version) values (%(tenant)s, 'Bench', 1, 1);
    insert into tag (tenant_id, group_id, name, position, version)
    select %(tenant)s, tag_group.id, 'Tag ' || n, n, 1
      from tag_group, generate_series(1, 3) n where tag_group.tenant_id = %(tenant)s;
    insert into fan_tag (tenant_id, tag_id, fan_id, added_at, how)
    select %(tenant)s, tag.id, fan.id, now(), 'hand'
      from fan join tag using (tenant_id)
     where tenant_id = %(tenant)s
       and random() + 0 * fan.id < case tag.position when 1 then 0.2 when 2 then 0.0001 else 0 end;
    insert into audience_person (tenant_id, fan_id, sex, region, birth_month)
    select %(tenant)s, id, case when random() < 0.5 then 'f' else 'm' end,
           (array['11', '31', '33', '44', '62'])[1 + floor(random() * 5)], 1 + floor(random() * 12)
      from fan where tenant_id = %(tenant)s;
    insert into conversation (tenant_id, account_id, fan_id, seq, touched_at, last_at, last_in_seq,
                              answered_seq, waiting_since, window_left)
    select %(tenant)s, %(account)s, id, %(each)s, last_seen_at, last_seen_at, %(each)s,
           case when n %% 100 = 0 then 0 else %(each)s end, case when n %% 100 = 0 then last_seen_at end, 0
      from (select id, last_seen_at, row_number() over (order by id) n from fan
             where tenant_id = %(tenant)s order by id limit %(conversations)s) talked;
    insert into chat_message (tenant_id, conversation_id, seq, changed_seq, direction, kind, text, data,
                              state, at, queue)
    select %(tenant)s, conversation.id, n, n, 'in', 'text', (%(names)s::bytea[])[1 + n %% %(kinds)s], '{}',
           'received', conversation.last_at - (%(each)s - n) * interval '1 hour', 'chats'
      from conversation, generate_series(1, %(each)s) n where tenant_id = %(tenant)s;
    insert into notification_delivery (tenant_id, kind, channel, subject_id, subject_version, account_id,
                                       fan_id, template_id, fields, title, page, state, created_at, sent_at,
                                       queue)
    select %(tenant)s, case when id %% 3 = 0 then 'coupon_arrived' else 'appointment_created' end, 'template',
           id, 1, %(account)s, id, 't', '{}', 'Bench', '',
           case when id %% 5000 = 0 then 'failed' else 'sent' end, last_seen_at, last_seen_at, 'messages'
      from fan where tenant_id = %(tenant)s order by id limit %(sent)s;
"""
TABLES: Final = (
    "fan",
    "fan_tag",
    "audience_person",
    "conversation",
    "chat_message",
    "notification_delivery",
)


def main() -> None:
    """Make the rows and print the figures."""
    servers.within(_measure)


def _measure(database: Database) -> None:
    with unit_of_work() as session:
        tenant_id = directory.tenant_of(session, "tenant", "bench")
    if tenant_id is None:
        raise RuntimeError("the benchmark's chain is missing")
    begun = time.monotonic()
    with tenant_scope(tenant_id):
        _seed(database.owner_url.replace("+psycopg", ""), tenant_id)
        client = _browser(tenant_id)
    print(f"{FANS:,} fans and {MESSAGES:,} messages written in {time.monotonic() - begun:.0f} s")
    figures = {name: _time(client, path) for name, path in _pages(client).items()}
    for name, (half, most) in figures.items():
        print(f"{name:36} p50 {half:6.1f} ms   p95 {most:6.1f} ms")
    worst = max(most for _, most in figures.values())
    print(json.dumps({"worst p95 ms": round(worst, 1), "P16 goal ms": GOAL_MS}))


def _seed(url: str, tenant_id: int) -> None:
    with unit_of_work() as session:
        account_id = accounts.by_app_id(session, APP_ID).id
        stores = clinic.stores(session)
    values = {
        "tenant": tenant_id,
        "account": account_id,
        "names": [sealing.seal(name) for name in NAMES],
        "kinds": len(NAMES),
        "store": stores[0].id if stores else None,
        "fans": FANS,
        "conversations": CONVERSATIONS,
        "each": MESSAGES // CONVERSATIONS,
        "sent": SENT,
    }
    with psycopg.connect(url, autocommit=True, cursor_factory=psycopg.ClientCursor) as owner:
        for statement in SEED.split(";\n"):
            if statement.strip():
                owner.execute(statement, values)
        for table in TABLES:
            owner.execute(f"vacuum analyze {table}")


def _browser(tenant_id: int) -> FlaskClient:
    """Give the browser of an owner who is logged in."""
    now = clock.now()
    with unit_of_work() as session:
        details = tenancy.StaffDetails("bench", "Bench", "zh_Hans", frozenset({Grant("owner", None)}))
        person = tenancy.create_staff(
            session, details, password_hash=NOBODYS, one_time=False, by=OPERATOR, now=now
        )
        token = tenancy.finish_login(session, person.id, browser="Bench", now=now)
    client = current_app.test_client()
    client.set_cookie(guard.staff_cookie(), guard.cookie_value(tenant_id, token))
    return client


def _pages(client: FlaskClient) -> Mapping[str, str]:
    """Give what is asked for, by its name."""
    tags = re.findall(r"/console/tags/(\d+)\"", client.get("/console/tags").text)
    often, seldom, never = sorted(set(tags), key=int)[:3]
    fans = "/console/fans"
    return {
        "fans": fans,
        "fans, newest first": f"{fans}?order=new",
        "fans, the page after": _after(client, fans),
        "fans with a frequent tag": f"{fans}?tag={often}",
        "fans with a rare tag": f"{fans}?tag={seldom}",
        "fans with a tag that nobody has": f"{fans}?tag={never}",
        "fans without a frequent tag": f"{fans}?tag_none={often}",
        "fans by sex, region and tag": f"{fans}?sex=f&region=31&tag={often}",
        "fans who left": f"{fans}?follow=no",
        "fans silent for half a year": f"{fans}?contacted=before.180",
        "fans with a patient": f"{fans}?bound=yes",
        "fans: how many": f"{fans}/count",
        "fans: how many have a tag": f"{fans}/count?tag={often}",
        "tags": "/console/tags",
        "conversations, all": "/console/chats?which=all",
        "conversations, waiting": "/console/chats?which=waiting",
        "patients": "/console/people",
        "messages sent": "/console/messages",
        "messages sent that failed": "/console/messages?state=failed",
        "journal": "/console/journal",
    }


def _after(client: FlaskClient, path: str) -> str:
    found = re.search(r'id="page-older" rel="next" href="([^"]+)"', client.get(path).text)
    return found[1].replace("&amp;", "&") if found else path


def _time(client: FlaskClient, path: str) -> tuple[float, float]:
    """Give the median and the 95th of a hundred in milliseconds."""
    took = []
    for _ in range(ROUNDS):
        begun = time.perf_counter()
        answer = client.get(path)
        took.append((time.perf_counter() - begun) * 1000)
        if answer.status_code != 200:
            raise RuntimeError(f"{path} answered {answer.status_code}")
    took = took[len(took) // 10 :]  # the first ones warm caches
    return statistics.median(took), statistics.quantiles(took, n=20)[18]
