"""What all tests stand on: a real PostgreSQL and Valkey a run, a database a worker, a tenant a test."""

from __future__ import annotations

import contextlib
import contextvars
import itertools
import os
import uuid
from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import psycopg
import pytest
import sqlalchemy as sa
from flask import Flask
from flask.testing import FlaskClient
from werkzeug.test import TestResponse

from engage import config
from engage.app import create_app
from engage.audit.services import OPERATOR
from engage.clinic import services as clinic
from engage.clinic.models import Store
from engage.kernel import clock, embedded, migrations
from engage.kernel.db import Session, db, tenant_scope, unit_of_work
from engage.kernel.embedded import Database
from engage.tenancy import passwords
from engage.tenancy import services as tenancy
from engage.tenancy.rules import Grant

PASSWORD = "a long enough password"


@pytest.hookimpl(wrapper=True)
def pytest_runtest_makereport(item: pytest.Item, call: pytest.CallInfo[None]):
    """Let nothing be skipped: a test that cannot run has failed."""
    report = yield
    if report.skipped and not hasattr(report, "wasxfail"):
        report.outcome, report.longrepr = "failed", f"skipped: {report.longrepr}"
    return report


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Let tests that share a running system be one worker's, for it takes half a minute to start."""
    for item in items:
        if "system" in getattr(item, "fixturenames", ()):
            item.add_marker(pytest.mark.xdist_group(item.path.parent.name))


@pytest.fixture(scope="session")
def servers(tmp_path_factory: pytest.TempPathFactory) -> Iterator[embedded.Servers]:
    """PostgreSQL and Valkey of this test process, without durability."""
    with embedded.start(tmp_path_factory.mktemp("engage"), durable=False) as running:
        yield running


@pytest.fixture(scope="session")
def database(servers: embedded.Servers) -> Database:
    """A database at head."""
    made = servers.create_database("test")
    migrations.upgrade(made.owner_url)
    return made


@pytest.fixture(scope="session")
def settings(
    servers: embedded.Servers, database: Database, tmp_path_factory: pytest.TempPathFactory
) -> config.Config:
    """Settings of the tests: our servers, and a WeChat that nobody answers for."""
    environment = {
        "ENGAGE_ENV": "test",
        "ENGAGE_HOME": str(tmp_path_factory.mktemp("home")),
        "ENGAGE_DATABASE_URL": database.app_url,
        "ENGAGE_OWNER_DATABASE_URL": database.owner_url,
        "ENGAGE_REDIS_URL": servers.redis_url,
        "ENGAGE_WECHAT_API_URL": "http://127.0.0.1:9",
        "ENGAGE_WECHAT_OPEN_URL": "http://127.0.0.1:9",
        "ENGAGE_SMS_URL": "http://127.0.0.1:9",
        "ENGAGE_LOG_LEVEL": "WARNING",
    }
    return config.load(environment)


class Browser(FlaskClient):
    """A browser: its requests share nothing with the test, such as `g` or the tenant's scope."""

    def open(self, *arguments: Any, **named: Any) -> TestResponse:
        """Ask in a context of its own."""
        return contextvars.Context().run(super().open, *arguments, **named)


@pytest.fixture(scope="session")
def app(settings: config.Config) -> Iterator[Flask]:
    """The application."""
    made = create_app(settings)
    made.test_client_class = Browser
    with made.app_context():
        yield made
        dispose_engines()


def dispose_engines() -> None:
    """Close the connections of the application around this; forgotten ones fail another test later."""
    for engine in db.engines.values():
        engine.dispose()


@pytest.fixture
def client(app: Flask) -> FlaskClient:
    """A browser."""
    return app.test_client()


@dataclass(frozen=True)
class Chain:
    """A tenant of one test, with a store."""

    id: int
    slug: str
    store: Store


_numbers = itertools.count(1)


@pytest.fixture(scope="session")
def password_hash() -> str:
    """The hash of `PASSWORD`, made once."""
    return passwords.hash_password(PASSWORD)


