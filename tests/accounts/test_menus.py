"""Menus through their services: drafts, releases, what WeChat shows."""

from __future__ import annotations

import datetime as dt
from dataclasses import replace

import pytest
import sqlalchemy as sa

from engage.accounts import services as accounts
from engage.accounts.menus import queries, rules, services, shapes
from engage.accounts.menus.errors import ChangedElsewhere, NotReady, Publishing, Stale
from engage.accounts.menus.models import MenuRelease
from engage.accounts.menus.sending import Changed, Refused, Taken, Unheard
from engage.accounts.menus.services import Compared
from engage.audit.models import AuditEntry
from engage.audit.services import OPERATOR
from engage.kernel import clock
from engage.kernel.due import Due
from engage.kernel.errors import NotFound
from tests.accounts.conftest import new_account
from tests.accounts.menus import BOOK, MENU, OTHER, PAGES, THEIRS, asked, compared, drafted, published

SAY = {"by": OPERATOR}


@pytest.fixture
def account_id(session):

    return accounts.connect(session, new_account(), by=OPERATOR, now=clock.now()).id


def states(session, account_id):
    session.flush()
    session.expire_all()
    rows = sa.select(MenuRelease).where(MenuRelease.account_id == account_id).order_by(MenuRelease.id)
    return [(row.state, row.reason) for row in session.scalars(rows)]


def live(session, account_id):
    session.flush()
    session.expire_all()
    return queries.live(session, account_id)


def test_a_draft_is_saved_by_version(session, account_id):
    now = clock.now()
    assert services.save(session, account_id, MENU, version=0, now=now, **SAY).version == 1
    for version in (0, 2):
        with pytest.raises(Stale):
            services.save(session, account_id, OTHER, version=version, now=now, **SAY)
    assert services.save(session, account_id, OTHER, version=1, now=now, **SAY).version == 2
    assert rules.unpacked(queries.draft(session, account_id).entries) == OTHER


def test_what_wechat_took_is_live_and_replaces_the_one_before(session, account_id):
    first = published(session, account_id)
    assert live(session, account_id).release_id == first.id
    second = published(session, account_id, OTHER)
    assert states(session, account_id) == [("replaced", None), ("live", None)]
    shown = live(session, account_id)
    assert (shown.release_id, shown.digest) == (second.id, shapes.digest(rules.wire(OTHER, PAGES)))
    services.settle(session, second.id, Refused(40018), now=clock.now())  # a repeat that comes late
    assert states(session, account_id)[1] == ("live", None)
    actions = session.scalars(sa.select(AuditEntry.action).where(AuditEntry.action.like("menu.%"))).all()
    assert sorted(actions) == [*["menu.published"] * 2, *["menu.saved"] * 2]


def test_what_must_be_put_right_is_not_published(session, account_id):
    with pytest.raises(NotReady):
        asked(session, account_id, (replace(BOOK, name=""),))
    with pytest.raises(Stale):
        services.ask(session, account_id, Compared(9, shapes.NONE), pages=PAGES, now=clock.now(), **SAY)
    assert states(session, account_id) == []


def test_one_menu_at_a_time_is_on_its_way(session, account_id):
    asked(session, account_id)
    with pytest.raises(Publishing):
        services.ask(session, account_id, compared(session, account_id), pages=PAGES, now=clock.now(), **SAY)


@pytest.mark.parametrize(
    ("outcome", "reason"), [(Refused(40018), "40018"), (Refused(0), "0"), (Changed(THEIRS), "elsewhere")]
)
def test_what_wechat_refused_leaves_the_old_menu(session, account_id, outcome, reason):
    published(session, account_id, OTHER)
    release = asked(session, account_id)
    services.settle(session, release.id, outcome, now=clock.now())
    assert states(session, account_id)[1] == ("failed", reason)


def test_a_menu_changed_at_wechat_is_noticed_and_not_overwritten(session, account_id):
    release = published(session, account_id)
    decided = compared(session, account_id)
    services.seen(session, account_id, THEIRS, now=clock.now())
    assert live(session, account_id).release_id is None
    assert states(session, account_id) == [("replaced", None)]
    with pytest.raises(ChangedElsewhere):
        services.ask(session, account_id, decided, pages=PAGES, now=clock.now(), **SAY)
    with pytest.raises(ChangedElsewhere):
        services.take_over(session, account_id, decided, pages=PAGES, now=clock.now(), **SAY)
    # Theirs goes away again: what is shown is known by its release.
    services.seen(session, account_id, rules.wire(MENU, PAGES), now=clock.now())
    assert (live(session, account_id).release_id, states(session, account_id)) == (
        release.id,
        [("live", None)],
    )


