"""`engage doctor`: what is wrong with this installation, and how to mend it.

A check looks at one thing and gives a `Finding`. What it judges comes in as plain values, so that
each verdict is tested without the thing being broken for real.
"""

from __future__ import annotations

import contextlib
import json
import os
from collections.abc import Iterator
from dataclasses import dataclass
from urllib.parse import urlsplit

import click
import psycopg
import redis

from engage import config
from engage.cli import Refused, chromium, ports
from engage.cli.running import answers

_START = "start the server, or correct {name}; with it unset `make run` starts an embedded one"
_OLDEST_POSTGRES = 150000
_OLDEST_REDIS = (6, 2)


@dataclass(frozen=True, slots=True)
class Finding:
    """The verdict on one thing; `mend` says what to do where it is a problem."""

    what: str
    found: str
    mend: str = ""

    @property
    def is_problem(self) -> bool:
        """Whether something is to be mended."""
        return bool(self.mend)


@dataclass(frozen=True, slots=True)
class Database:
    """What a database says of itself and of the role that asked."""

    version: int
    version_text: str
    encoding: str
    ctype: str
    role: str
    superuser: bool
    bypasses: bool
    owned_tables: int
    chinese_letters: bool


@dataclass(frozen=True, slots=True)
class Running:
    """What `engage up` wrote into run.json."""

    web: str
    live: str
    sandbox: str
    database: str
    owner_database: str
    redis: str
    pids: dict[str, int]


@click.command()
def doctor() -> None:
    """Say what is wrong with this installation and how to mend it; exit code 1 if something is."""
    findings = list(examine())
    for finding in findings:
        click.echo(_line(finding))
    if problems := sum(finding.is_problem for finding in findings):
        raise Refused(f"{problems} to mend")


def examine() -> Iterator[Finding]:
    """Check everything that can be checked here; a check whose ground is missing is left out."""
    try:
        settings = config.load()
    except config.ConfigError as error:
        yield Finding("configuration", "refused", mend=str(error))
        return
    yield Finding("configuration", f"{settings.env}, home {settings.home}")
    running = _running(settings)
    yield state(settings, running)
    yield from _databases(settings)
    yield from _redis(settings)
    yield from _ports(settings, running)
    if settings.development:
        yield browser(chromium.find(settings.chromium), settings.chromium)
    yield from _processes(running)


def state(settings: config.Config, running: Running | None) -> Finding:
    """Judge whether it runs, and whether a killed run left its file behind."""
    if running:
        return Finding("running", f"yes, {running.web}/console/")
    if settings.run_file.exists():
        return Finding(
            "running", "no, but run.json says so", mend="`make run` starts it and forgets the old file"
        )
    return Finding("running", "no; `make run` starts it")


def version(database: Database) -> Finding:
    """Judge the version of PostgreSQL."""
    found = f"PostgreSQL {database.version_text}"
    if database.version < _OLDEST_POSTGRES:
        return Finding("database version", found, mend="use PostgreSQL 15 or newer")
    return Finding("database version", found)


def locale(database: Database) -> Finding:
    """Judge encoding and locale: the locale C knows no Chinese letters, and search finds nothing."""
    found = f"{database.encoding}, {database.ctype}"
    if database.encoding != "UTF8" or not database.chinese_letters:
        return Finding(
            "database locale",
            found,
            mend="make the database again with: create database engage owner engage_owner encoding 'UTF8' "
            "lc_collate 'C.UTF-8' lc_ctype 'C.UTF-8' template template0",
        )
    return Finding("database locale", found)


def role(database: Database) -> Finding:
    """Judge whether row-level security holds the role that web and workers log in as."""
    why = {
        "is a superuser": database.superuser,
        "may bypass row-level security": database.bypasses,
        f"owns {database.owned_tables} tables": database.owned_tables > 0,
    }
    if reasons := [reason for reason, true in why.items() if true]:
        return Finding(
            "database role",
            f"{database.role} {' and '.join(reasons)}: tenants are not separated",
            mend="let ENGAGE_DATABASE_URL log in as engage_app: create role engage_app login password '…' "
            "nosuperuser nobypassrls, owning nothing; the owner goes into ENGAGE_OWNER_DATABASE_URL",
        )
    return Finding("database role", f"{database.role}, held by row-level security")


def migrations(applied: set[str], newest: set[str]) -> Finding:
    """Judge whether the database's migrations are the code's."""
    if applied == newest:
        return Finding("migrations", f"at {', '.join(sorted(newest)) or 'none'}")
    found = f"at {', '.join(sorted(applied)) or 'none'}, the code wants {', '.join(sorted(newest))}"
    return Finding(
        "migrations", found, mend="run `engage migrate` (a database newer than the code wants newer code)"
    )


def redis_version(text: str) -> Finding:
    """Judge the version that Redis or Valkey gives (Valkey gives the Redis it agrees with)."""
    numbers = tuple(int(part) for part in text.split(".")[:2])
    if numbers < _OLDEST_REDIS:
        return Finding("Redis version", text, mend="use Redis 6.2 or newer, or Valkey")
    return Finding("Redis version", text)


def port(name: str, number: int, *, free: bool, ours: bool, chosen: bool) -> Finding:
    """Judge whether a port can be listened on, or is listened on by what runs here."""
    if free:
        return Finding(f"port {number}", "free")
    if ours:
        return Finding(f"port {number}", "ours")
    if not chosen:
        return Finding(f"port {number}", "taken by another program; `make run` takes the next free one")
    return Finding(f"port {number}", "taken by another program", mend=f"end that program, or change {name}")