def make_chain(**changes: str) -> Chain:
    """Make a tenant with a store, through services."""
    slug = f"t{next(_numbers)}-{os.getpid()}-{uuid.uuid4().hex[:6]}"
    new = replace(tenancy.NewTenant(slug, "康美口腔", "康美"), **changes)
    with unit_of_work() as session:
        tenant_id = tenancy.next_tenant_id(session)
    with tenant_scope(tenant_id), unit_of_work() as session:
        tenancy.create_tenant(session, new, now=clock.now())
        store = clinic.create_store(
            session,
            slug="xuhui",
            name="康美口腔徐汇店",
            short_name="徐汇店",
            address="淮海中路 999 号",
            zone=new.zone,
            position=0,
            by=OPERATOR,
            now=clock.now(),
        )
        store.shown_before = True  # pictures are for the tests that are about them
    return Chain(tenant_id, slug, store)


@pytest.fixture
def chain(app: Flask) -> Chain:
    """A tenant nobody else has."""
    return make_chain()


@pytest.fixture
def other_chain(app: Flask) -> Chain:
    """A second tenant, to look at from the first."""
    return make_chain()


@pytest.fixture
def scope(chain: Chain) -> Iterator[Chain]:
    """The test runs inside its tenant's scope."""
    with tenant_scope(chain.id):
        yield chain


@pytest.fixture
def session(scope: Chain) -> Iterator[Session]:
    """A session of the test's tenant; what it writes is rolled back."""
    opened = Session(db, expire_on_commit=False)
    opened.info["tenant_id"] = scope.id
    yield opened
    opened.close()


@pytest.fixture
def analyse(settings: config.Config) -> Callable[[str], None]:
    """Let PostgreSQL count what was committed to a table, so that it plans by the rows that are there."""

    def run(table: str) -> None:
        with psycopg.connect(settings.owner_database_url.replace("+psycopg", ""), autocommit=True) as owner:
            owner.execute(f"analyze {table}")

    return run


@dataclass
class Counted:
    """How many statements were run on the database, the begin and the tenant's telling left out."""

    n: int = 0


@pytest.fixture
def count_queries(app: Flask):
    """Count what a block asks of the database: `with count_queries() as counted: …; counted.n`."""

    @contextlib.contextmanager
    def counting() -> Iterator[Counted]:
        counted = Counted()

        def count(_connection, _cursor, statement: str, *_rest: object) -> None:
            counted.n += not statement.startswith(("begin", "select set_config("))

        def run(cursor: psycopg.RawCursor[Any], *arguments: Any, **named: Any) -> psycopg.RawCursor[Any]:
            counted.n += 1  # past the session (`kernel.db`)
            return execute(cursor, *arguments, **named)

        execute = psycopg.RawCursor.execute
        sa.event.listen(sa.Engine, "before_cursor_execute", count)
        try:
            with pytest.MonkeyPatch.context() as patch:
                patch.setattr(psycopg.RawCursor, "execute", run)
                yield counted
        finally:
            sa.event.remove(sa.Engine, "before_cursor_execute", count)

    return counting


@pytest.fixture
def make_staff(password_hash: str):
    """Make staff of a chain: `make_staff(chain, "lina", "desk", store_id=None)` gives the log-in."""

    def make(chain: Chain, login: str, *roles: str, store_id: int | None = None) -> str:
        grants = frozenset(Grant(role, store_id) for role in roles)
        details = tenancy.StaffDetails(login, login.title(), "en", grants)
        with tenant_scope(chain.id), unit_of_work() as work:
            made = tenancy.create_staff(
                work, details, password_hash=password_hash, one_time=False, by=OPERATOR, now=clock.now()
            )
        return made.login

    return make


def csrf_of(page: str) -> str:
    """Give the form token of a page."""
    return page.split('name="csrf_token" value="', 1)[1].split('"', 1)[0]


def log_in(client: FlaskClient, login: str, password: str = PASSWORD) -> TestResponse:
    """Log in through the form, as a browser does."""
    token = csrf_of(client.get("/console/login").text)
    return client.post("/console/login", data={"csrf_token": token, "username": login, "password": password})


@pytest.fixture
def root() -> Path:
    """The checkout."""
    return config.ROOT
