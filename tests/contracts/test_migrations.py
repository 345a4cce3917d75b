"""The schema: one numbered line of revisions, both directions, equal to the models."""

from __future__ import annotations

import re
from collections.abc import Iterator
from contextlib import contextmanager

import psycopg
import pytest
import sqlalchemy as sa
from alembic.script import ScriptDirectory

import engage.app  # noqa: F401 loads every model
from engage import config
from engage.kernel import embedded, migrations
from engage.kernel.db import db
from engage.kernel.embedded import Database
from tests.running.processes import wait_for

SHAPE = """
    select format('%s.%s %s %s', table_name, column_name, data_type, is_nullable)
      from information_schema.columns where table_schema = 'public'
    union all select indexdef from pg_indexes where schemaname = 'public'
    union all select format('%s %s %s', conrelid::regclass, conname, pg_get_constraintdef(oid))
      from pg_constraint where connamespace = 'public'::regnamespace
    union all select format('%s %s %s %s', tablename, policyname, qual, with_check) from pg_policies
    union all select format('%s %s', oid::regclass, relacl)
      from pg_class where relnamespace = 'public'::regnamespace
    union all select format('%s is not valid', indexrelid::regclass) from pg_index where not indisvalid
"""

# What SQLAlchemy raises on a lost connection, in a transaction and in an autocommit block.
LOST = (sa.exc.OperationalError, sa.exc.PendingRollbackError)

# They commit as they go, so what stops them leaves a part done.
ONLINE = sorted(
    file.stem
    for file in (config.ROOT / "migrations").rglob("0*.py")
    if "autocommit_block" in file.read_text()
)


@pytest.fixture
def empty(servers: embedded.Servers) -> Database:
    """A database without a table."""
    return servers.create_database("migrations")


def line() -> list[str]:
    """Give the revisions, first to last."""
    script = ScriptDirectory.from_config(migrations.alembic_config())
    return [revision.revision for revision in script.walk_revisions()][::-1]


def connect(database: Database, **options: object) -> psycopg.Connection:
    return psycopg.connect(database.owner_url.replace("+psycopg", ""), **options)


def query(database: Database, statement: str) -> Iterator[str]:
    with connect(database) as connection:
        yield from (value for (value,) in connection.execute(statement).fetchall())


def shape(database: Database) -> set[str]:
    """Describe what a migration makes: columns, indexes, constraints, walls, permissions."""
    return {row for row in query(database, SHAPE) if "alembic" not in row}


def test_revisions_are_one_numbered_line() -> None:
    script = ScriptDirectory.from_config(migrations.alembic_config())
    assert len(script.get_heads()) == 1
    assert len(script.get_bases()) == 1
    for number, revision in enumerate(line(), start=1):
        assert re.fullmatch(rf"{number:04}_[a-z0-9_]+", revision)
        found = script.get_revision(revision)
        assert found.path.endswith(f"{revision}.py")
        assert not found.is_merge_point
        assert not found.is_branch_point


def test_every_revision_goes_up_down_and_up_again(empty: Database) -> None:
    shapes = [shape(empty)]
    for revision in line():
        migrations.upgrade(empty.owner_url, revision)
        shapes.append(shape(empty))
    assert len(shapes) == len(line()) + 1
    for below, before in zip([*line()[-2::-1], "base"], shapes[-2::-1], strict=True):
        migrations.downgrade(empty.owner_url, below)
        assert shape(empty) == before
    migrations.upgrade(empty.owner_url)
    assert shape(empty) == shapes[-1]


def test_models_and_head_agree(database: Database) -> None:
    migrations.check(database.owner_url, db.metadata)


def test_the_tables_of_the_models_are_the_tables_of_the_database(database: Database) -> None:
    engine = sa.create_engine(database.owner_url)
    found = set(sa.inspect(engine).get_table_names())
    engine.dispose()
    assert found - {"alembic_version"} == set(db.metadata.tables)


def test_migrations_stand_alone(root) -> None:
    """A migration that imported models would change with them."""
    for file in (root / "migrations").rglob("*.py"):
        assert not re.search(r"^\s*(from|import) (engage|workers)", file.read_text(), re.MULTILINE), file


def test_a_run_that_met_a_lock_is_repeated(empty: Database) -> None:
    """A lock held for longer than migrations wait leaves a half-built index."""
    migrations.upgrade(empty.owner_url)
    head = shape(empty)
    migrations.downgrade(empty.owner_url, "0008_fan_profile")
    with connect(empty) as writer:
        writer.execute("lock table wechat_push in row exclusive mode")
        with pytest.raises(sa.exc.OperationalError, match="lock timeout"):
            migrations.upgrade(empty.owner_url)
    assert any(row.endswith(" is not valid") for row in shape(empty))
    migrations.upgrade(empty.owner_url)
    assert shape(empty) == head


