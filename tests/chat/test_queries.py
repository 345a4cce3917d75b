"""Reading conversations: the queue, what changed, reach, files; statements and indexes."""

from __future__ import annotations

import contextvars
import datetime as dt

import psycopg
import pytest
import sqlalchemy as sa
from flask import Flask

from engage.accounts import services as accounts
from engage.audit.services import OPERATOR
from engage.chat import queries, rules, services
from engage.chat.models import Conversation
from engage.chat.reading import Arrival
from engage.config import Config
from engage.kernel import clock
from engage.kernel.db import tenant_scope, unit_of_work
from engage.kernel.errors import NotFound
from engage.tenancy import services as tenancy
from engage.tenancy.rules import Grant, StoreScope, store_scope
from engage.wechat.outcomes import Sent
from tests.booking.scenes import AES_KEY, make_scene
from tests.chat.scenes import Talk, conversation, make_talk, messages
from tests.conftest import make_chain

SECOND, MINUTE = dt.timedelta(seconds=1), dt.timedelta(minutes=1)
EVERYWHERE = StoreScope(everywhere=True)


@pytest.fixture
def crowd(chain, make_staff):
    """Five fans, of whom the first wrote first."""
    made = make_talk(chain, make_staff, fan_count=5)
    with tenant_scope(chain.id):
        yield made


def write_all(crowd: Talk) -> list[int]:
    return [crowd.writes(str(fan), fan=fan, at=crowd.now + fan * SECOND) for fan in range(5)]


def ids(talk: Talk, which: queries.Which, *, now: dt.datetime | None = None, **more) -> list[int]:
    told = {"which": which, "staff_id": talk.lina, "cursor": None, "now": now or talk.now, **more}
    with unit_of_work() as session:
        return [row.id for row in queries.rows(session, [talk.account_id], **told).items]


def test_who_waits_longest_comes_first(crowd: Talk):
    chats = write_all(crowd)
    crowd.writes("again", fan=0, at=crowd.now + MINUTE)
    crowd.replies(chats[1])
    assert ids(crowd, "waiting") == [chats[0], *chats[2:]]
    assert ids(crowd, "all") == [chats[0], *reversed(chats[1:])]


def test_mine_are_those_i_hold_or_am_dedicated_to(crowd: Talk):
    chats = write_all(crowd)
    crowd.replies(chats[0])
    crowd.replies(chats[1], by_staff=crowd.wang)
    with unit_of_work() as session:
        services.end(session, chats[1], by_staff=crowd.wang, now=crowd.now)
    crowd.replies(chats[1], by_staff=crowd.lina, now=crowd.now + SECOND)
    assert set(ids(crowd, "mine")) == {chats[0], chats[1]}
    later = crowd.now + rules.IDLE + SECOND
    assert ids(crowd, "mine", now=later) == [chats[0]]
    assert ids(crowd, "mine", now=later, staff_id=crowd.wang) == [chats[1]]


@pytest.mark.parametrize("which", ["waiting", "all"])
def test_the_queue_is_turned_page_by_page(crowd: Talk, which: queries.Which):
    write_all(crowd)
    found, cursor = [], None
    while True:
        with unit_of_work() as session:
            page = queries.rows(
                session,
                [crowd.account_id],
                which=which,
                staff_id=crowd.lina,
                cursor=cursor,
                now=crowd.now,
                size=2,
            )
        found += [row.id for row in page.items]
        cursor = page.next
        if cursor is None:
            break
    assert found == ids(crowd, which)
    assert len(found) == 5


def test_the_queue_takes_as_many_statements_however_long_it_is(crowd: Talk, count_queries):
    def cost() -> int:
        with count_queries() as counted:
            ids(crowd, "all")
        return counted.n

    crowd.replies(crowd.writes())
    few = cost()
    for chat in write_all(crowd)[1:]:
        crowd.replies(chat, by_staff=crowd.wang)
    assert cost() == few <= 6


def test_a_conversation_takes_as_many_statements_however_long_it_is(talk: Talk, count_queries):
    def cost() -> int:
        with count_queries() as counted, unit_of_work() as session:
            queries.messages(session, chat)
            queries.messages_since(session, {chat: 0})
        return counted.n

    chat = talk.writes()
    talk.replies(chat)
    few = cost()
    for number in range(4):
        talk.replies(chat, str(number))
    assert cost() == few == 4


