"""The second wall: what PostgreSQL itself lets `engage_app` see and write, table by table, in raw SQL."""

from __future__ import annotations

import datetime as dt
from collections.abc import Iterator
from dataclasses import dataclass

import psycopg
import pytest
import sqlalchemy as sa
from psycopg import errors, sql
from psycopg.types.json import Jsonb
from sqlalchemy.dialects.postgresql import ARRAY, JSONB

import engage.app  # noqa: F401 loads every model
from engage.kernel.db import db
from engage.kernel.embedded import Database

OUTSIDE = {"directory", "due"}  # read before any tenant is known; no personal data
TABLES = {table.name: table for table in db.metadata.sorted_tables}
WALLED = sorted(set(TABLES) - OUTSIDE)
REFERENCES = sorted(
    (table.name, constraint.name, constraint.referred_table.name)
    for table in TABLES.values()
    for constraint in table.foreign_key_constraints
)
ONLY_ADDED_TO = {"audit_entry"}

# Columns whose CHECK wants a particular value; all else is made from the column's type.
VALUES = {
    ("appointment", "state"): "confirmed",
    ("appointment_touch", "state"): "planned",
    ("task", "assigned_at"): dt.datetime(2026, 1, 1, tzinfo=dt.UTC),
    ("task", "state"): "open",
    ("appointment", "starts_at"): dt.datetime(2026, 1, 1, tzinfo=dt.UTC),
    ("binding", "how"): "desk",
    ("booking_hold", "purpose"): "form",
    ("booking_hold", "starts_at"): dt.datetime(2026, 1, 1, tzinfo=dt.UTC),
    ("booking_place", "capacity"): 2,
    ("coupon", "state"): "draft",
    ("coupon_grant", "state"): "redeemed",
    ("coupon_grant", "valid_from"): dt.datetime(2026, 1, 1, tzinfo=dt.UTC),
    ("coupon_grant", "redeemed_at"): dt.datetime(2026, 1, 1, tzinfo=dt.UTC),
    ("channel_code", "kind"): "promotion",
    ("channel_code", "state"): "active",
    ("channel_ticket", "state"): "pending",
    ("scene_use", "from_at"): dt.datetime(2026, 1, 1, tzinfo=dt.UTC),
    ("chat_message", "direction"): "in",
    ("chat_message", "kind"): "text",
    ("chat_message", "state"): "received",
    ("campaign", "kind"): "push",
    ("campaign", "state"): "scheduled",
    ("campaign_recipient", "state"): "pending",
    ("chat_session", "closed_at"): dt.datetime(2026, 1, 1, tzinfo=dt.UTC),
    ("conversation", "ignored_at"): dt.datetime(2026, 1, 1, tzinfo=dt.UTC),
    ("fan", "asked_store_at"): dt.datetime(2026, 1, 1, tzinfo=dt.UTC),
    ("fan_tag", "how"): "hand",
    ("fan_task", "kind"): "export",
    ("fan_task", "state"): "waiting",
    ("item", "minutes"): 30,
    ("menu_release", "state"): "live",
    ("menu_release", "settled_at"): dt.datetime(2026, 1, 1, tzinfo=dt.UTC),
    ("notification_batch", "state"): "open",
    ("notification_delivery", "channel"): "template",
    ("notification_delivery", "state"): "pending",
    ("official_account", "mode"): "safe",
    ("patient", "source"): "desk",
    ("phone_code", "state"): "pending",
    ("duplicate_key", "reason"): "phone_name",
    ("duplicate_pair", "dismissed_at"): dt.datetime(2026, 1, 1, tzinfo=dt.UTC),
    ("bind_ticket", "used_at"): dt.datetime(2026, 1, 2, tzinfo=dt.UTC),
    ("patient_fact", "visits"): 0,
    ("privacy_request", "decided_at"): dt.datetime(2026, 1, 2, tzinfo=dt.UTC),
    ("profile_submission", "state"): "created",
    ("profile_submission", "decided_at"): dt.datetime(2026, 1, 2, tzinfo=dt.UTC),
    ("picture_bundle", "state"): "pending",
    ("privacy_request", "kind"): "export",
    ("privacy_request", "state"): "done",
    ("privacy_task", "kind"): "export",
    ("privacy_task", "state"): "done",
    ("reply_rule", "kind"): "keyword",
    ("reply_rule", "match"): "equal",
    ("reply_rule", "answer"): Jsonb({"kind": "text", "text": "", "title": "", "url": ""}),
    ("waiting_offer", "answered_at"): dt.datetime(2026, 1, 1, tzinfo=dt.UTC),
    ("waiting_offer", "state"): "taken",
    ("waiting_wish", "state"): "ended",
    ("walk_in", "state"): "waiting",
    ("waiting_wish", "ended_at"): dt.datetime(2026, 1, 1, tzinfo=dt.UTC),
    ("waiting_wish", "weekdays"): [0],
    ("waiting_wish", "to_minute"): 60,
    ("shift", "starts_at"): dt.datetime(2026, 1, 1, tzinfo=dt.UTC),
    ("shift", "slot_minutes"): 30,
    ("staff_role", "role"): "manager",
    ("store", "on_holidays"): "closed",
    ("store_hours", "closes"): 1080,
    ("closure", "starts_at"): dt.datetime(2026, 1, 1, tzinfo=dt.UTC),
    ("closure", "ends_at"): dt.datetime(2026, 1, 2, tzinfo=dt.UTC),
    ("store_day", "stretches"): Jsonb([[540, 720]]),
    ("booking_terms", "latest"): 1080,
    ("booking_terms", "slot_minutes"): 30,
}

