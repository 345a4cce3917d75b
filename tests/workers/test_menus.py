"""The worker that reads menus: daily, after a publishing that was cut off, and again where WeChat is away."""

from __future__ import annotations

import datetime as dt

import pytest

from engage.accounts.menus import queries, rules, services
from engage.kernel import clock
from engage.kernel.db import tenant_scope, unit_of_work
from engage.kernel.due import Due
from engage.wechat.gateway import WeChatError, WeChatUnreachable
from tests.accounts.conftest import connected
from tests.accounts.menus import MENU, PAGES, THEIRS, asked, published
from workers import menus
from workers.queues import DRAINS


@pytest.fixture
def account_id(chain):
    """An account whose menu was published two days ago, inside its tenant's scope."""
    made = connected(chain)
    with tenant_scope(chain.id):
        with unit_of_work() as session:
            published(session, made)
            services.read_next(session, made, at=clock.now() - dt.timedelta(days=1))
        yield made


@pytest.fixture
def shows(app, monkeypatch):
    """Let WeChat show what a test says, or fail."""
    asked_for = []

    def show(answer):
        def current_menu(account):
            asked_for.append(account.app_id)
            if isinstance(answer, Exception):
                raise answer
            return {"is_menu_open": 1, "selfmenu_info": {"button": answer}}

        monkeypatch.setattr(app.extensions["wechat"], "current_menu", current_menu)
        return asked_for

    return show


def live(account_id):
    with unit_of_work() as session:
        return queries.live(session, account_id)


def test_a_menu_changed_at_wechat_is_noticed_the_next_day(account_id, shows):
    asked_for = shows(THEIRS)
    menus.drain()
    row = live(account_id)
    assert (row.release_id, row.wire, len(asked_for)) == (None, THEIRS, 1)
    assert dt.timedelta(hours=23) < row.next_read_at - clock.now() <= rules.READ_EVERY
    menus.drain()
    assert len(asked_for) == 1  # not before tomorrow


def test_the_queue_is_marked_for_the_next_reading(account_id, shows):
    shows(rules.wire(MENU, PAGES))
    menus.drain()
    assert DRAINS[rules.QUEUE] is menus.drain
    with unit_of_work() as session:
        marks = (
            session.query(Due.at).filter(Due.queue == rules.QUEUE, Due.tenant_id == session.tenant_id).all()
        )
    assert live(account_id).next_read_at in [at for (at,) in marks]


@pytest.mark.parametrize(
    ("failure", "kept"), [(WeChatUnreachable("away"), ""), (WeChatError(48001, "no"), "48001")]
)
def test_a_wechat_that_is_away_is_asked_again_within_the_hour(account_id, shows, failure, kept):
    before = live(account_id)
    shows(failure)
    menus.drain()
    row = live(account_id)
    assert (row.failure, row.wire, row.release_id) == (kept, before.wire, before.release_id)
    assert row.next_read_at - clock.now() <= rules.READ_AGAIN_AFTER


def test_publishing_that_was_cut_off_is_looked_into(account_id, shows):
    with unit_of_work() as session:
        release = asked(session, account_id, MENU[:1])
    shows(rules.wire(MENU[:1], PAGES))
    clock_at = release.asked_at + rules.SETTLED_WITHIN
    with unit_of_work() as session:
        assert services.next_at(session) <= clock_at
    menus.drain()
    with unit_of_work() as session:
        assert queries.newest(session, account_id, "live").id == release.id
