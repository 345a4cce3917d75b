"""The database: models' base, sessions, the unit of work and the tenant's scope.

Two walls stand around a tenant (design §3.1). Here is the first: a session refuses ORM statements
on a tenant's rows outside `tenant_scope` and filters them inside. The second is row-level security
in PostgreSQL, told the tenant by `set_config` at the begin of every transaction.
"""

from __future__ import annotations

import datetime as dt
import functools
import re
import time
from collections.abc import Collection, Iterator, Mapping
from contextlib import contextmanager
from contextvars import ContextVar
from typing import TYPE_CHECKING, Any, cast

import psycopg
import sqlalchemy as sa
from flask_sqlalchemy import SQLAlchemy
from flask_sqlalchemy.session import Session as FlaskSession
from psycopg.pq import TransactionStatus
from psycopg.rows import namedtuple_row
from sqlalchemy import event, orm
from sqlalchemy.dialects.postgresql import JSONB
from sqlalchemy.orm import DeclarativeBase, Mapped, mapped_column, registry
from sqlalchemy.sql import visitors

from engage.kernel import doorbell, live, soon

NAMING = {
    "pk": "pk_%(table_name)s",
    "fk": "fk_%(table_name)s_%(column_0_N_name)s",
    "uq": "uq_%(table_name)s_%(column_0_N_name)s",
    "ix": "ix_%(table_name)s_%(column_0_N_name)s",
    "ck": "ck_%(table_name)s_%(constraint_name)s",
}


class Base(DeclarativeBase):
    """Base of all models: aware timestamps, text without length, 64-bit whole numbers, JSONB."""

    # Flask-SQLAlchemy refuses a `type_annotation_map` on the class itself, but takes a registry.
    registry = registry(
        metadata=sa.MetaData(naming_convention=NAMING),
        type_annotation_map={
            dt.datetime: sa.DateTime(timezone=True),
            str: sa.Text,
            int: sa.BigInteger,
            dict[str, Any]: JSONB,
        },
    )


class NoTenantScope(RuntimeError):
    """A statement on a tenant's rows was run outside `tenant_scope`: a programming error."""


class Session(FlaskSession):
    """A session of one tenant at most; `info["tenant_id"]` says which.

    Flask-SQLAlchemy's own session ignores `bind`; this one honours it.
    """

    def get_bind(self, *args: Any, **kwargs: Any) -> Any:
        """Give the session's own bind if it has one, else the model's engine."""
        return self.bind if self.bind is not None else super().get_bind(*args, **kwargs)

    @property
    def tenant_id(self) -> int:
        """Tenant of this session.

        Raises:
            NoTenantScope: the session was opened outside `tenant_scope`.
        """
        tenant_id: int | None = self.info.get("tenant_id")
        if tenant_id is None:
            raise NoTenantScope("open the unit of work inside tenant_scope(...)")
        return tenant_id


db = SQLAlchemy(model_class=Base, session_options={"class_": Session}, disable_autonaming=True)

if TYPE_CHECKING:
    Model = Base
else:
    Model = db.Model


class TenantOwned:
    """Mixin of every row that belongs to a tenant; the database fills `tenant_id` from the scope.

    Keys are `(tenant_id, id)` and foreign keys composite, for foreign keys ignore row-level
    security (design §3.1).
    """

    tenant_id: Mapped[int] = mapped_column(
        primary_key=True,
        autoincrement=False,
        sort_order=-10,
        server_default=sa.text("nullif(current_setting('engage.tenant_id', true), '')::bigint"),
    )


class Identified(TenantOwned):
    """Mixin of tenant's rows with a generated id."""

    id: Mapped[int] = mapped_column(sa.Identity(), primary_key=True, sort_order=-9)


def belongs_to(table: str, column: str, **options: Any) -> sa.ForeignKeyConstraint:
    """Composite foreign key `(tenant_id, column)` to `(tenant_id, id)` of another table."""
    return sa.ForeignKeyConstraint(["tenant_id", column], [f"{table}.tenant_id", f"{table}.id"], **options)


_scope: ContextVar[int | None] = ContextVar("tenant_scope", default=None)


@contextmanager
def tenant_scope(tenant_id: int) -> Iterator[None]:
    """Run the block for one tenant; units of work opened inside see its rows alone.

    Raises:
        RuntimeError: the block already runs for another tenant.
    """
    held = _scope.get()
    if held is not None and held != tenant_id:
        raise RuntimeError("one request or job serves one tenant")
    token = _scope.set(tenant_id)
    try:
        yield
    finally:
        _scope.reset(token)


