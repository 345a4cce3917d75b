"""Rooms and lines by themselves: what a slow reader costs, and what a broken room leaves behind."""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any

import pytest
from flask import Flask
from structlog.testing import capture_logs

from engage.blueprints.live import drawing
from engage.blueprints.live.hub import Hub
from engage.blueprints.live.lines import WAITING, Line, Reader, event
from tests.contracts.callers import log_in_directly
from tests.live.conftest import Talk
from tests.running.processes import wait_for

READER = Reader(1, "Asia/Shanghai", 1, 1, "zh_Hans")


def test_a_line_carries_what_was_sent_to_its_end() -> None:
    line = Line(READER, frozenset())
    chunks = line.chunks()
    line.send(event("pulse", {"waiting": 1}))
    assert next(chunks) == b'event: pulse\ndata: {"waiting": 1}\n\n'
    line.end()
    assert list(chunks) == []


def test_a_reader_that_falls_behind_is_cut_off_and_never_waited_for() -> None:
    line = Line(READER, frozenset())
    for number in range(WAITING + 50):
        line.send(str(number).encode())
    assert list(line.chunks()) == []


def test_words_with_line_breaks_stay_one_event() -> None:
    written = event("chat", {"row": "one\ntwo\r\n\r\nevent: forged"}).decode()
    assert written.count("\n") == 3
    assert json.loads(written.split("data: ", 1)[1]) == {"row": "one\ntwo\r\n\r\nevent: forged"}


@pytest.fixture
def hub(app: Flask, monkeypatch: pytest.MonkeyPatch) -> Iterator[Hub]:
    """A hub of this process, with rooms that read every two seconds and no ear for hints."""
    monkeypatch.setattr(Hub, "_listen", lambda _self: None)
    made = Hub(app)
    yield made
    assert wait_for(lambda: not made._rooms, seconds=10)


def open_line(app: Flask, hub: Hub, talk: Talk) -> Line:
    agent = log_in_directly(app, talk.chain, "agent")
    reader = Reader(talk.chain.id, "Asia/Shanghai", agent.id, agent.session_id, "zh_Hans")
    line = Line(reader, frozenset({talk.account_id}))
    hub.open(line)
    return line


@pytest.mark.filterwarnings("ignore::pytest.PytestUnhandledThreadExceptionWarning")
def test_a_room_that_broke_ends_its_lines_and_another_takes_its_place(
    app: Flask, hub: Hub, talk: Talk, monkeypatch: pytest.MonkeyPatch
) -> None:
    with capture_logs() as told, monkeypatch.context() as broken:
        broken.setattr(drawing, "read", lambda *_arguments, **_named: 1 / 0)
        line = open_line(app, hub, talk)
        talk.writes()
        assert list(line.chunks()) == []
        assert wait_for(lambda: hub.lines() == 0, seconds=5)
        assert wait_for(lambda: bool(told), seconds=5)
    assert told == [{"event": "live.room_broke", "tenant": talk.chain.id, "log_level": "error"}]
    again = open_line(app, hub, talk)
    talk.writes("zum zweiten")
    assert b"zum zweiten" in next(again.chunks())
    hub.close(again)


def test_a_room_without_lines_is_no_more(app: Flask, hub: Hub, talk: Talk) -> None:
    line = open_line(app, hub, talk)
    assert hub.lines() == 1
    hub.close(line)
    hub.close(line)
    assert hub.lines() == 0
    assert wait_for(lambda: not hub._rooms, seconds=10)


def test_a_change_is_drawn_once_a_language_for_whatever_reach(
    app: Flask, hub: Hub, talk: Talk, monkeypatch: pytest.MonkeyPatch
) -> None:
    drawn: list[str] = []
    standing = drawing.Drawing.draw

    def draw(self: drawing.Drawing, app: Flask, language: str, zone: str) -> dict[str, Any]:
        drawn.append(language)
        return standing(self, app, language, zone)

    monkeypatch.setattr(drawing.Drawing, "draw", draw)
    talk.writes("wartet", to_the_store=True)
    narrow, wide = open_line(app, hub, talk), open_line(app, hub, talk)
    wide.accounts = frozenset({talk.account_id, talk.store_account_id})
    talk.writes("beide")
    told = [json.loads(next(line.chunks()).decode().split("data: ", 1)[1]) for line in (narrow, wide)]
    assert [one["waiting"] for one in told] == [1, 2]
    assert drawn == ["zh_Hans"]
    for line in (narrow, wide):
        hub.close(line)


def test_many_changes_at_once_are_all_told(
    app: Flask, hub: Hub, talk: Talk, monkeypatch: pytest.MonkeyPatch
) -> None:
    """More than a turn takes, and more messages than are read at once: what is left out shows as a gap."""
    monkeypatch.setattr("engage.blueprints.live.rooms.AT_ONCE", 1)
    monkeypatch.setattr(drawing, "MESSAGES", 2)
    line = open_line(app, hub, talk)
    chunks = line.chunks()
    one, other = talk.writes("1"), talk.writes("1", to_the_store=True)
    line.accounts = frozenset({talk.account_id, talk.store_account_id})
    for _ in range(4):
        talk.writes("more")
    told: dict[int, int] = {}
    while told != {one: 5, other: 1}:
        data = json.loads(next(chunks).decode().split("data: ", 1)[1])
        if "conversation" in data:
            told[data["conversation"]] = data["to"]
            whole = data["messages"].count("<li ") == data["to"] - data["from"]
            assert whole or data["from"] == data["to"]
    hub.close(line)