def process(name: str, *, lives: bool, answers: bool) -> Finding:
    """Judge one process that `engage up` started."""
    if lives and answers:
        return Finding(name, "runs")
    found = (
        "runs but is not ready"
        if lives
        else "has ended; `engage up` starts it again, waiting longer each time"
    )
    return Finding(name, found, mend="read its words in the window of `make run`")


def browser(found: chromium.Browser | None, chosen: str) -> Finding:
    """Judge whether browser tests and screenshots have a Chromium."""
    if found:
        return Finding("Chromium", str(found.path))
    if chosen:
        return Finding("Chromium", f"{chosen} is no file", mend="correct ENGAGE_CHROMIUM or unset it")
    return Finding(
        "Chromium", "none", mend="`make browser` sets one up on x86_64 Linux; elsewhere install Chromium"
    )


def _running(settings: config.Config) -> Running | None:
    """Give what `engage up` wrote, if that process still lives."""
    try:
        running = Running(**json.loads(settings.run_file.read_text()))
    except (FileNotFoundError, json.JSONDecodeError, TypeError):
        return None
    return running if _lives(running.pids["up"]) else None


def _lives(pid: int) -> bool:
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    except PermissionError:
        return True
    return True


def _ports(settings: config.Config, running: Running | None) -> Iterator[Finding]:
    wanted = {"ENGAGE_PORT": settings.port, "ENGAGE_LIVE_PORT": settings.live_port}
    if settings.development:
        wanted["ENGAGE_SANDBOX_PORT"] = settings.sandbox_port
    if running:
        places = (running.web, running.live, running.sandbox)
        wanted = {name: urlsplit(url).port or 0 for name, url in zip(wanted, places, strict=False)}
    for name, number in wanted.items():
        free = ports.is_free(settings.host, number)
        yield port(name, number, free=free, ours=running is not None, chosen=config.is_set(name))


def _processes(running: Running | None) -> Iterator[Finding]:
    for name, pid in running.pids.items() if running else ():
        yield process(name, lives=_lives(pid), answers=not running or _answers(running, name))


def _answers(running: Running, name: str) -> bool:
    asked = {"web": (running.web, "/readyz"), "live": (running.live, "/healthz")}
    return name not in asked or answers(*asked[name])


def _databases(settings: config.Config) -> Iterator[Finding]:
    if not settings.database_url:
        yield Finding("database", "embedded, started by `make run`")
        return
    try:
        with psycopg.connect(_libpq(settings.database_url), connect_timeout=3) as connection:
            database = ask(connection)
            yield Finding("database", "answers")
            yield from (verdict(database) for verdict in (version, locale, role))
        if settings.owner_database_url:
            with psycopg.connect(_libpq(settings.owner_database_url), connect_timeout=3) as connection:
                yield migrations(_applied(connection), _newest())
    except psycopg.OperationalError as error:
        yield Finding(
            "database", str(error).strip().splitlines()[0], mend=_START.format(name="ENGAGE_DATABASE_URL")
        )


def _redis(settings: config.Config) -> Iterator[Finding]:
    if not settings.redis_url:
        yield Finding("Redis", "embedded, started by `make run`")
        return
    with contextlib.closing(redis.Redis.from_url(settings.redis_url, socket_connect_timeout=3)) as client:
        try:
            text = client.info("server")["redis_version"]
        except redis.RedisError as error:
            yield Finding("Redis", str(error), mend=_START.format(name="ENGAGE_REDIS_URL"))
            return
    yield Finding("Redis", "answers")
    yield redis_version(text)


def ask(connection: psycopg.Connection[tuple[object, ...]]) -> Database:
    """Ask a database what it is and who we are in it."""
    row = connection.execute(
        """
        select current_setting('server_version_num')::int, current_setting('server_version'),
               pg_encoding_to_char(d.encoding), d.datctype, r.rolname, r.rolsuper, r.rolbypassrls,
               (select count(*) from pg_class c join pg_namespace n on n.oid = c.relnamespace
                 where c.relkind = 'r' and c.relowner = r.oid and n.nspname = 'public')::int,
               '微' ~ '^\\w$'
          from pg_roles r, pg_database d
         where r.rolname = current_user and d.datname = current_database()
        """
    ).fetchone()
    return Database(*row)  # type: ignore[misc]  # the query names the fields in order


def _applied(connection: psycopg.Connection[tuple[object, ...]]) -> set[str]:
    if connection.execute("select to_regclass('alembic_version')").fetchone() == (None,):
        return set()
    return {str(name) for (name,) in connection.execute("select version_num from alembic_version")}


def _newest() -> set[str]:
    from alembic.script import ScriptDirectory

    from engage.kernel import migrations as schema

    return set(ScriptDirectory.from_config(schema.alembic_config()).get_heads())


def _libpq(url: str) -> str:
    return url.replace("postgresql+psycopg://", "postgresql://", 1)


def _line(finding: Finding) -> str:
    word = (
        click.style("problem", fg="red", bold=True)
        if finding.is_problem
        else click.style("ok     ", fg="green")
    )
    mend = f"\n         → {finding.mend}" if finding.is_problem else ""
    return f"{word}  {finding.what}: {finding.found}{mend}"
