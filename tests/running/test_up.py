"""`engage up` as a whole: everything answers, one at a time, a crash leaves nothing, the data stays."""

from __future__ import annotations

import http.client
import json
import os
import signal
import subprocess
import sys
from pathlib import Path
from urllib.parse import urlsplit

import psycopg
import pytest

from engage.config import ROOT
from tests.running.processes import processes_with, wait_for
from tests.system import furnish

pytestmark = [pytest.mark.enable_socket, pytest.mark.timeout(180)]

UP = [sys.executable, "-m", "engage.cli", "up"]


@pytest.fixture
def home(tmp_path: Path):
    yield tmp_path / "home"
    for pid in processes_with(f"ENGAGE_HOME={tmp_path / 'home'}"):
        os.kill(pid, signal.SIGKILL)


def environment(home: Path) -> dict[str, str]:
    settings = {name: value for name, value in os.environ.items() if not name.startswith("ENGAGE_")}
    return {**settings, "ENGAGE_HOME": str(home), "ENGAGE_ENV": "development"}


def up(home: Path) -> tuple[subprocess.Popen[bytes], dict]:
    run_file = home / "run.json"
    run_file.unlink(missing_ok=True)
    words = home.with_suffix(".log")
    with words.open("wb") as log:
        process = subprocess.Popen(UP, env=environment(home), cwd=ROOT, stdout=log, stderr=log)
    assert wait_for(lambda: run_file.exists() or process.poll() is not None, seconds=90), words.read_text()
    assert process.poll() is None, words.read_text()
    return process, json.loads(run_file.read_text())


def status(url: str, path: str) -> int:
    place = urlsplit(url)
    connection = http.client.HTTPConnection(place.hostname, place.port, timeout=5)
    try:
        connection.request("GET", path)
        return connection.getresponse().status
    finally:
        connection.close()


def test_up_serves_refuses_a_second_survives_kill_9_and_keeps_its_data(home):
    furnish(home)
    process, running = up(home)
    assert status(running["web"], "/readyz") == 200
    assert status(running["live"], "/healthz") == 200
    assert status(running["sandbox"], "/sandbox/v1/accounts") == 200
    with psycopg.connect(running["owner_database"].replace("+psycopg", "")) as connection:
        connection.execute("create table kept as select 7 as n")

    second = subprocess.run(UP, env=environment(home), cwd=ROOT, capture_output=True, text=True, check=False)
    assert second.returncode == 1
    assert "runs already" in second.stderr

    process.kill()
    process.wait()
    assert wait_for(lambda: not processes_with(str(home)), seconds=10), processes_with(str(home))

    process, running = up(home)
    with psycopg.connect(running["owner_database"].replace("+psycopg", "")) as connection:
        assert connection.execute("select n from kept").fetchone() == (7,)
    process.send_signal(signal.SIGINT)
    assert process.wait(10) == 0
    assert not processes_with(str(home))
    assert not (home / "run.json").exists()
