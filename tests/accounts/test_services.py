"""Accounts and their journal on a real database."""

from __future__ import annotations

import datetime as dt
from collections import Counter
from functools import partial

import pytest
import sqlalchemy as sa

from engage.accounts import queries, services
from engage.accounts.errors import AddressTaken, AppIdTaken, StoreTaken
from engage.accounts.models import OfficialAccount, Push
from engage.accounts.services import AccountDetails
from engage.audit.models import AuditEntry
from engage.audit.services import OPERATOR
from engage.kernel.db import tenant_scope, unit_of_work
from engage.kernel.errors import NotFound
from tests.accounts.conftest import connected, journalled, new_account
from tests.concurrency.race import race

NOW = dt.datetime(2026, 11, 22, 6, 30, tzinfo=dt.UTC)


def connect(session, **changes):
    return services.connect(session, new_account(**changes), by=OPERATOR, now=NOW)


def details_of(account, **changes):
    kept = {name: getattr(account, name) for name in ("name", "mode", "store_id")}
    return AccountDetails(**{**kept, **changes})


def audited(session, action):
    session.flush()
    trail = sa.select(AuditEntry.fields).where(AuditEntry.action == action).order_by(AuditEntry.id)
    return list(session.scalars(trail))


def test_secrets_are_sealed_in_the_database(session):
    account = connect(session, secret="a secret nobody may read")
    stored = session.execute(
        sa.text("select secret, token, encoding_aes_key from official_account where id = :id"),
        {"id": account.id},
    ).one()
    assert not any(
        plain in bytes(value) for value in stored for plain in (b"nobody may read", b"token", b"key")
    )


def test_a_chain_connects_several_accounts(session):
    ids = [connect(session).id for _ in range(3)]
    assert [account.id for account in queries.accounts(session)] == ids


@pytest.mark.parametrize(
    ("same", "refusal"), [({"app_id": "wx00000000000000aa"}, AppIdTaken), ({"slug": "taken"}, AddressTaken)]
)
def test_an_app_id_and_an_address_belong_to_one_account(session, same, refusal):
    connect(session, **same)
    with pytest.raises(refusal):
        connect(session, **same)


def test_an_account_of_another_chain_is_not_connected_again(chain, other_chain):
    taken = new_account()
    connected(other_chain, app_id=taken.app_id, slug=taken.slug)
    with pytest.raises(AppIdTaken):
        connected(chain, app_id=taken.app_id)
    with pytest.raises(AddressTaken):
        connected(chain, slug=taken.slug)


def test_a_store_has_one_account(session, scope):
    connect(session, store_id=scope.store.id)
    with pytest.raises(StoreTaken):
        connect(session, store_id=scope.store.id)
    other = connect(session)
    with pytest.raises(StoreTaken):
        services.update(session, other.id, details_of(other, store_id=scope.store.id), by=OPERATOR, now=NOW)


def test_an_account_is_connected_once_even_at_once(app, chain):
    new = new_account()
    calls = [lambda session: services.connect(session, new, by=OPERATOR, now=NOW)] * 4
    outcomes = Counter(type(outcome) for outcome in race(app, chain.id, calls))
    assert outcomes == {OfficialAccount: 1, AppIdTaken: 3}


def test_a_store_gets_one_account_even_at_once(app, chain):
    accounts = [new_account(store_id=chain.store.id) for _ in range(4)]
    calls = [partial(services.connect, new=new, by=OPERATOR, now=NOW) for new in accounts]
    outcomes = Counter(type(outcome) for outcome in race(app, chain.id, calls))
    assert outcomes == {OfficialAccount: 1, StoreTaken: 3}


def test_a_change_is_audited_by_the_names_of_fields(session, scope):
    account = connect(session)
    details = details_of(account, name="康美", secret="another-secret-00", store_id=scope.store.id)
    for _ in range(2):
        services.update(session, account.id, details, by=OPERATOR, now=NOW)
    assert audited(session, "account.updated") == [["name", "secret", "store_id"]]
    assert (account.name, account.secret) == ("康美", "another-secret-00")


def test_without_a_new_secret_the_old_one_stays(session):
    account = connect(session, secret="the old secret")
    services.update(session, account.id, details_of(account, name="康美"), by=OPERATOR, now=NOW)
    assert account.secret == "the old secret"


def test_new_keys_wait_for_wechats_check_again(session):
    account = connect(session)
    services.address_checked(session, account.id, now=NOW)
    session.refresh(account)
    assert account.verified_at == NOW
    services.renew_keys(session, account.id, token="new", encoding_aes_key="new key", by=OPERATOR, now=NOW)
    session.flush()
    session.refresh(account)
    assert (account.token, account.encoding_aes_key, account.verified_at) == ("new", "new key", None)
    assert audited(session, "account.keys_renewed") == [["encoding_aes_key", "token"]]