# Columns that name another row than their neighbour does: of which table, and what sets that row apart.
OTHERS = {("duplicate_pair", "second_id"): ("patient", {"number": 2})}


@dataclass
class Rows:
    """A row of each walled table for two tenants: table → tenant → its columns."""

    mine: int
    theirs: int
    made: dict[str, dict[int, dict[str, object]]]

    def row(self, table: str, tenant_id: int) -> dict[str, object]:
        """Give the columns of a tenant's row."""
        return self.made[table][tenant_id]


def tenant_column(table: str) -> str:
    """Give the column that says whose row it is."""
    return "id" if table == "tenant" else "tenant_id"


def value(column: sa.Column, number: int) -> object:
    """Make a value of a column's type."""
    kinds: list[tuple[type, object]] = [
        (sa.DateTime, dt.datetime(2026, 1, 2, tzinfo=dt.UTC)),
        (sa.Date, dt.date(2026, 1, 2)),
        (sa.Boolean, True),
        (sa.LargeBinary, b"sealed"),
        (ARRAY, [1] if isinstance(getattr(column.type, "item_type", None), sa.Integer) else ["name"]),
        (JSONB, Jsonb({})),
        (sa.Uuid, f"00000000-0000-0000-0000-{number:012}"),
        (sa.Float, 1.5),
        (sa.Integer, 1),
        (sa.Text, f"text {number}"),
    ]
    plain = column.type.impl_instance if isinstance(column.type, sa.types.TypeDecorator) else column.type
    return next(made for kind, made in kinds if isinstance(plain, kind))


def columns_of(table: sa.Table, tenant_id: int, made: dict[str, dict[int, dict[str, object]]]) -> dict:
    """Make a row of a table for a tenant; references point at the tenant's rows made before."""
    row: dict[str, object] = {}
    for constraint in table.foreign_key_constraints:
        if constraint.referred_table is table:
            continue  # the first row refers to none; each such column may be empty
        for element in constraint.elements:
            target = made[constraint.referred_table.name][tenant_id]
            row[element.parent.name] = target[element.column.name]
    for column in table.columns:
        if column.name == tenant_column(table.name):
            row[column.name] = tenant_id
        elif (table.name, column.name) in VALUES:
            row[column.name] = VALUES[table.name, column.name]
        elif column.name not in row and column.identity is None and not column.nullable:
            row[column.name] = value(column, tenant_id)
    return row


def insertion(table: str, row: dict[str, object]) -> sql.Composed:
    """Write the INSERT of a row."""
    return sql.SQL("insert into {} ({}) {} values ({})").format(
        sql.Identifier(table),
        sql.SQL(", ").join(map(sql.Identifier, row)),
        sql.SQL("overriding system value" if "id" in row and table != "tenant" else ""),
        sql.SQL(", ").join(sql.Placeholder() * len(row)),
    )


def insert(connection: psycopg.Connection, table: str, row: dict[str, object]) -> dict[str, object]:
    """Insert a row and give it as the database made it."""
    with connection.cursor(row_factory=psycopg.rows.dict_row) as cursor:
        return cursor.execute(insertion(table, row) + sql.SQL(" returning *"), list(row.values())).fetchone()