@contextmanager
def statements(*, lose_the_connection_at: int | None = None) -> Iterator[list[str]]:
    """Write down what is executed, up to the statement before which the connection is lost."""
    executed: list[str] = []

    def listen(connection: sa.Connection, _cursor: object, statement: str, *_: object) -> None:
        executed.append(statement)
        if len(executed) == lose_the_connection_at:
            connection.connection.dbapi_connection.close()

    sa.event.listen(sa.Engine, "before_cursor_execute", listen)
    try:
        yield executed
    finally:
        sa.event.remove(sa.Engine, "before_cursor_execute", listen)


def is_alone(database: Database) -> bool:
    """Whether PostgreSQL has noticed that the lost connection is gone, and undone its transaction."""
    others = """select format('%s', pid) from pg_stat_activity
                 where datname = current_database() and pid <> pg_backend_pid()"""
    return not list(query(database, others))


@pytest.mark.parametrize("revision", ONLINE)
def test_a_run_that_stopped_anywhere_is_repeated(empty: Database, revision: str) -> None:
    below = line()[line().index(revision) - 1]
    migrations.upgrade(empty.owner_url, below)
    shape_below = shape(empty)
    with statements() as up:
        migrations.upgrade(empty.owner_url, revision)
    shape_above = shape(empty)
    with statements() as down:
        migrations.downgrade(empty.owner_url, below)
    assert min(len(up), len(down)) >= 5
    for last in range(1, max(len(up), len(down)) + 1):
        if last <= len(up):
            with statements(lose_the_connection_at=last), pytest.raises(LOST):
                migrations.upgrade(empty.owner_url, revision)
            assert wait_for(lambda: is_alone(empty), seconds=30)
        migrations.upgrade(empty.owner_url, revision)
        assert shape(empty) == shape_above
        if last <= len(down):
            with statements(lose_the_connection_at=last), pytest.raises(LOST):
                migrations.downgrade(empty.owner_url, below)
            assert wait_for(lambda: is_alone(empty), seconds=30)
        migrations.downgrade(empty.owner_url, below)
        assert shape(empty) == shape_below


# What the code of 0006 knows of a push and of a message.
PUSHES = """
    select format('%s %s %s %s %s', push_key, kind, body, received_at, handled_at)
      from wechat_push order by push_key
"""
MESSAGES = """
    select format('%s %s %s %s %s', subject_id, state, reason, sent_at, available_at is not null)
      from notification_delivery order by subject_id
"""
DUE = "select format('%s %s', tenant_id, queue) from due order by tenant_id, queue"
WAITING = """
    select push_key from wechat_push
     where queue = 'pushes' and available_at is not null order by push_key
"""


def run(database: Database, *written: str) -> None:
    with connect(database) as connection:
        for statement in written:
            connection.execute(statement)


