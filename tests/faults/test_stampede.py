"""Many at once for few places over HTTP while web workers are killed: no more is sold than there is (R13)."""

from __future__ import annotations

import itertools
import os
import random
import signal
import socket
import subprocess
import sys
import threading
import uuid
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from pathlib import Path

import pytest
import requests
import sqlalchemy as sa
from flask import Flask, session
from flask_wtf.csrf import generate_csrf

from engage import config
from engage.blueprints.guard import cookie_value, fan_cookie
from engage.booking.models import Appointment
from engage.fans import services as fans
from engage.kernel import clock
from engage.kernel.db import tenant_scope, unit_of_work
from engage.kernel.death import following
from tests.booking.scenes import Scene, make_scene
from tests.conftest import Chain
from tests.faults.test_places import looked_at
from tests.running.processes import wait_for

pytestmark = [pytest.mark.large, pytest.mark.enable_socket, pytest.mark.timeout(1800)]

BOOKED, REFUSED = 303, 409


@dataclass(frozen=True)
class Web:
    """The web, served by gunicorn with two workers."""

    address: str
    pid: int

    @property
    def workers(self) -> set[int]:
        """The processes that serve now."""
        children = Path(f"/proc/{self.pid}/task/{self.pid}/children")
        return set(map(int, children.read_text().split()))

    def lose_a_worker(self) -> None:
        """Kill one of the workers at once."""
        os.kill(min(self.workers), signal.SIGKILL)

    def answers(self) -> bool:
        """Whether somebody serves."""
        try:
            return requests.get(f"{self.address}/healthz", timeout=10).ok
        except (requests.ConnectionError, requests.Timeout):
            return False


@pytest.fixture
def web(settings: config.Config) -> Iterator[Web]:
    """Serve the tests' database as a clinic's machine does."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    process = subprocess.Popen(
        [sys.executable, "-m", "gunicorn", "-c", "gunicorn.conf.py", "-b", f"127.0.0.1:{port}", "wsgi:app"],
        cwd=config.ROOT,
        env={
            "PATH": os.environ["PATH"],
            "ENGAGE_ENV": "test",
            "ENGAGE_HOME": str(settings.home),
            "ENGAGE_DATABASE_URL": settings.database_url,
            "ENGAGE_REDIS_URL": settings.redis_url,
            "ENGAGE_PORT": str(settings.port),  # cookies are called by it
            "ENGAGE_WEB_PROCESSES": "2",
            "ENGAGE_LOG_LEVEL": "CRITICAL",
        },
        stderr=subprocess.DEVNULL,
        preexec_fn=following(signal.SIGKILL),
    )
    served = Web(f"http://127.0.0.1:{port}", process.pid)
    try:
        assert wait_for(served.answers, seconds=180)
        yield served
    finally:
        process.terminate()
        process.wait(30)


@dataclass
class Crowd:
    """Fans at their phones. Who gets no answer taps again; at some answers something happens."""

    web: Web
    scene: Scene
    form_token: str
    cookies: list[str]
    strikes: set[int]
    answered: Iterator[int] = field(default_factory=itertools.count)
    unanswered: list[uuid.UUID] = field(default_factory=list)
    own: threading.local = field(default_factory=threading.local)

    def ask(self, wish: tuple[uuid.UUID, int]) -> tuple[uuid.UUID, int, str]:
        """Book as one of the fans; gives the key, the status and the page it led to."""
        key, fan = wish
        form = {
            "csrf_token": self.form_token,
            "key": str(key),
            "starts_at": self.scene.opens_at.isoformat(),
            "patient_id": str(self.scene.patient_ids[fan]),
        }
        here = f"/p/{self.scene.account_slug}/booking/{self.scene.chain.store.id}/{self.scene.doctor_id}/book"
        answer = self._post(here, form, self.cookies[fan], key)
        if next(self.answered) in self.strikes:
            self.web.lose_a_worker()
        return key, answer.status_code, answer.headers.get("Location", "")

    def _post(self, path: str, form: dict[str, str], cookie: str, key: uuid.UUID) -> requests.Response:
        if not hasattr(self.own, "line"):
            self.own.line = requests.Session()
        while True:
            try:
                return self.own.line.post(
                    f"{self.web.address}{path}",
                    form,
                    headers={"Cookie": cookie},
                    allow_redirects=False,
                    timeout=120,
                )
            except (requests.ConnectionError, requests.exceptions.ChunkedEncodingError):
                self.unanswered.append(key)


@pytest.mark.parametrize("places", [1, 100])
def test_a_stampede_sells_what_there_is_while_workers_die(
    app: Flask, chain: Chain, web: Web, places: int
) -> None:
    """Every wish is sent twice with its key, and again while nobody answers."""
    tries, workers = 10_000, 50
    scene = make_scene(chain, per_slot=places, fan_count=places + 50)
    crowd = Crowd(web, scene, *_logged_in(app, scene), strikes={places // 2, tries // 2})
    wishes = [(uuid.uuid4(), number % len(scene.fan_ids)) for number in range(tries // 2)] * 2
    random.Random(13).shuffle(wishes)
    before = web.workers
    with ThreadPoolExecutor(workers) as pool:
        came = list(pool.map(crowd.ask, wishes))
    assert crowd.unanswered, "nobody was asking when the workers died"
    assert wait_for(lambda: len(web.workers) == 2, seconds=30)
    assert len(before & web.workers) < 2
    assert {status for _key, status, _page in came} == {BOOKED, REFUSED}
    by_key: dict[uuid.UUID, set[tuple[int, str]]] = {}
    for key, status, page in came:
        by_key.setdefault(key, set()).add((status, page))
    assert all(len(one) == 1 for one in by_key.values())
    sold = [page for ((status, page),) in by_key.values() if status == BOOKED]
    assert len(sold) == len(set(sold)) == places
    with tenant_scope(chain.id), unit_of_work() as work:
        assert work.scalar(sa.select(sa.func.count()).select_from(Appointment)) == places
    assert looked_at(app, chain) == {}


def _logged_in(app: Flask, scene: Scene) -> tuple[str, list[str]]:
    """Log all fans in; gives the token of forms, and the cookies of each."""
    with tenant_scope(scene.chain.id), unit_of_work() as work:
        tokens = [fans.log_in(work, fan_id, now=clock.now()) for fan_id in scene.fan_ids]
    with app.app_context(), app.test_request_context():
        form_token = generate_csrf()
        write: Callable[..., str] = app.session_interface.get_signing_serializer(app).dumps
        form_cookie = f"{app.config['SESSION_COOKIE_NAME']}={write(dict(session))}"
        cookies = [f"{fan_cookie()}={cookie_value(scene.chain.id, token)}" for token in tokens]
    return form_token, [f"{form_cookie}; {cookie}" for cookie in cookies]
