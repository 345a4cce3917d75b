"""A chosen port is taken or refused; a default one moves to the next free."""

from __future__ import annotations

import contextlib
import socket

import pytest

from engage.cli import Refused, ports

pytestmark = pytest.mark.enable_socket

HOST = "127.0.0.1"


@pytest.fixture
def taken():
    with socket.create_server((HOST, 0)) as server:
        yield server.getsockname()[1]


def held(port: int, *, chosen: bool) -> contextlib.AbstractContextManager[dict[str, int]]:
    return ports.hold({"ENGAGE_PORT": port}, host=HOST, chosen=lambda _name: chosen)


def test_a_default_port_that_is_taken_moves(taken):
    with held(taken, chosen=False) as found:
        assert found["ENGAGE_PORT"] > taken
        assert (found["ENGAGE_PORT"] - taken) % 10 == 0


def test_a_chosen_port_that_is_taken_is_refused(taken):
    with pytest.raises(Refused, match=f"port {taken} is taken: set ENGAGE_PORT"), held(taken, chosen=True):
        pass


def test_two_checkouts_that_start_at_once_do_not_collide(taken):
    with held(taken, chosen=False) as first, held(taken, chosen=False) as second:
        assert first != second
    with held(taken, chosen=False) as third:
        assert third == first