@contextmanager
def unit_of_work(*, statement_ms: int | None = None) -> Iterator[Session]:
    """Open a session for one business transaction: committed at the end, rolled back on an error.

    After the commit the doorbell rings for the queues whose work the transaction recorded, and the
    event streams are told if it hinted at a change (`engage.kernel.live`).
    Nothing that talks over a network belongs inside. `statement_ms` cuts each statement, its wait
    for locks included, where somebody waits for the answer.
    """
    session = Session(db, expire_on_commit=False)
    session.info["tenant_id"] = _scope.get()
    session.info["statement_ms"] = statement_ms
    try:
        yield session
        session.commit()
        rings, hinted = session.info.pop("rings", set()), session.info.pop("live", False)
        times = session.info.pop("live_times", set())
    finally:
        session.close()
    for queue in sorted(rings):
        soon.tell(doorbell.ring, session.tenant_id, queue)
    if hinted:
        soon.tell(live.publish, session.tenant_id)
    for store_id, at in sorted(times):
        soon.tell(live.publish_time, session.tenant_id, store_id, at)


# A connection used just now is taken to live: no server restarts in less. `pool_pre_ping` would ask always.
PING_AFTER_SECONDS = 0.05


@event.listens_for(sa.Pool, "checkin")
def _note_the_time(connection: psycopg.Connection[Any] | None, record: sa.pool.ConnectionPoolEntry) -> None:
    broke = connection is None or connection.closed
    record.info["returned_at"] = -PING_AFTER_SECONDS if broke else time.monotonic()


@event.listens_for(sa.Pool, "checkout")
def _ping_after_a_rest(
    connection: psycopg.Connection[Any], record: sa.pool.ConnectionPoolEntry, _proxy: object
) -> None:
    rested = time.monotonic() - record.info.get("returned_at", time.monotonic())
    if rested > PING_AFTER_SECONDS:
        try:
            connection.execute("select 1")
            connection.rollback()
        except psycopg.OperationalError as gone:
            raise sa.exc.DisconnectionError from gone  # the pool opens another


class _Connection(psycopg.Connection[Any]):
    """A connection that remembers its prepared statements when a transaction is refused.

    psycopg forgets them all, since a rollback may take back what they name; processes of ours make and drop
    no tables. A refusal would have PostgreSQL plan everything anew: 2 of the 5 ms that one took.
    """

    def rollback(self) -> None:
        """End the transaction without a trace."""
        with self.lock:
            if self.pgconn.transaction_status in {TransactionStatus.INTRANS, TransactionStatus.INERROR}:
                self.pgconn.exec_(b"rollback")
        super().rollback()  # nothing is left to do but for a connection that broke


def remember_statements(engine: sa.Engine) -> None:
    """Let an engine's connections keep their prepared statements over refusals."""

    def connect(
        _dialect: object, _record: object, arguments: list[Any], options: dict[str, Any]
    ) -> _Connection:
        return _Connection.connect(*arguments, **options)

    event.listen(engine, "do_connect", connect)


# The first part of a statement that is a whole transaction: it tells the tenant.
_TOLD = sa.bindparam("scope_tenant", type_=sa.Text)
SCOPE = sa.select(
    sa.func.set_config(sa.literal_column("'engage.tenant_id'"), _TOLD, sa.literal_column("true"))
).cte("scope")
# The same tenant, as what such a statement compares with.
TENANT = sa.cast(_TOLD, sa.BigInteger)

# The engine whose connections commit each statement, and cut it after `BRIEF_MS`.
BRIEF, BRIEF_MS = "brief", 1200


def run_alone(
    statement: sa.Executable,
    values: Mapping[str, Any],
    *,
    rings: Collection[str] = (),
    hinted: bool = False,
) -> Any:
    """Run one statement as a transaction of the tenant in scope; gives its first value, or None.

    For what comes by the thousand: one trip to the database in place of five, and no session. All
    that the statement writes must come from `SCOPE`, so that the tenant is told before a policy
    asks for it; otherwise the wall refuses the row. It is built once and holds no values of its own.
    After `BRIEF_MS`, waits for locks included, it is cut. Where it gave a value, the doorbell rings
    for the queues in `rings`, in which it recorded work, and the event streams are told if `hinted`, soon
    after (`kernel.soon`).

    Raises:
        NoTenantScope: there is no scope.
        psycopg.Error: the statement was cut or refused, or the database is away.
    """
    tenant_id, row = _alone(statement, values)
    if row is None:
        return None
    for queue in rings:
        soon.tell(doorbell.ring, tenant_id, queue)
    if hinted:
        soon.tell(live.publish, tenant_id)
    return row[0]


def scoped(read: sa.Select[Any]) -> sa.Select[Any]:
    """Build for `read_alone` the statement that gives the first row that another finds.

    PostgreSQL is told the tenant before it looks: what it may not look at before, it cannot find empty.
    """
    first = read.where(SCOPE.c.set_config.is_not(None)).limit(sa.literal_column("1")).lateral("found")
    return sa.select(first).select_from(SCOPE.join(first, sa.true()))


def read_alone(statement: sa.Select[Any], values: Mapping[str, Any]) -> Any | None:
    """Run a statement of `scoped` as a transaction of the tenant in scope; gives the row, or None.

    Columns are the row's attributes. Otherwise as `run_alone`.
    """
    return _alone(statement, values)[1]


