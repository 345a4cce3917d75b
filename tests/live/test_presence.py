"""Who is online (CH-1): logged in, and heard from within a minute."""

from __future__ import annotations

import datetime as dt
import re

from flask import Flask
from flask.testing import FlaskClient

from engage.chat import presence
from engage.kernel import clock
from engage.kernel.db import tenant_scope, unit_of_work
from engage.tenancy import queries as tenancy
from engage.tenancy import services
from engage.tenancy.rules import StoreScope
from tests.conftest import Chain, csrf_of, log_in
from tests.contracts.callers import Person, log_in_directly
from tests.live.conftest import other_store

ALL = StoreScope(everywhere=True)


def online(chain: Chain, scope: StoreScope = ALL, *, after: dt.timedelta = dt.timedelta()) -> frozenset[int]:
    with tenant_scope(chain.id), unit_of_work() as session:
        return presence.online(session, scope, now=clock.now() + after)


def test_logging_in_makes_one_online_and_logging_out_ends_it(
    app: Flask, client: FlaskClient, chain: Chain, make_staff
) -> None:
    login = make_staff(chain, "lina", "desk")
    assert not online(chain)
    log_in(client, login)
    (staff_id,) = online(chain)
    with tenant_scope(chain.id), unit_of_work() as session:
        assert tenancy.staff_member(session, staff_id).login == login
    client.post("/console/logout", data={"csrf_token": csrf_of(client.get("/console/profile").text)})
    assert not online(chain)


def test_the_heartbeat_counts_for_a_minute(app: Flask, chain: Chain) -> None:
    agent = log_in_directly(app, chain, "agent")
    assert agent.ask("POST", "/console/presence").status_code == 204
    assert online(chain, after=dt.timedelta(seconds=55)) == {agent.id}
    assert not online(chain, after=dt.timedelta(seconds=61))
    assert agent.client.post("/console/presence").status_code == 400  # without the form token


def test_a_log_in_that_was_ended_from_elsewhere_is_not_online(app: Flask, chain: Chain) -> None:
    agent = log_in_directly(app, chain, "agent")
    agent.ask("POST", "/console/presence")
    with tenant_scope(chain.id), unit_of_work() as session:
        services.end_session(session, agent.id, agent.session_id, now=clock.now())
    assert not online(chain)
    assert agent.ask("POST", "/console/presence").status_code != 204


def test_only_who_may_answer_at_the_store_counts(app: Flask, chain: Chain, other_chain: Chain) -> None:
    elsewhere = other_store(chain)
    everywhere, here, there, manager, stranger = (
        log_in_directly(app, chain, "agent"),
        log_in_directly(app, chain, "desk", store_id=chain.store.id),
        log_in_directly(app, chain, "desk", store_id=elsewhere),
        log_in_directly(app, chain, "manager"),
        log_in_directly(app, other_chain, "agent"),
    )
    for person in (everywhere, here, there, manager, stranger):
        person.ask("POST", "/console/presence")
    assert online(chain) == {everywhere.id, here.id, there.id}
    at_the_store = StoreScope(everywhere=False, store_ids=frozenset({chain.store.id}))
    assert online(chain, at_the_store) == {everywhere.id, here.id}
    assert online(chain, StoreScope(everywhere=False)) == frozenset()


def test_a_beat_of_one_browser_is_left_alone_by_the_end_of_another(app: Flask, chain: Chain) -> None:
    agent = log_in_directly(app, chain, "agent")
    agent.ask("POST", "/console/presence")
    with tenant_scope(chain.id), unit_of_work() as session:
        presence.leave(session, agent.session_id + 1)
    assert online(chain) == {agent.id}


def test_a_heartbeat_is_no_use_of_the_log_in(app: Flask, chain: Chain) -> None:
    """A console that stands open with nobody before it logs out when its time is over."""
    agent = log_in_directly(app, chain, "agent")
    assert agent.csrf
    _rest(chain, agent)
    before = _end_of(chain, agent)
    agent.ask("POST", "/console/presence")
    assert _end_of(chain, agent) == before
    agent.client.get("/console/profile")
    assert _end_of(chain, agent) > before


def test_the_list_of_staff_says_who_is_online(app: Flask, chain: Chain) -> None:
    manager, agent = log_in_directly(app, chain, "owner"), log_in_directly(app, chain, "agent", name="Lina")
    manager.client.post("/console/language", data={"csrf_token": manager.csrf, "locale": "en"})
    row = re.compile(r"<tr>(?:(?!</tr>).)*Lina(?:(?!</tr>).)*</tr>", re.DOTALL)
    assert "Online" not in row.search(manager.client.get("/console/staff").text).group()
    agent.ask("POST", "/console/presence")
    assert "Online" in row.search(manager.client.get("/console/staff").text).group()


def _rest(chain: Chain, person: Person) -> None:
    """Let the last use of the log-in lie two minutes back."""
    with tenant_scope(chain.id), unit_of_work() as session:
        row = tenancy.sessions_of(session, person.id, now=clock.now())[0]
        row.seen_at -= dt.timedelta(minutes=2)


def _end_of(chain: Chain, person: Person) -> dt.datetime:
    with tenant_scope(chain.id), unit_of_work() as session:
        return tenancy.sessions_of(session, person.id, now=clock.now())[0].expires_at