def test_messages_are_turned_backwards(talk: Talk):
    chat = talk.writes("1")
    for number in range(2, 8):
        talk.writes(str(number))
    with unit_of_work() as session:
        last = queries.messages(session, chat, limit=3)
        before = queries.messages(session, chat, before=last[0].seq, limit=3)
    assert [message.text for message in (*before, *last)] == ["2", "3", "4", "5", "6", "7"]


def test_what_changed_since_is_given_once_more(talk: Talk):
    chat = talk.writes()
    other = talk.writes(fan=1)
    talk.replies(chat)
    seen = conversation(chat).seq
    talk.sent(Sent(None))
    talk.writes("新的")
    with unit_of_work() as session:
        one = queries.messages(session, chat, after=seen)
        several = queries.messages_since(session, {chat: seen, other: 0})
    assert [(message.seq, message.state) for message in one] == [(2, "sent"), (4, "received")]
    assert [(message.conversation_id, message.seq) for message in several] == [
        (chat, 2),
        (chat, 4),
        (other, 1),
    ]
    assert one[0].author.startswith("Lina")


def test_what_changed_lately_is_known_by_its_number(talk: Talk):
    chat = talk.writes()
    with unit_of_work() as session:
        assert queries.changed(session) == [(chat, talk.account_id, 1)]
        session.execute(sa.update(Conversation).values(touched_at=sa.func.now() - 31 * SECOND))
        assert queries.changed(session) == []
        assert queries.changed(session, since_seconds=60) == [(chat, talk.account_id, 1)]


def test_accounts_say_how_many_wait(crowd: Talk):
    chats = write_all(crowd)
    crowd.replies(chats[0])
    with unit_of_work() as session:
        assert queries.waiting(session, [crowd.account_id]) == {crowd.account_id: 4}
        assert queries.waiting(session, []) == {}


def store_account(talk: Talk) -> int:
    with unit_of_work() as session:
        new = accounts.NewAccount(
            app_id=f"wx2-{talk.chain.slug}",
            slug=f"b-{talk.chain.slug}",
            name="徐汇店",
            secret="secret",
            token="token",
            encoding_aes_key=AES_KEY,
            store_id=talk.chain.store.id,
        )
        return accounts.connect(session, new, by=OPERATOR, now=clock.now()).id


def test_an_accounts_conversations_are_for_who_has_its_store(talk: Talk):
    of_store = store_account(talk)
    here, elsewhere = talk.chain.store.id, talk.chain.store.id + 1
    with unit_of_work() as session:
        for stores, reached in (({here}, {talk.account_id, of_store}), ({elsewhere}, {talk.account_id})):
            scope = StoreScope(everywhere=False, store_ids=frozenset(stores))
            assert queries.accounts_in_reach(session, scope) == reached
        assert queries.accounts_in_reach(session, EVERYWHERE) == {talk.account_id, of_store}
        assert not queries.accounts_in_reach(session, store_scope([], "chats.view", None))


def test_what_is_out_of_reach_is_not_there(talk: Talk):
    chat = talk.sends(Arrival("image", None, {"media_id": "m"}))
    message_id = messages(chat)[0].id
    other = [store_account(talk)]
    with unit_of_work() as session:
        for ask in (
            lambda: queries.conversation(session, chat, other, now=talk.now),
            lambda: queries.message(session, message_id, other),
            lambda: queries.file_of(session, message_id, other),
            lambda: queries.file_of(session, message_id, [talk.account_id]),  # not fetched yet
        ):
            with pytest.raises(NotFound):
                ask()
        assert queries.message(session, message_id, [talk.account_id]).fetching
        assert ids(talk, "all") == [chat]
        assert (
            queries.rows(session, other, which="all", staff_id=talk.lina, cursor=None, now=talk.now).items
            == []
        )


def test_another_chain_sees_nothing(app: Flask, other_chain, talk: Talk):
    chat = talk.writes()
    message_id = messages(chat)[0].id

    def look() -> None:
        with app.app_context(), tenant_scope(other_chain.id), unit_of_work() as session:
            assert queries.changed(session) == []
            assert queries.of_fan(session, talk.fan_ids[0]) is None
            assert queries.rows_of(session, [chat], now=talk.now) == {}
            with pytest.raises(NotFound):
                queries.message(session, message_id, [talk.account_id])
            with pytest.raises(NotFound):
                services.end(session, chat, by_staff=talk.lina, now=talk.now)

    contextvars.Context().run(look)


