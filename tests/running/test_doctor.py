"""Each verdict of `engage doctor` on a sound and on a broken thing."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import psycopg
import pytest
from click.testing import CliRunner

from engage.cli import doctor, main
from engage.cli.chromium import Browser
from engage.kernel import embedded

SOUND = doctor.Database(
    version=160004,
    version_text="16.4",
    encoding="UTF8",
    ctype="C.UTF-8",
    role="engage_app",
    superuser=False,
    bypasses=False,
    owned_tables=0,
    chinese_letters=True,
)


@pytest.mark.parametrize(
    "finding",
    [
        doctor.version(SOUND),
        doctor.locale(SOUND),
        doctor.role(SOUND),
        doctor.migrations({"0002"}, {"0002"}),
        doctor.redis_version("6.2.0"),
        doctor.redis_version("7.2.4"),
        doctor.port("ENGAGE_PORT", 8000, free=True, ours=False, chosen=True),
        doctor.port("ENGAGE_PORT", 8000, free=False, ours=True, chosen=True),
        doctor.port("ENGAGE_PORT", 8000, free=False, ours=False, chosen=False),
        doctor.browser(Browser(Path("/usr/bin/chromium"), {}), ""),
        doctor.process("web", lives=True, answers=True),
    ],
)
def test_sound(finding):
    assert not finding.is_problem


@pytest.mark.parametrize(
    ("finding", "mend"),
    [
        (doctor.version(replace(SOUND, version=140010)), "PostgreSQL 15"),
        (doctor.locale(replace(SOUND, ctype="C", chinese_letters=False)), "C.UTF-8"),
        (doctor.locale(replace(SOUND, encoding="SQL_ASCII")), "UTF8"),
        (doctor.role(replace(SOUND, superuser=True)), "engage_app"),
        (doctor.role(replace(SOUND, bypasses=True)), "nobypassrls"),
        (doctor.role(replace(SOUND, owned_tables=3)), "owning nothing"),
        (doctor.migrations(set(), {"0002"}), "engage migrate"),
        (doctor.migrations({"0001"}, {"0002"}), "engage migrate"),
        (doctor.redis_version("5.0.7"), "6.2"),
        (doctor.port("ENGAGE_PORT", 8000, free=False, ours=False, chosen=True), "ENGAGE_PORT"),
        (doctor.browser(None, ""), "make browser"),
        (doctor.browser(None, "/nowhere"), "ENGAGE_CHROMIUM"),
        (doctor.process("web", lives=False, answers=False), "make run"),
        (doctor.process("web", lives=True, answers=False), "make run"),
    ],
)
def test_broken_and_how_to_mend_it(finding, mend):
    assert mend in finding.mend


@pytest.fixture
def elsewhere(monkeypatch, tmp_path):
    monkeypatch.setenv("ENGAGE_HOME", str(tmp_path))
    monkeypatch.setenv("ENGAGE_ENV", "development")
    return tmp_path


def test_a_server_that_is_down_is_said_with_the_way_out(elsewhere, monkeypatch):
    monkeypatch.setenv("ENGAGE_DATABASE_URL", f"postgresql://engage_app@/engage?host={elsewhere}")
    monkeypatch.setenv("ENGAGE_REDIS_URL", f"unix://{elsewhere}/none.sock")
    told = CliRunner().invoke(main, ["doctor"])
    assert told.exit_code == 1
    assert "problem  database:" in told.output
    assert "problem  Redis:" in told.output


def test_a_file_left_by_a_killed_run_is_noticed(elsewhere):
    (elsewhere / "run.json").write_text("{}")
    findings = {finding.what: finding for finding in doctor.examine()}
    assert "make run" in findings["running"].mend


def test_a_wrong_configuration_is_one_finding(elsewhere, monkeypatch):
    monkeypatch.setenv("ENGAGE_PORT", "eighty")
    (finding,) = doctor.examine()
    assert "ENGAGE_PORT" in finding.mend


def test_a_database_is_asked_what_it_is(elsewhere):
    with embedded.start(elsewhere, durable=False) as servers:
        here = str(servers.run_dir)
        with psycopg.connect(host=here, user="engage_app", dbname="engage") as connection:
            told = doctor.ask(connection)
        assert told == replace(SOUND, version=told.version, version_text=told.version_text)
        with psycopg.connect(host=here, user="engage_cluster", dbname="postgres", autocommit=True) as cluster:
            assert doctor.role(doctor.ask(cluster)).is_problem
            cluster.execute("create database latin lc_collate 'C' lc_ctype 'C' template template0")
        with psycopg.connect(host=here, user="engage_app", dbname="latin") as connection:
            assert doctor.locale(doctor.ask(connection)).is_problem