def test_theirs_is_taken_into_the_draft(session, account_id):
    published(session, account_id)
    wire = rules.wire(MENU, PAGES)
    services.seen(session, account_id, [*wire[1:], {**wire[0], "name": "挂号"}], now=clock.now())
    draft = services.take_over(
        session, account_id, compared(session, account_id), pages=PAGES, now=clock.now(), **SAY
    )
    assert rules.unpacked(draft.entries) == (*MENU[1:], replace(BOOK, name="挂号"))
    services.seen(session, account_id, THEIRS, now=clock.now())
    services.take_over(
        session, account_id, compared(session, account_id), pages=PAGES, now=clock.now(), **SAY
    )
    (taken,) = rules.unpacked(queries.draft(session, account_id).entries)
    assert (taken.kind, taken.url) == ("link", "https://elsewhere.example/")


def test_an_earlier_menu_is_published_again(session, account_id):
    first = published(session, account_id)
    second = published(session, account_id, OTHER)
    digest = live(session, account_id).digest
    again = services.restore(session, account_id, first.id, digest, pages=PAGES, now=clock.now(), **SAY)
    assert (again.wire, again.restores_id) == (first.wire, first.id)
    # Nobody had worked on the draft since: it follows.
    assert rules.unpacked(queries.draft(session, account_id).entries) == MENU
    services.settle(session, again.id, Taken(None), now=clock.now())
    assert live(session, account_id).release_id == again.id

    drafted(session, account_id, OTHER)
    services.restore(
        session, account_id, second.id, live(session, account_id).digest, pages=PAGES, now=clock.now(), **SAY
    )
    assert rules.unpacked(queries.draft(session, account_id).entries) == OTHER
    with pytest.raises(NotFound):
        services.restore(session, account_id, 0, digest, pages=PAGES, now=clock.now(), **SAY)


def test_publishing_that_was_cut_off_is_settled_by_what_wechat_shows(session, account_id):
    taken = asked(session, account_id)
    services.settle(session, taken.id, Unheard(), now=clock.now())
    assert states(session, account_id) == [("pending", None)]
    services.seen(session, account_id, rules.wire(MENU, PAGES), now=clock.now())
    assert states(session, account_id) == [("live", None)]

    asked(session, account_id, OTHER)
    now = clock.now()
    services.seen(session, account_id, rules.wire(MENU, PAGES), now=now)
    assert states(session, account_id)[1] == ("pending", None)  # its answer may still come
    services.seen(session, account_id, rules.wire(MENU, PAGES), now=now + rules.SETTLED_WITHIN)
    assert states(session, account_id) == [("live", None), ("failed", "not_taken")]


def test_an_earlier_menu_that_wechat_shows_again_is_the_one_on_the_phones(session, account_id):
    first = published(session, account_id)
    second = published(session, account_id, OTHER)
    assert queries.last_published(session, account_id).id == second.id
    services.seen(session, account_id, rules.wire(MENU, PAGES), now=clock.now())
    assert live(session, account_id).release_id == first.id
    assert queries.last_published(session, account_id).id == first.id
    services.seen(session, account_id, THEIRS, now=clock.now())
    assert queries.last_published(session, account_id).id == second.id


def test_what_wechat_makes_of_a_menu_is_remembered_as_ours(session, account_id):
    release = asked(session, account_id)
    shown = rules.wire(MENU, PAGES)
    shown[0]["url"] += "#wechat_redirect"
    services.settle(session, release.id, Taken(shown), now=clock.now())
    services.seen(session, account_id, shown, now=clock.now())
    assert live(session, account_id).release_id == release.id


def test_menus_are_read_daily_and_soon_after_publishing(session, account_id):
    now = clock.now()
    services.seen(session, account_id, [], now=now)
    assert services.next_at(session) == now + rules.READ_EVERY
    release = asked(session, account_id)
    assert services.next_at(session) == release.asked_at + rules.SETTLED_WITHIN
    marks = sa.select(Due.at).where(Due.queue == rules.QUEUE, Due.tenant_id == session.tenant_id)
    assert release.asked_at + rules.SETTLED_WITHIN in session.scalars(marks).all()
    assert services.claim(session, now=now) is None
    later = now + dt.timedelta(days=1)
    assert services.claim(session, now=later) == account_id
    assert services.claim(session, now=later) is None  # under a lease
    assert services.claim(session, now=later + rules.LEASE) == account_id


def test_taps_are_answered_by_what_phones_may_still_show(session, account_id):
    published(session, account_id)
    moved = (replace(MENU[2], children=(replace(MENU[2].children[0], text="二楼"),)),)
    published(session, account_id, moved)
    assert queries.fixed_replies(session, account_id) == {"r:said": "二楼", "agents": "请说"}
    failed = asked(session, account_id, (replace(MENU[2].children[0], text="三楼"),))
    services.settle(session, failed.id, Refused(40018), now=clock.now())
    assert queries.fixed_replies(session, account_id)["r:said"] == "二楼"


def test_history_is_paged_and_of_one_account(session, account_id):

    first = published(session, account_id)
    other = accounts.connect(session, new_account(), by=OPERATOR, now=clock.now()).id
    published(session, other)
    assert [one.id for one in queries.history(session, account_id, cursor=None).items] == [first.id]
    with pytest.raises(NotFound):
        queries.release(session, other, first.id)
