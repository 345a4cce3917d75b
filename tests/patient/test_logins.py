"""Who is logged in to an account's pages: there alone, and only for so long."""

from __future__ import annotations

import datetime as dt
import re
from collections.abc import Callable, Iterator

import psycopg
import pytest
import sqlalchemy as sa
from flask import Flask

from engage.accounts import services as accounts
from engage.audit.services import OPERATOR
from engage.config import Config
from engage.fans import queries, services
from engage.fans.models import FanSession
from engage.kernel import clock, ids
from engage.kernel.db import tenant_scope, unit_of_work
from tests.booking.scenes import AES_KEY, make_scene
from tests.conftest import Chain
from tests.patient.phones import phone_of
from tests.plans import plan_of

SECOND = dt.timedelta(seconds=1)
OF_A_CHAIN = ("tenant_id", "account_id")


def test_a_log_in_is_known_while_it_holds_and_for_one_account(chain: Chain) -> None:
    """One query decides: it alone stands between a cookie and the pages."""
    scene, now = make_scene(chain), clock.now()
    with tenant_scope(chain.id), unit_of_work() as session:
        digest = ids.digest(services.log_in(session, scene.fan_ids[0], now=now))
        second = accounts.NewAccount(
            app_id=f"wx2-{chain.slug}",
            slug=f"b-{chain.slug}",
            name="康美儿童口腔",
            secret="secret",
            token="token",
            encoding_aes_key=AES_KEY,
        )
        other = accounts.connect(session, second, by=OPERATOR, now=now).slug
    over, own = now + services.SESSION_LIFE, scene.account_slug
    with tenant_scope(chain.id):
        found = queries.caller(digest, slug=own, now=over - SECOND)
        assert found is not None
        assert (found.fan_id, found.account_id) == (scene.fan_ids[0], scene.account_id)
        assert queries.caller(digest, slug=own, now=over) is None
        assert queries.caller(digest, slug=other, now=now) is None
        assert queries.caller(ids.digest("another"), slug=own, now=now) is None
    with tenant_scope(chain.id + 1):
        assert queries.caller(digest, slug=own, now=now) is None


def test_who_is_not_logged_in_any_more_is_sent_to_wechat(app: Flask, chain: Chain) -> None:
    phone = phone_of(app, make_scene(chain))
    assert phone.get("/appointments").status_code == 200
    with tenant_scope(chain.id), unit_of_work() as session:
        session.execute(sa.update(FanSession).values(expires_at=clock.now()))
    answer = phone.get("/appointments")
    assert answer.status_code == 302
    assert "/connect/oauth2/authorize" in answer.location


@pytest.fixture(params=["few chains", "chains of a few fans"])
def chains(request: pytest.FixtureRequest, settings: Config) -> Iterator[None]:
    """PostgreSQL takes an account's fans for many, or for a few of many accounts."""
    with psycopg.connect(settings.owner_database_url.replace("+psycopg", ""), autocommit=True) as owner:
        if request.param == "chains of a few fans":
            owner.execute(
                f"alter table fan {', '.join(f'alter {one} set (n_distinct = 1500)' for one in OF_A_CHAIN)}"
            )
        yield
        owner.execute(f"alter table fan {', '.join(f'alter {one} reset (n_distinct)' for one in OF_A_CHAIN)}")


@pytest.mark.usefixtures("chains")
def test_a_log_in_is_found_by_its_keys_however_many_there_are(
    chain: Chain, analyse: Callable[[str], None]
) -> None:
    """The statement is planned before it tells its tenant (`migrations/walls.py`)."""
    scene = make_scene(chain)
    crowd = """with many as (insert into fan (account_id, openid, following, first_seen_at, last_seen_at)
            select :account, 'many-' || n, true, :now, :now from generate_series(1, 5000) n returning id)
        insert into fan_session (fan_id, token_digest, created_at, expires_at)
            select id, md5(id::text), :now, :now + interval '1 day' from many"""
    with tenant_scope(chain.id), unit_of_work() as session:
        session.execute(sa.text(crowd), {"account": scene.account_id, "now": clock.now()})
    analyse("fan")
    analyse("fan_session")
    lines = plan_of(queries._CALLER)
    used = {found[1] for line in lines if (found := re.search(r"using (\w+) on fan", line))}
    assert used == {"pk_fan", "uq_fan_session_tenant_id_token_digest"}, lines
    assert not [line for line in lines if "Seq Scan on fan" in line]