ACCOUNTS = """
    insert into official_account
         (tenant_id, id, app_id, slug, name, secret, token, encoding_aes_key, welcome, templates, created_at)
       values (1, 1, 'wx1', 'one', 'One', '', '', '', '', '{"appointment_created": "t1"}', now()),
              (2, 1, 'wx2', 'two', 'Two', '', '', '', '', '{}', now())
"""
ACCOUNTS_SINCE = (
    ACCOUNTS.replace("welcome, templates, ", "")
    .replace("'', '', '', '',", "'', '', '',")
    .replace("""'{"appointment_created": "t1"}', """, "")
    .replace("'{}', ", "")
)
BEFORE = (
    """insert into fan (tenant_id, id, account_id, openid, following, first_seen_at, last_seen_at)
       values (1, 1, 1, 'o1', true, now(), now())""",
    """insert into wechat_push (tenant_id, account_id, push_key, kind, body, reply, received_at, handled_at)
       values (1, 1, 'a done', 'text', '<a/>', '<r/>', '2026-01-01 01:00Z', '2026-01-01 01:00:01Z'),
              (1, 1, 'b receipt done', 'event:TEMPLATESENDJOBFINISH', '<b/>', '', '2026-01-01 01:00Z',
               '2026-01-01 01:10Z'),
              (1, 1, 'c receipt waits', 'event:TEMPLATESENDJOBFINISH', '<c/>', '', '2026-01-01 02:00Z', NULL)
    """,
    "insert into due (tenant_id, queue, at) values (1, 'receipts', now()), (1, 'events', now())",
    """insert into notification_delivery
         (tenant_id, kind, subject_id, subject_version, account_id, fan_id, template_id, fields, page,
          state, msg_id, created_at, first_tried_at, sent_at, queue, available_at)
       values (1, 'confirmed', 1, 1, 1, 1, 't', '{}', '', 'delivered', 7, now(), now(), now(),
               'messages', NULL),
              (1, 'confirmed', 2, 1, 1, 1, 't', '{}', '', 'pending', NULL, now(), NULL, NULL,
               'messages', now())""",
)
# As the code of head writes: what waits, waits again, was given up, or waits after a person's replay.
SINCE = (
    """insert into wechat_push
         (tenant_id, account_id, push_key, kind, body, reply, received_at, handled_at,
          queue, available_at, attempts, error, stamp, body_digest, openid, late)
       values (1, 1, 'd done', 'text', '<d/>', '', '2026-01-02 01:00Z', '2026-01-02 01:00:01Z',
               'pushes', NULL, 0, NULL, 'd', 'd', 'o1', false),
              (1, 1, 'e waits', 'text', '<e/>', '', '2026-01-02 01:00Z', NULL,
               'pushes', now(), 1, 'KeyError', 'e', 'e', 'o1', true),
              (2, 1, 'f given up', 'text', '<f/>', '', '2026-01-02 01:00Z', NULL,
               'pushes', NULL, 8, 'KeyError', 'f', 'f', 'o1', true),
              (1, 1, 'g replayed', 'text', '<g/>', '', '2026-01-02 01:00Z', '2026-01-02 01:00:03Z',
               'pushes', now(), 0, NULL, 'g', 'g', 'o1', false)""",
    """insert into notification_delivery
         (tenant_id, kind, channel, subject_id, subject_version, account_id, fan_id, template_id, fields,
          page, state, created_at, first_tried_at, sent_at, queue, available_at, lease)
       values (1, 'late_reply', 'custom', 3, 1, 1, 1, '', '{}', '', 'sent', now(), now(), now(),
               'messages', NULL, NULL),
              (1, 'late_reply', 'custom', 4, 1, 1, 1, '', '{}', '', 'pending', now(), NULL, NULL,
               'messages', now(), NULL),
              (1, 'late_reply', 'custom', 5, 1, 1, 1, '', '{}', '', 'sending', now(), now(), NULL,
               'messages', now(), gen_random_uuid())""",
)


def test_what_was_done_outlives_the_way_there_and_back(empty: Database) -> None:
    migrations.upgrade(empty.owner_url, "0006_notifications")
    run(empty, ACCOUNTS, *BEFORE)
    pushes, messages = list(query(empty, PUSHES)), list(query(empty, MESSAGES))

    migrations.upgrade(empty.owner_url)
    assert list(query(empty, PUSHES)) == pushes
    assert list(query(empty, MESSAGES)) == messages
    assert list(query(empty, WAITING)) == ["c receipt waits"]
    assert list(query(empty, DUE)) == ["1 events", "1 pushes"]
    run(empty, *SINCE)
    pushes, messages = list(query(empty, PUSHES)), list(query(empty, MESSAGES))
    assert len(pushes) == 7

    migrations.downgrade(empty.owner_url, "0006_notifications")
    assert list(query(empty, PUSHES)) == pushes
    assert list(query(empty, DUE)) == ["1 events", "1 receipts"]
    kept, unsent = list(query(empty, MESSAGES))[:3], list(query(empty, MESSAGES))[3:]
    assert kept == messages[:3]
    assert unsent == ["4 skipped no_template  f", "5 unknown no_answer  f"]

    migrations.upgrade(empty.owner_url)
    assert list(query(empty, PUSHES)) == pushes
    assert list(query(empty, MESSAGES)) == kept + unsent
    assert list(query(empty, WAITING)) == ["c receipt waits", "e waits", "f given up"]
    assert list(query(empty, DUE)) == ["1 events", "1 pushes", "2 pushes"]
    assert set(query(empty, "select kind from notification_delivery where channel = 'custom'")) == {
        "late_reply"
    }
    assert set(query(empty, "select kind from notification_delivery where channel = 'template'")) == {
        "confirmed"
    }


def test_what_the_code_before_has_still_to_write_is_taken(empty: Database) -> None:
    """Processes of 0006 that end their work meet the schema of head."""
    migrations.upgrade(empty.owner_url)
    run(empty, ACCOUNTS_SINCE, *BEFORE)
    assert list(query(empty, "select channel from notification_delivery")) == ["template"] * 2


