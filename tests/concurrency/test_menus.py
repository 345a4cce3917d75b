"""Two people save a menu at once, two publish it at once: one each, and the other is told."""

from __future__ import annotations

import threading
from collections import Counter

import pytest
import sqlalchemy as sa

from engage.accounts.menus import queries, rules, services
from engage.accounts.menus.models import MenuDraft, MenuRelease
from engage.audit.services import OPERATOR
from engage.kernel import clock
from engage.kernel.db import tenant_scope, unit_of_work
from tests.accounts.conftest import connected
from tests.accounts.menus import MENU, OTHER, PAGES, compared, drafted, published
from tests.concurrency.race import WAIT, race

PEOPLE = 6


@pytest.fixture
def account_id(chain):
    """An account with a menu, and a draft that differs from it."""
    made = connected(chain)
    with tenant_scope(chain.id), unit_of_work() as session:
        published(session, made)
        drafted(session, made, OTHER)
    return made


def outcomes(app, chain, call):
    return Counter(type(one).__name__ for one in race(app, chain.id, [call] * PEOPLE))


def test_one_of_many_saves_the_draft(app, chain, account_id):
    def save(session):
        return services.save(session, account_id, MENU, version=2, by=OPERATOR, now=clock.now())

    assert outcomes(app, chain, save) == {"MenuDraft": 1, "Stale": PEOPLE - 1}


def test_without_the_condition_all_would_save(app, chain, account_id):
    """Control: who reads the version and then writes overwrites the others."""

    def save(session):
        draft = session.get(MenuDraft, (session.tenant_id, account_id))
        assert draft.version in (2, 3)
        written = sa.update(MenuDraft).where(MenuDraft.account_id == account_id)
        session.execute(written.values(version=3, entries=rules.packed(MENU)))
        return draft

    assert outcomes(app, chain, save) == {"MenuDraft": PEOPLE}


def test_one_of_many_publishes(app, chain, account_id):
    with tenant_scope(chain.id), unit_of_work() as session:
        decided = compared(session, account_id)

    def publish(session):
        return services.ask(session, account_id, decided, pages=PAGES, by=OPERATOR, now=clock.now())

    assert outcomes(app, chain, publish) == {"MenuRelease": 1, "Publishing": PEOPLE - 1}
    with tenant_scope(chain.id), unit_of_work() as session:
        assert queries.newest(session, account_id, "pending") is not None
        assert session.scalar(sa.select(sa.func.count()).where(MenuRelease.state == "pending")) == 1


def test_control_who_looks_before_publishing_is_let_through_with_others(app, chain, account_id):
    """Each finds nothing on its way: the index alone lets one of them write."""
    all_have_looked = threading.Barrier(PEOPLE)

    def publish(session):
        assert queries.newest(session, account_id, "pending") is None
        all_have_looked.wait(WAIT)
        written = {"entries": rules.packed(OTHER), "wire": rules.wire(OTHER, PAGES), "digest": "x"}
        release = MenuRelease(account_id=account_id, state="pending", asked_at=clock.now(), **written)
        session.add(release)
        session.flush()
        return release

    assert outcomes(app, chain, publish) == {"MenuRelease": 1, "IntegrityError": PEOPLE - 1}
