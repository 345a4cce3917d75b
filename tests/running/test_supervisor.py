"""The supervisor restarts what dies, stops in order, and leaves nothing behind."""

from __future__ import annotations

import os
import re
import signal
import uuid

import pytest

from tests.running.processes import processes_with, program, wait_for

SUPERVISE = """
import os, sys
from pathlib import Path
from engage.cli.supervisor import Program, Stopped, Supervisor
mark, *codes = sys.argv[1:]
with Supervisor(Path.cwd()) as supervisor:
    try:
        for stage, code in enumerate(codes):
            command = [sys.executable, "-c", code]
            supervisor.start(Program(f"p{stage}", command, {**os.environ, "MARK": mark}, stage=stage))
        supervisor.say("all started")
        supervisor.serve()
    except Stopped:
        supervisor.stop()
        supervisor.say("the end")
"""
SLEEP = "import signal; print('asleep'); signal.pause()"
SAY_GOODBYE = """
import signal, sys
signal.signal(signal.SIGTERM, lambda *_: sys.exit(print("goodbye")))
print("asleep")
signal.pause()
"""
STUBBORN = """
import signal
signal.signal(signal.SIGTERM, signal.SIG_IGN)
print("asleep")
while True:
    signal.pause()
"""
WORK_HORSE = """
import os, signal
from engage.kernel.death import follow_parent
follow_parent()
os.setsid()
print("working")
signal.pause()
"""
PARENT = f"import subprocess, sys; subprocess.run([sys.executable, '-c', {WORK_HORSE!r}])"


@pytest.fixture
def mark() -> str:
    return uuid.uuid4().hex


def rest(process) -> str:
    return process.stdout.read()


def test_stops_later_stages_first(mark):
    with program(SUPERVISE, mark, SAY_GOODBYE, SAY_GOODBYE, says="all started") as supervisor:
        assert wait_for(lambda: len(processes_with(f"MARK={mark}")) == 2, seconds=5)
        for _ in range(2):
            while "asleep" not in supervisor.stdout.readline():
                pass
        supervisor.send_signal(signal.SIGINT)
        words = rest(supervisor)
    assert re.findall(r"(p\d) +│ goodbye", words) == ["p1", "p0"]
    assert "the end" in words


def test_a_program_that_dies_is_started_again_and_said(mark):
    with program(SUPERVISE, mark, SLEEP, says="asleep") as supervisor:
        (pid,) = processes_with(f"MARK={mark}")
        os.kill(pid, signal.SIGKILL)
        assert wait_for(lambda: set(processes_with(f"MARK={mark}")) - {pid}, seconds=5)
        supervisor.send_signal(signal.SIGTERM)
        assert "p0 was ended by SIGKILL; starting it again in 0.5 s" in rest(supervisor)


def test_a_second_request_does_not_wait_for_the_stubborn(mark):
    with program(SUPERVISE, mark, STUBBORN, says="asleep") as supervisor:
        supervisor.send_signal(signal.SIGINT)
        supervisor.send_signal(signal.SIGTERM)
        assert wait_for(lambda: supervisor.poll() is not None, seconds=3)
    assert not processes_with(f"MARK={mark}")


def test_kill_9_leaves_no_process_not_even_a_grandchild(mark):
    with program(SUPERVISE, mark, SLEEP, PARENT, STUBBORN, says="working") as supervisor:
        assert len(processes_with(f"MARK={mark}")) == 4
        supervisor.kill()
        assert wait_for(lambda: not processes_with(f"MARK={mark}"), seconds=5)