TO_MANY = (
    """insert into fan (tenant_id, id, account_id, openid, following, first_seen_at, last_seen_at)
       select 1, id, 1, 'o' || id, true, now(), now() from generate_series(2, 4) as id""",
    """insert into notification_batch
         (tenant_id, account_id, kind, subject_id, template_id, fields, title, page, state, created_at)
       values (1, 1, 'coupon_arrived', 1, 't', '{}', '', '', 'open', now())""",
    """insert into notification_bundle (tenant_id, batch_id, available_at, out_since, out_last)
       select 1, id, now(), now(), 103 from notification_batch""",
    """insert into notification_delivery
         (tenant_id, id, kind, channel, subject_id, subject_version, account_id, fan_id, template_id, fields,
          title, page, state, created_at, queue, available_at, batch_id, bundle_id)
       select 1, 100 + fan.id, 'coupon_arrived', 'template', 1, 0, 1, fan.id, '', '{}', '', '',
              case fan.id when 2 then 'sent' else 'pending' end, now(), 'bulk',
              case fan.id when 2 then null else now() end, bundle.batch_id, bundle.id
         from fan, notification_bundle as bundle where fan.id > 1""",
)
OF_MANY = """
    select format('%s %s %s', state, reason, available_at is not null)
      from notification_delivery where queue = 'bulk' order by fan_id
"""


def test_messages_to_many_end_on_the_way_back(empty: Database) -> None:
    """The code before has nobody who sends them; what a worker had out may have arrived."""
    migrations.upgrade(empty.owner_url)
    run(empty, ACCOUNTS_SINCE, *BEFORE, *TO_MANY)
    migrations.downgrade(empty.owner_url, "0016_coupons")
    ended = ["sent  f", "unknown no_answer f", "skipped campaign_ended f"]
    assert list(query(empty, OF_MANY)) == ended
    migrations.upgrade(empty.owner_url)
    assert list(query(empty, OF_MANY)) == ended


WORDINGS = "select format('%s %s %s %s', tenant_id, kind, template_id, enabled) from notification_wording"
TEMPLATES = "select format('%s %s', tenant_id, templates) from official_account order by tenant_id"
SWITCHES = "select format('%s %s %s', tenant_id, name, value) from setting"


@pytest.mark.parametrize("switch", [[], ["1 notifications.appointment_created false"]], ids=["on", "off"])
def test_templates_become_wordings_and_templates_again(empty: Database, switch: list[str]) -> None:
    migrations.upgrade(empty.owner_url, "0012_appointments")
    run(empty, ACCOUNTS)
    if switch:
        run(empty, "insert into setting values (1, 'notifications.appointment_created', 'false')")
    templates = list(query(empty, TEMPLATES))

    migrations.upgrade(empty.owner_url, "0013_wording")
    assert list(query(empty, WORDINGS)) == [f"1 appointment_created t1 {'f' if switch else 't'}"]
    assert list(query(empty, SWITCHES)) == []

    migrations.downgrade(empty.owner_url, "0012_appointments")
    assert list(query(empty, TEMPLATES)) == templates
    assert list(query(empty, SWITCHES)) == switch


VISITS = (
    """insert into store (tenant_id, id, slug, name, short_name, address, zone, position)
       values (1, 1, 's', 'S', 'S', '', 'Asia/Shanghai', 0)""",
    "insert into doctor (tenant_id, id, name, title, position) values (1, 1, 'D', '', 0)",
    """insert into appointment (tenant_id, id, key, store_id, doctor_id, fan_id, patient_name, state, version,
                                channel, starts_at, ends_at, booked_at)
       values (1, 1, gen_random_uuid(), 1, 1, 1, 'sealed a', 'confirmed', 1, 'wechat',
               '2026-01-05 01:00Z', '2026-01-05 01:30Z', '2026-01-01 00:00Z'),
              (1, 2, gen_random_uuid(), 1, 1, 1, 'sealed b', 'completed', 1, 'wechat',
               '2026-01-05 01:00Z', '2026-01-05 01:30Z', '2026-01-01 00:00Z'),
              (1, 3, gen_random_uuid(), 1, 1, 1, 'sealed c', 'cancelled', 1, 'wechat',
               '2026-01-05 02:00Z', '2026-01-05 02:30Z', '2026-01-01 00:00Z')""",
    """insert into booking_place (tenant_id, resource, grid_start, capacity, taken)
       values (1, 'doctor:1', '2026-01-05 01:00Z', 3, 2), (1, 'doctor:1', '2026-01-05 02:00Z', 3, 0)""",
)
NAMED = """
    select format('%s %s %s', a.id, convert_from(p.name, 'utf8'), b.fan_id)
      from appointment a join patient p on p.tenant_id = a.tenant_id and p.id = a.patient_id
      join binding b on b.tenant_id = p.tenant_id and b.patient_id = p.id order by a.id
"""
NAMED_BEFORE = "select format('%s %s', id, convert_from(patient_name, 'utf8')) from appointment order by id"
LEDGER = """
    select format('%s %s %s/%s', resource, to_char(grid_start at time zone 'utc', 'HH24:MI'), taken, capacity)
      from booking_place order by grid_start
"""


