"""P1, P2, P3: WeChat's callback in safe mode: signature, AES, dedupe, fan, journal, encrypted reply.

Every push is a follow by one of `FANS` people and is answered with the welcome. The clinic knows them
before, and its tables are analysed, as autovacuum does within its minute: PostgreSQL's plans for a table that
it takes for empty are those of a system that was set up a moment ago.
"""

from __future__ import annotations

import json
import os
import secrets
import time
from contextlib import AbstractContextManager, ExitStack

import psycopg

from bench import load, pushes, servers
from bench.account import APP_ID, USERNAME
from bench.servers import Address
from engage.accounts import queries as accounts
from engage.fans import services as fans
from engage.kernel import clock, directory
from engage.kernel.db import tenant_scope, unit_of_work
from engage.kernel.embedded import Database

FANS = 2_000
ROUNDS, REQUESTS, CONNECTIONS = 5, 2_000, 16
OPEN_SECONDS, OPEN_CONNECTIONS = 20, 64
OPEN_RATES = (500, 1_000)
# WeChat's pushes come from a fleet of hosts: a connection each is the shape to expect.
SHAPES = {"a connection each": False, "kept connections": True}
GOALS = {"echo": "P1 0.45 / 0.65", "WeRoBot": "P2 1.5 / 2.3"}


def _engage(
    *, processes: int = servers.PROCESSES, core: int | None = None
) -> AbstractContextManager[Address]:
    return servers.engage(processes=processes, core=core, seed=_know_fans)


CANDIDATES = {"echo": servers.echo, "Engage": _engage, "WeRoBot": servers.werobot}


def main() -> None:
    """Print the three rows."""
    figures: dict[str, object] = {}
    for name, keep_alive in SHAPES.items():
        outcomes = _closed(keep_alive=keep_alive)
        ours = outcomes["Engage"].rate
        print(f"callback, closed loop of {CONNECTIONS}, {name}; 2 processes of 8 threads")
        print(f"{'candidate':12}{'answers/s':>12}{'not 200':>10}{'Engage ÷ it':>14}   must / stretch")
        for candidate, outcome in outcomes.items():
            row = f"{candidate:12}{outcome.rate:12.0f}{_wrong(outcome):10}{ours / outcome.rate:14.2f}"
            print(f"{row}   {GOALS.get(candidate, '')}")
        figures[f"P1, {name}"] = round(ours / outcomes["echo"].rate, 3)
        figures[f"P2, {name}"] = round(ours / outcomes["WeRoBot"].rate, 3)
    print("callback, open loop, Engage with PostgreSQL and Valkey on one core, the load on another")
    print(f"{'a second':12}{'p50 ms':>10}{'p99 ms':>10}{'p99.9 ms':>10}{'not 200':>10}")
    for rate in OPEN_RATES:
        outcome = _open(rate)
        quantiles = [round(outcome.quantile(share), 1) for share in (0.5, 0.99, 0.999)]
        print(f"{rate:<12}" + "".join(f"{value:10}" for value in quantiles) + f"{_wrong(outcome):10}")
        figures[f"P3 at {rate}/s"] = [*quantiles, _wrong(outcome)]
    print(json.dumps(figures))


def _closed(*, keep_alive: bool) -> dict[str, load.Outcome]:
    """Give each candidate's middle round; they take turns, so that all meet the same machine.

    What a peer fails to answer counts for it all the same.
    """
    rounds: dict[str, list[load.Outcome]] = {name: [] for name in CANDIDATES}
    with ExitStack() as stack:
        addresses = {name: stack.enter_context(serve()) for name, serve in CANDIDATES.items()}
        for address in addresses.values():
            load.closed_loop(address, _follows(300), connections=1, keep_alive=keep_alive)
        for _ in range(ROUNDS):
            for name, address in addresses.items():
                requests = _follows(REQUESTS, keep_alive=keep_alive)
                outcome = load.closed_loop(address, requests, connections=CONNECTIONS, keep_alive=keep_alive)
                rounds[name].append(outcome)
    return {
        name: sorted(outcomes, key=lambda outcome: outcome.rate)[ROUNDS // 2]
        for name, outcomes in rounds.items()
    }


def _wrong(outcome: load.Outcome) -> int:
    return sum(count for status, count in outcome.statuses.items() if status != 200)


def _open(rate: int) -> load.Outcome:
    with _engage(processes=1, core=0) as address:
        os.sched_setaffinity(0, {1})
        load.closed_loop(address, _follows(500), connections=CONNECTIONS, keep_alive=False)
        requests = _follows(rate * OPEN_SECONDS)
        return load.open_loop(address, requests, rate=rate, connections=OPEN_CONNECTIONS)


def _follows(count: int, *, keep_alive: bool = False) -> list[bytes]:
    """Write pushes as WeChat sends them, each its own."""
    connection = "keep-alive" if keep_alive else "close"
    return [_follow(number, connection) for number in range(count)]


def _follow(number: int, connection: str) -> bytes:
    stamp, nonce = str(int(time.time())), secrets.token_hex(8)
    openid = _openid(number % FANS)
    xml = (
        f"<xml><ToUserName><![CDATA[{USERNAME}]]></ToUserName>"
        f"<FromUserName><![CDATA[{openid}]]></FromUserName>"
        f"<CreateTime>{stamp}</CreateTime><MsgType><![CDATA[event]]></MsgType>"
        f"<Event><![CDATA[subscribe]]></Event><EventKey><![CDATA[qrscene_{nonce}]]></EventKey></xml>"
    )
    return pushes.request(xml, openid, connection)


def _openid(fan: int) -> str:
    return f"obench-{fan:021}"


def _know_fans(database: Database) -> None:
    with unit_of_work() as session:
        tenant_id = directory.tenant_of(session, "app_id", APP_ID)
    with tenant_scope(tenant_id), unit_of_work() as session:
        account_id = accounts.by_app_id(session, APP_ID).id
        for fan in range(FANS):
            fans.recognise(session, account_id, _openid(fan), now=clock.now())
    with psycopg.connect(database.owner_url.replace("+psycopg", ""), autocommit=True) as owner:
        owner.execute("vacuum analyze")