MANY = """
with f as (
    insert into fan (account_id, openid, following, first_seen_at, last_seen_at)
    select :account, 'o-' || n, true, now(), now() from generate_series(1, 3000) as n returning id
), c as (
    insert into conversation (account_id, fan_id, seq, touched_at, last_at, last_in_seq, answered_seq,
                              waiting_since, talked_at, dedicated_staff_id, window_left)
    select :account, id, 9, now() - id * interval '1 minute', now() - id * interval '1 minute',
           9, case when id % 50 = 0 then 0 else 9 end, case when id % 50 = 0 then now() end,
           case when id % 40 = 0 then now() end, case when id % 50 = 1 then :staff end, 0
    from f returning id, talked_at
), s as (
    insert into chat_session (conversation_id, staff_id, opened_at, closed_at)
    select id, case when id % 400 = 0 then :staff else :other end, now(),
           case when talked_at is null then now() end
    from c
)
insert into chat_message (conversation_id, seq, changed_seq, direction, kind, data, state, at, queue,
                          available_at)
select id, n, 9, 'out', 'text', '{}', 'pending', now(), 'chats',
       case when id % 90 = 0 and n > 7 then now() end
from c, generate_series(1, 9) as n
"""


@pytest.fixture(scope="module")
def many(app: Flask, settings: Config) -> tuple[int, int]:
    """An account with many conversations, of which the planner knows; gives it and its chain."""
    chain = make_chain()
    scene = make_scene(chain)
    with tenant_scope(chain.id), unit_of_work() as session:
        staff = [
            tenancy.create_staff(
                session,
                tenancy.StaffDetails(f"{name}-{chain.slug}", name, "en", frozenset({Grant("agent")})),
                password_hash="-",
                one_time=False,
                by=OPERATOR,
                now=clock.now(),
            ).id
            for name in ("lina", "wang")
        ]
        told = {"account": scene.account_id, "staff": staff[0], "other": staff[1]}
        session.execute(sa.text(MANY), told)
    with psycopg.connect(settings.owner_database_url.replace("+psycopg", ""), autocommit=True) as owner:
        for table in ("conversation", "chat_session", "chat_message"):
            owner.execute(f"analyze {table}")
    return chain.id, scene.account_id


CHANGED = "ix_chat_message_tenant_id_conversation_id_changed_seq"
DUE = "ix_chat_message_tenant_id_queue_available_at"


@pytest.mark.parametrize(
    ("ask", "index"),
    [
        (lambda s, a: queries.changed(s), "ix_conversation_tenant_id_touched_at"),
        (lambda s, a: queries.waiting(s, [a]), "ix_conversation_waiting"),
        (lambda s, a: listed(s, a, "waiting"), "ix_conversation_waiting"),
        (lambda s, a: listed(s, a, "all"), "ix_conversation_tenant_id_last_at_id"),
        (lambda s, a: listed(s, a, "mine"), "ix_conversation_dedicated"),
        (lambda s, a: listed(s, a, "mine"), "ix_chat_session_held"),
        (lambda s, a: queries.messages(s, 1), "uq_chat_message_tenant_id_conversation_id_seq"),
        (
            lambda s, a: queries.messages(s, 1, after=2),
            CHANGED,
        ),
        (
            lambda s, a: queries.messages_since(s, {1: 2}),
            CHANGED,
        ),
        (lambda s, a: services.claim(s, now=clock.now()), DUE),
        (lambda s, a: services.next_at(s), DUE),
        (lambda s, a: services.sweep(s, now=clock.now(), batch=5), "ix_conversation_talking"),
    ],
)
def test_each_list_is_answered_by_an_index(many: tuple[int, int], ask, index: str):
    chain_id, account_id = many
    with tenant_scope(chain_id), unit_of_work() as session:
        asked = []
        sa.event.listen(session, "do_orm_execute", lambda state: asked.append(state.statement))
        ask(session, account_id)
        plan = plan_of(session, asked[0])
        session.rollback()
    assert index in plan


def listed(session, account_id: int, which: queries.Which):
    return queries.rows(session, [account_id], which=which, staff_id=1, cursor=None, now=clock.now())


def plan_of(session, statement) -> str:
    sql = statement.compile(session.get_bind(), compile_kwargs={"literal_binds": True})
    return "\n".join(session.scalars(sa.text(f"explain {sql}".replace(":", "\\:"))))