def test_visits_outlive_the_way_there_and_back(empty: Database) -> None:
    """Each gets a chart and its fan's binding, its half hour becomes six steps; and back."""
    migrations.upgrade(empty.owner_url, "0009_journal")
    run(empty, ACCOUNTS, BEFORE[0], *VISITS)

    migrations.upgrade(empty.owner_url)
    assert list(query(empty, NAMED)) == ["1 sealed a 1", "2 sealed b 1", "3 sealed c 1"]
    assert list(query(empty, "select last::text from chart_number")) == ["3"]
    assert list(query(empty, LEDGER)) == [f"doctor:1 01:{minute:02} 2/3" for minute in range(0, 30, 5)]
    run(
        empty,
        """insert into appointment (tenant_id, id, key, store_id, patient_id, resource, state, version,
                                    channel, starts_at, ends_at, complaint, note, booked_at)
           select 1, 4, gen_random_uuid(), 1, id, 'store:1:any', 'confirmed', 1, 'desk',
                  '2026-01-06 01:00Z', '2026-01-06 02:00Z', '', '', now() from patient where number = 1""",
        "insert into booking_place values (1, 'store:1:any', '2026-01-06 01:00Z', 5, 1)",
    )

    migrations.downgrade(empty.owner_url, "0009_journal")
    assert list(query(empty, NAMED_BEFORE)) == ["1 sealed a", "2 sealed b", "3 sealed c"]
    assert list(query(empty, LEDGER)) == ["doctor:1 01:00 2/3"]

    migrations.upgrade(empty.owner_url)
    assert list(query(empty, NAMED)) == ["1 sealed a 1", "2 sealed b 1", "3 sealed c 1"]
    assert len(list(query(empty, LEDGER))) == 6


# As the code of 0009 could write: shifts of a doctor that overlap, one of a week, one off the grid.
SHIFTS = """insert into shift (tenant_id, doctor_id, store_id, starts_at, ends_at, slot_minutes, per_slot)
       values (1, 1, 1, '2026-01-05 01:00Z', '2026-01-05 05:00Z', 12, 3),
              (1, 1, 1, '2026-01-05 04:00Z', '2026-01-05 08:00Z', 30, 3),
              (1, 1, 1, '2026-01-06 01:00Z', '2026-01-13 01:00Z', 30, 3)"""
PLACES = """
    insert into store (tenant_id, id, slug, name, short_name, address, zone, position)
      overriding system value values (1, 1, 'one', 'One', 'One', '', 'Asia/Shanghai', 0);
    insert into doctor (tenant_id, id, name, title, position)
      overriding system value values (1, 1, 'Li', '', 0);
"""
ROSTER = """
    select format('%s–%s every %s', to_char(starts_at at time zone 'utc', 'DD HH24:MI'),
                  to_char(ends_at at time zone 'utc', 'DD HH24:MI'), slot_minutes)
      from shift order by starts_at
"""


def test_a_store_stays_open_and_a_doctor_comes_to_be_at_one_place(empty: Database) -> None:
    migrations.upgrade(empty.owner_url, "0009_journal")
    run(empty, PLACES, SHIFTS)
    for _ in range(2):
        migrations.upgrade(empty.owner_url, "0010_set_up")
        hours = query(empty, "select format('%s %s–%s', weekday, opens, closes) from store_hours order by 1")
        assert list(hours) == [f"{weekday} 0–1440" for weekday in range(7)]
        assert list(query(empty, ROSTER)) == [
            "05 01:00–05 04:00 every 10",
            "05 04:00–05 08:00 every 30",
            "06 01:00–07 01:00 every 30",
        ]
        migrations.downgrade(empty.owner_url, "0009_journal")