def _alone(statement: sa.Executable, values: Mapping[str, Any]) -> tuple[int, Any | None]:
    tenant_id = _scope.get()
    if tenant_id is None:
        raise NoTenantScope("run the statement inside tenant_scope(...)")
    pooled = db.engines[BRIEF].raw_connection()
    try:
        text, own = _sql(statement)
        told = {**own, **values, "scope_tenant": str(tenant_id)}
        sql, names = _placed(text)
        row = _cursor(pooled).execute(sql, [told[name] for name in names], prepare=True).fetchone()
    finally:
        pooled.close()
    return tenant_id, row


def _cursor(pooled: sa.PoolProxiedConnection) -> psycopg.RawCursor[Any]:
    """Give the connection's one cursor: it remembers how to write what comes again and again."""
    cursor: psycopg.RawCursor[Any] | None = pooled.info.get("cursor")
    if cursor is None:
        connection = cast("psycopg.Connection[Any]", pooled.driver_connection)
        cursor = pooled.info["cursor"] = psycopg.RawCursor(connection, row_factory=namedtuple_row)
    return cursor


@functools.cache
def _sql(statement: sa.Executable) -> tuple[str, Mapping[str, Any]]:
    """Write a statement, with the values that it holds itself."""
    compiled = cast("sa.ClauseElement", statement).compile(db.engine)
    return str(compiled), compiled.params


@functools.cache
def _placed(sql: str) -> tuple[bytes, tuple[str, ...]]:
    """Write PostgreSQL's own places for the names of values; gives them in their order.

    psycopg would read the statement again for every push: it remembers only those under 4 KB.
    """
    places: dict[str, int] = {}
    placed = _NAMED.sub(lambda found: f"${places.setdefault(found[1], len(places) + 1)}", sql)
    return placed.replace("%%", "%").encode(), tuple(places)


_NAMED = re.compile(r"%\((\w+)\)s")


def lock(session: Session, keys: Collection[int]) -> None:
    """Hold PostgreSQL's advisory locks of some keys until the transaction ends; taken in one order.

    Where the transaction has not begun this takes no trip of its own.
    """
    if session.in_transaction():
        session.connection().exec_driver_sql(_locking(keys), execution_options=_AS_IT_IS)
    else:
        session.info["locks"] = keys
        session.connection()


def _locking(keys: Collection[int]) -> str:
    listed = ", ".join(f"{key:d}" for key in sorted(keys))
    return f"select pg_advisory_xact_lock(key) from unnest(array[{listed}]::bigint[]) key"  # noqa: S608 numbers


# Several statements in one trip: psycopg prepares only what comes with values, and that one by one.
_AS_IT_IS = {"no_parameters": True}


@event.listens_for(Session, "after_begin")
def _begin(session: Session, transaction: orm.SessionTransaction, connection: sa.Connection) -> None:
    """Begin, and tell all that a transaction is to know, in one trip.

    The connections are in autocommit mode, so that psycopg sends no BEGIN of its own before.
    """
    if transaction.nested:
        return  # a savepoint knows what its transaction was told
    told = []
    if cast("psycopg.Connection[Any]", connection.connection.driver_connection).autocommit:
        told.append("begin")
    if (tenant_id := session.info.get("tenant_id")) is not None:
        told.append(f"select set_config('engage.tenant_id', '{tenant_id:d}', true)")
    if (statement_ms := session.info.get("statement_ms")) is not None:
        told.append(f"select set_config('statement_timeout', '{statement_ms:d}', true)")
    if keys := session.info.pop("locks", None):
        told.append(_locking(keys))
    if told:
        connection.exec_driver_sql("; ".join(told), execution_options=_AS_IT_IS)


@event.listens_for(Session, "do_orm_execute")
def _stay_in_scope(state: orm.ORMExecuteState) -> None:
    if state.is_column_load or state.is_relationship_load:
        return
    if current := state.session.info.get("tenant_id"):
        tenant_id: int = current
    elif _touches_a_tenant(state.statement):
        raise NoTenantScope("open the unit of work inside tenant_scope(...)")
    else:
        return
    if state.is_orm_statement and not state.is_insert:
        state.statement = state.statement.options(
            orm.with_loader_criteria(
                TenantOwned, lambda cls: cls.tenant_id == tenant_id, include_aliases=True
            )
        )


def _touches_a_tenant(statement: sa.Executable) -> bool:
    """Whether a tenant's rows occur anywhere in it, also below a count or an EXISTS."""
    parts = visitors.iterate(cast("sa.ClauseElement", statement))
    mappers = (part._annotations.get("parententity") for part in parts)
    return any(mapper is not None and issubclass(mapper.class_, TenantOwned) for mapper in mappers)


@event.listens_for(Session, "before_flush")
def _write_in_scope(session: Session, _context: orm.UOWTransaction, _instances: object) -> None:
    for row in session.new:
        if isinstance(row, TenantOwned):
            row.tenant_id = session.tenant_id
