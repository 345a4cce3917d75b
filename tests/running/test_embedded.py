"""The embedded servers start, stop, keep their data, and never outlive who started them."""

from __future__ import annotations

import os
import signal
from pathlib import Path

import psycopg
import pytest
import redis
from psycopg import errors

from engage.kernel import embedded
from tests.running.processes import processes_with, program, wait_for

HOLD = """
import signal, sys
from pathlib import Path
from engage.kernel import embedded
with embedded.start(Path(sys.argv[1]), durable=False):
    print("ready", flush=True)
    signal.pause()
"""


@pytest.fixture(scope="module")
def home(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("home")


@pytest.fixture(scope="module")
def servers(home: Path):
    with embedded.start(home, durable=False) as servers:
        yield servers


def connect(url: str) -> psycopg.Connection:
    return psycopg.connect(url.replace("+psycopg", ""), autocommit=True)


def test_the_application_owns_nothing_and_bypasses_nothing(servers):
    with connect(servers.database.app_url) as connection:
        powers = connection.execute(
            "select rolsuper, rolbypassrls, rolcreatedb, rolcreaterole from pg_roles"
            " where rolname = current_user"
        )
        assert powers.fetchone() == (False, False, False, False)
        with pytest.raises(errors.InsufficientPrivilege):
            connection.execute("create table mine (id int)")


def test_the_owner_owns_the_database_and_is_no_superuser(servers):
    with connect(servers.database.owner_url) as connection:
        connection.execute("create table made_by_owner (id int)")
        assert connection.execute(
            "select rolsuper from pg_roles where rolname = current_user"
        ).fetchone() == (False,)


def test_chinese_letters_are_letters(servers):
    with connect(servers.database.owner_url) as connection:
        connection.execute("create extension pg_trgm")
        (trigrams,) = connection.execute("select show_trgm('微信会员')").fetchone()
        assert len(trigrams) == 5


def test_a_database_is_copied_and_replaced(servers):
    model = servers.create_database("model")
    with connect(model.owner_url) as connection:
        connection.execute("create table thing (id int)")
    for _ in range(2):
        copy = servers.create_database("copy", template="model")
        with connect(copy.owner_url) as connection:
            connection.execute("insert into thing values (1)")
            assert connection.execute("select count(*) from thing").fetchone() == (1,)


def test_redis_answers_and_is_reached_by_its_owner_alone(servers):
    client = redis.Redis.from_url(servers.redis_url)
    assert client.ping()
    client.close()
    assert servers.run_dir.stat().st_mode & 0o077 == 0


def test_a_dead_server_is_started_again_at_the_same_address(servers):
    servers.valkey.process.kill()
    servers.valkey.process.wait()
    assert servers.revive() == ["Valkey"]
    servers.wait_until_ready()
    assert servers.revive() == []


def test_a_second_start_in_the_same_home_is_refused(servers, home):
    with pytest.raises(embedded.EmbeddedError, match="running already"), embedded.start(home):
        pass


def test_a_long_path_still_has_sockets(tmp_path):
    home = tmp_path / ("long" * 20) / ("longer" * 10)
    with embedded.start(home, durable=False) as servers, connect(servers.database.app_url) as connection:
        assert connection.execute("select 1").fetchone() == (1,)


def test_data_outlives_a_stop_and_kill_9_leaves_no_process(tmp_path):
    home = tmp_path / "home"
    with embedded.start(home, durable=False) as servers, connect(servers.database.owner_url) as connection:
        connection.execute("create table kept as select 7 as n")
    assert not processes_with(str(home))

    with program(HOLD, str(home), says="ready") as holder:
        assert len(processes_with(f"{home}/")) >= 2
        os.kill(holder.pid, signal.SIGKILL)
        assert wait_for(lambda: not processes_with(f"{home}/"), seconds=5)

    with embedded.start(home, durable=False) as servers, connect(servers.database.owner_url) as connection:
        assert connection.execute("select n from kept").fetchone() == (7,)


def test_marks_of_a_dead_server_do_not_hinder_the_next(tmp_path):
    with embedded.start(tmp_path, durable=False) as servers:
        data = next(tmp_path.glob("postgres-*"))
        stale = (data / "postmaster.pid").read_text().splitlines()
        run_dir = servers.run_dir
    stale[0] = str(os.getpid())  # the dead server's number is somebody else's now
    (data / "postmaster.pid").write_text("\n".join(stale))
    (run_dir / ".s.PGSQL.5432.lock").write_text("\n".join(stale))
    with embedded.start(tmp_path, durable=False) as servers, connect(servers.database.app_url) as connection:
        assert connection.execute("select 1").fetchone() == (1,)


def test_a_folder_without_postgresql_is_named(tmp_path):
    said = pytest.raises(embedded.EmbeddedError, match="no PostgreSQL that runs here")
    with said, embedded.start(tmp_path, str(tmp_path)):
        pass