def others(connection: psycopg.Connection, table: sa.Table, tenant_id: int, made: dict) -> dict[str, object]:
    """Make the rows that a table's row names beside the first of theirs."""
    return {
        column: insert(connection, named, columns_of(TABLES[named], tenant_id, made) | apart)["id"]
        for (name, column), (named, apart) in OTHERS.items()
        if name == table.name
    }


def connect(url: str, **options: object) -> psycopg.Connection:
    return psycopg.connect(url.replace("+psycopg", ""), **options)


@pytest.fixture(scope="module")
def rows(database: Database) -> Rows:
    """Fill each walled table with a row of two tenants, as the owner."""
    made: dict[str, dict[int, dict[str, object]]] = {}
    with connect(database.owner_url) as connection:
        mine, theirs = (connection.execute("select nextval('tenant_id_seq')").fetchone()[0] for _ in range(2))
        for table in TABLES.values():
            if table.name not in OUTSIDE:
                of_tenants = made.setdefault(table.name, {})
                for tenant_id in (mine, theirs):
                    row = columns_of(table, tenant_id, made) | others(connection, table, tenant_id, made)
                    of_tenants[tenant_id] = insert(connection, table.name, row)
    return Rows(mine, theirs, made)


@pytest.fixture
def application(database: Database) -> Iterator[psycopg.Connection]:
    """A connection as engage_app; what it writes is rolled back."""
    with connect(database.app_url) as connection:
        yield connection
        connection.rollback()


def enter(connection: psycopg.Connection, tenant_id: int) -> None:
    """Begin to act for a tenant, as the unit of work does."""
    connection.execute("select set_config('engage.tenant_id', %s, true)", (str(tenant_id),))


def count(connection: psycopg.Connection, table: str, tenant_id: int | None = None) -> int:
    """Count rows that are seen, all or one tenant's."""
    statement = sql.SQL("select count(*) from {}").format(sql.Identifier(table))
    if tenant_id is not None:
        statement += sql.SQL(" where {} = {}").format(
            sql.Identifier(tenant_column(table)), sql.Literal(tenant_id)
        )
    return connection.execute(statement).fetchone()[0]


def may(connection: psycopg.Connection, table: str, privilege: str) -> bool:
    return connection.execute("select has_table_privilege(%s, %s)", (table, privilege)).fetchone()[0]


def test_only_the_directory_and_what_is_due_stand_outside(database: Database) -> None:
    with connect(database.owner_url) as owner:
        found = owner.execute(
            "select relname from pg_class where relnamespace = 'public'::regnamespace"
            " and relkind in ('r', 'p') and not relrowsecurity"
        ).fetchall()
    assert {name for (name,) in found} == {*OUTSIDE, "alembic_version"}


def test_the_outside_holds_no_personal_data() -> None:
    assert {column.name for column in TABLES["directory"].columns} == {"key", "tenant_id"}
    assert {column.name for column in TABLES["due"].columns} == {"tenant_id", "id", "queue", "at"}


def test_nothing_else_shows_rows_past_the_wall(database: Database) -> None:
    """Views and functions run with their owner's rights unless told otherwise."""
    with connect(database.owner_url) as owner:
        found = owner.execute(
            "select relname from pg_class"
            " where relnamespace = 'public'::regnamespace and relkind in ('v', 'm') union all"
            " select proname from pg_proc where pronamespace = 'public'::regnamespace and prosecdef"
        ).fetchall()
    assert found == []


def test_the_application_role_is_held_by_the_walls(application: psycopg.Connection) -> None:
    role = application.execute(
        "select current_user, rolsuper, rolbypassrls, rolcreaterole, rolcreatedb from pg_roles"
        " where rolname = current_user"
    ).fetchone()
    assert role == ("engage_app", False, False, False, False)
    owned = application.execute(
        "select count(*) from pg_class where pg_get_userbyid(relowner) = current_user"
    ).fetchone()
    member_of = application.execute(
        "select count(*) from pg_auth_members where member = current_user::regrole"
    ).fetchone()
    assert (owned, member_of) == ((0,), (0,))
    with pytest.raises(errors.InsufficientPrivilege):
        application.execute("create table mine (id int)")


def test_the_application_cannot_lower_a_wall(application: psycopg.Connection) -> None:
    with pytest.raises(errors.InsufficientPrivilege):
        application.execute("alter table staff disable row level security")


@pytest.mark.parametrize("table", WALLED)
def test_without_a_tenant_there_is_no_row(rows: Rows, application: psycopg.Connection, table: str) -> None:
    assert count(application, table) == 0


