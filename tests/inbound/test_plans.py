"""How the callback's one statement finds its rows: by their key, however many the tenant has.

It is planned before it tells its tenant, so an EXPLAIN in a tenant's scope would show another plan.
"""

from __future__ import annotations

import re
from collections.abc import Callable

import pytest
import sqlalchemy as sa
from flask import Flask

from engage.inbound import services as inbound
from engage.kernel.db import tenant_scope, unit_of_work
from tests.conftest import Chain
from tests.patients.scenes import NOW, make_people
from tests.plans import plan_of

MANY = 5_000
KEYS = {
    "uq_fan_tenant_id_account_id_openid",
    "pk_fan",
    "uq_conversation_tenant_id_fan_id",
    "pk_conversation",
}


@pytest.fixture
def crowded(app: Flask, chain: Chain, analyse: Callable[[str], None]) -> None:
    """Thousands of fans of one tenant, each with a conversation."""
    account_id = make_people(chain).account_id
    crowd = """insert into fan (account_id, openid, following, first_seen_at, last_seen_at)
        select :account, 'many-' || n, true, :now, :now from generate_series(1, :many) n"""
    talks = """insert into conversation
            (account_id, fan_id, seq, touched_at, last_at, last_in_seq, answered_seq, window_left)
        select account_id, id, 1, :now, :now, 0, 0, 0 from fan where openid like 'many-%'"""
    with tenant_scope(chain.id), unit_of_work() as session:
        session.execute(sa.text(crowd), {"account": account_id, "now": NOW, "many": MANY})
        session.execute(sa.text(talks), {"now": NOW})
    analyse("fan")
    analyse("conversation")


@pytest.mark.parametrize("name", ["_KEEP_AND_RECOGNISE", "_KEEP_AND_FOLLOW", "_KEEP_AND_HEAR"])
@pytest.mark.usefixtures("crowded")
def test_a_push_finds_its_fan_by_the_key_however_many_there_are(name: str) -> None:
    lines = plan_of(getattr(inbound, name))
    used = {
        found[1] for line in lines if (found := re.search(r"using (\w+) on (?:fan|conversation)\b", line))
    }
    assert used, lines
    assert used <= KEYS
    assert not [line for line in lines if re.search(r"Seq Scan on (fan|conversation)\b", line)]