def test_the_account_of_another_chain_is_not_found(chain, other_chain):
    foreign = connected(other_chain)
    keys = {"token": "new", "encoding_aes_key": "key", "by": OPERATOR, "now": NOW}
    details = AccountDetails("x", "", "safe", None)
    with tenant_scope(chain.id), unit_of_work() as session:
        with pytest.raises(NotFound):
            services.renew_keys(session, foreign, **keys)
        with pytest.raises(NotFound):
            services.update(session, foreign, details, by=OPERATOR, now=NOW)


def test_the_last_push_of_each_account_is_told(session):
    first, quiet = connect(session), connect(session)
    for _ in range(3):
        newest = journalled(session, first.id)
    assert queries.last_received(session) == {first.id: queries.push(session, newest).received_at}
    assert quiet.id not in queries.last_received(session)


@pytest.fixture
def journal(session):
    """Two accounts with pushes of several kinds and states, named by what they are."""
    first, second = connect(session), connect(session)
    made = {
        "text": journalled(session, first.id, "text"),
        "follow": journalled(session, first.id, "event:subscribe"),
        "waiting": journalled(session, second.id, "text"),
        "failed": journalled(session, second.id, "text"),
        "retried": journalled(session, second.id, "event:CLICK"),
    }
    for name, available_at, error in [
        ("waiting", NOW, None),
        ("failed", None, "ValueError"),
        ("retried", NOW, "ValueError"),
    ]:
        push = session.get(Push, (session.tenant_id, made[name]))
        push.available_at, push.error = available_at, error
    session.flush()
    return first, second, made


def shown(session, made, **filters):
    names = {push_id: name for name, push_id in made.items()}
    chosen = {"account_id": None, "kind": "", "state": "", "cursor": None, **filters}
    return [names[push.id] for push in queries.journal(session, **chosen).items]


def test_the_journal_is_filtered(session, journal):
    first, second, made = journal
    assert shown(session, made) == ["retried", "failed", "waiting", "follow", "text"]
    assert shown(session, made, account_id=first.id) == ["follow", "text"]
    assert shown(session, made, kind="text") == ["failed", "waiting", "text"]
    assert shown(session, made, state="done") == ["follow", "text"]
    assert shown(session, made, state="waiting") == ["retried", "waiting"]
    assert shown(session, made, state="failed") == ["failed"]
    assert shown(session, made, state="waiting", kind="text", account_id=second.id) == ["waiting"]
    assert shown(session, made, state="waiting", account_id=first.id) == []


def test_kinds_are_those_that_came(session, journal):
    assert list(queries.kinds(session)) == ["event:CLICK", "event:subscribe", "text"]


def test_an_empty_journal_has_no_kinds(session):
    assert list(queries.kinds(session)) == []


def test_the_journal_comes_in_pages(session):
    account = connect(session)
    made = [journalled(session, account.id) for _ in range(53)]
    page = queries.journal(session, account_id=None, kind="", state="", cursor=None)
    rest = queries.journal(session, account_id=None, kind="", state="", cursor=page.next)
    assert [push.id for push in (*page.items, *rest.items)] == made[::-1]
    assert rest.next is None


@pytest.mark.parametrize(
    ("asked", "index"),
    [
        ({"account_id": 1}, "ix_wechat_push_tenant_id_account_id_id"),
        ({"kind": "text"}, "ix_wechat_push_tenant_id_kind_id"),
        ({"state": "failed"}, "ix_wechat_push_failed"),
    ],
)
def test_filters_are_answered_by_an_index(session, analyse, asked, index):
    with unit_of_work() as work:  # of an empty table any index is as good
        for number in range(200):
            journalled(work, number % 10, f"kind-{number % 7}")
    analyse("wechat_push")
    chosen = {"account_id": None, "kind": "", "state": "", "cursor": None, **asked}
    statements = []
    sa.event.listen(session, "do_orm_execute", lambda state: statements.append(state.statement))
    queries.journal(session, **chosen)
    session.execute(sa.text("set local enable_seqscan = off"))
    session.execute(sa.text("set local enable_sort = off"))
    sql = statements[0].compile(session.get_bind(), compile_kwargs={"literal_binds": True})
    plan = "\n".join(session.scalars(sa.text(f"explain {sql}")))
    assert index in plan


def test_a_replayed_push_waits_for_a_worker(session, journal):
    push = queries.push(session, journal[2]["failed"])
    for _ in range(2):
        services.replay(session, push.id, by=OPERATOR, now=NOW)
    assert (push.available_at, push.attempts) == (NOW, 0)
    assert len(audited(session, "push.replayed")) == 2