@pytest.mark.parametrize("table", WALLED)
def test_a_tenant_sees_its_own_rows_alone(rows: Rows, application: psycopg.Connection, table: str) -> None:
    enter(application, rows.mine)
    apart = sum(named == table for named, _ in OTHERS.values())
    assert count(application, table) == count(application, table, rows.mine) == 1 + apart
    assert count(application, table, rows.theirs) == 0


@pytest.mark.parametrize("table", WALLED)
def test_the_scope_ends_with_its_transaction(rows: Rows, application: psycopg.Connection, table: str) -> None:
    enter(application, rows.mine)
    application.commit()
    assert count(application, table) == 0


@pytest.mark.parametrize("table", WALLED)
def test_nothing_is_inserted_for_another_tenant(
    rows: Rows, application: psycopg.Connection, table: str
) -> None:
    enter(application, rows.mine)
    row = columns_of(TABLES[table], rows.theirs, rows.made)
    if table == "tenant":
        row["id"] = rows.theirs + 1_000_000_000
    # Without RETURNING: reading the row back would be refused for a reason of its own.
    with pytest.raises(errors.InsufficientPrivilege, match="row-level security"):
        application.execute(insertion(table, row), list(row.values()))


@pytest.mark.parametrize("table", WALLED)
def test_nothing_of_another_tenant_is_changed_or_deleted(
    rows: Rows, application: psycopg.Connection, table: str
) -> None:
    enter(application, rows.mine)
    own, column = sql.Identifier(table), sql.Identifier(tenant_column(table))
    if may(application, table, "UPDATE"):
        touched = application.execute(
            sql.SQL("update {} set {} = {} where {} = %s").format(own, column, column, column), (rows.theirs,)
        )
        assert touched.rowcount == 0
        walled = pytest.raises(errors.InsufficientPrivilege, match="row-level security")
        with walled, application.transaction():
            application.execute(
                sql.SQL("update {} set {} = %s where {} = %s").format(own, column, column),
                (rows.theirs, rows.mine),
            )
    if may(application, table, "DELETE"):
        gone = application.execute(
            sql.SQL("delete from {} where {} = %s").format(own, column), (rows.theirs,)
        )
        assert gone.rowcount == 0


@pytest.mark.parametrize(("table", "reference", "referred"), REFERENCES)
def test_no_reference_leads_to_another_tenant(
    rows: Rows, database: Database, table: str, reference: str, referred: str
) -> None:
    """Foreign keys ignore row-level security: the owner is not refused, so the key itself must hold."""
    constraint = next(one for one in TABLES[table].foreign_key_constraints if one.name == reference)
    columns = {element.parent.name: element.column.name for element in constraint.elements}
    assert columns.pop("tenant_id") == tenant_column(referred)
    foreign = rows.row(referred, rows.theirs)
    changes = {column: foreign[target] for column, target in columns.items()}
    with connect(database.owner_url) as owner:
        with pytest.raises(errors.ForeignKeyViolation):
            owner.execute(
                sql.SQL("update {} set {} where tenant_id = %s").format(
                    sql.Identifier(table),
                    sql.SQL(", ").join(
                        sql.SQL("{} = {}").format(sql.Identifier(column), sql.Literal(target))
                        for column, target in changes.items()
                    ),
                ),
                (rows.mine,),
            )
        owner.rollback()


@pytest.mark.parametrize("table", WALLED)
def test_the_tenant_leads_every_key(table: str) -> None:
    """So that a key of one tenant says nothing of another's, and tables can be distributed by tenant."""
    lead = tenant_column(table)
    assert next(iter(TABLES[table].primary_key.columns)).name == lead
    if table != "tenant":
        unique = [one for one in TABLES[table].constraints if isinstance(one, sa.UniqueConstraint)]
        assert all(next(iter(constraint.columns)).name == lead for constraint in unique)


@pytest.mark.parametrize("table", sorted(ONLY_ADDED_TO))
@pytest.mark.parametrize("change", ["update {} set tenant_id = tenant_id", "delete from {}", "truncate {}"])
def test_the_trail_is_only_added_to(
    rows: Rows, application: psycopg.Connection, table: str, change: str
) -> None:
    enter(application, rows.mine)
    with pytest.raises(errors.InsufficientPrivilege, match="permission denied"):
        application.execute(sql.SQL(change).format(sql.Identifier(table)))
