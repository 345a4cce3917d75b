"""Rooms: one for each tenant whose staff listen. A room reads what changed, once for all its lines.

A hint of Redis wakes it at once, and it reads every two seconds without any, for hints may be lost.
It is written with threads; under gevent, as on the live process, they are greenlets.
"""

from __future__ import annotations

import math
import threading
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Final

import structlog
from flask import Flask
from sqlalchemy.exc import OperationalError
from sqlalchemy.exc import TimeoutError as PoolTimeout

from engage.blueprints.live import drawing
from engage.blueprints.live.drawing import Change, Drawing
from engage.blueprints.live.lines import NOWHERE, Line, event
from engage.chat import queries
from engage.kernel import clock
from engage.kernel.db import tenant_scope, unit_of_work
from engage.tenancy import queries as tenancy
from engage.tenancy.rules import StoreScope, store_scope

log = structlog.get_logger()

SEES: Final = "chats.view"
SEES_VISITS: Final = "appointments.view"

EVERY: Final = 2.0
# Hints come in swarms: between two reads lies at least this, and at least as long as the last one took.
REST: Final = 0.03
PULSE: Final = 20.0
LINES_OF_A_LOG_IN: Final = 8

# A change is seen by its time, and its time is before its commit. Each read looks back a little, and
# every few seconds one looks back further than any transaction may take.
LOOK_BACK, LOOK_FAR_BACK = 5, 30
FAR_EVERY: Final = 5.0
# Of a conversation that is new to the room, the changes up to so many numbers back are sent with it.
OVERLAP: Final = 5
AT_ONCE: Final = 50


@dataclass(eq=False)
class Room:
    """The lines of one tenant, and what they were told already."""

    app: Flask
    tenant_id: int
    zone: str
    lines: dict[Line, None] = field(default_factory=dict)
    bell: threading.Event = field(default_factory=threading.Event)
    ready: threading.Event = field(default_factory=threading.Event)
    _known: dict[int, int] = field(default_factory=dict)
    _read_at: float = 0.0
    _far_at: float = 0.0
    _pulse_at: float = field(default_factory=lambda: time.monotonic() + PULSE)
    _hinted: bool = True
    _touched: set[tuple[int, int]] = field(default_factory=set)

    def add(self, line: Line) -> None:
        """Let a line in; a browser that left without a word has lines behind it, of which the oldest ends."""
        same = [other for other in list(self.lines) if other.reader.session_id == line.reader.session_id]
        for other in same[: max(0, len(same) + 1 - LINES_OF_A_LOG_IN)]:
            other.end()
        self.lines[line] = None

    def wake(self) -> None:
        """Read conversations soon: there is something to read."""
        self._hinted = True
        self.bell.set()

    def touch(self, store_id: int, at: int) -> None:
        """Tell soon that something changed at a store, at a time."""
        self._touched.add((store_id, at))
        self.bell.set()

    def serve(self, *, until: Callable[[], bool]) -> None:
        """Read and tell until nobody listens."""
        with self.app.app_context(), tenant_scope(self.tenant_id):
            while not until():
                self._turn()

    def _turn(self) -> None:
        begun = time.monotonic()
        self._tell_times()
        try:
            if self._hinted or begun - self._read_at >= EVERY:
                self._hinted = False
                self._read(begun)
            if begun >= self._pulse_at:
                self._pulse_at = begun + PULSE
                self._pulse()
        except (OperationalError, PoolTimeout) as error:
            log.warning("live.database_away", error=type(error).__name__)
        time.sleep(max(REST, time.monotonic() - begun))
        self.bell.wait(EVERY)
        self.bell.clear()

    def _read(self, begun: float) -> None:
        """Tell what changed since the last read; the first one only learns where things stand."""
        far = begun >= self._far_at
        missed = math.ceil(begun - self._read_at) if self._read_at else 0
        with unit_of_work() as session:
            found = queries.changed(session, since_seconds=missed + (LOOK_FAR_BACK if far else LOOK_BACK))
            news = self._news(found) if self.ready.is_set() else []
            drawings = drawing.read(session, news[:AT_ONCE], now=clock.now()) if news else []
            waiting = queries.waiting(session, self._accounts()) if news else {}
        self._tell(drawings, waiting)
        if len(news) > AT_ONCE:  # the rest comes next, from the same place on
            self._known |= {each.conversation_id: each.seq for each in news[:AT_ONCE]}
            self.wake()
            return
        stand = {conversation_id: seq for conversation_id, _, seq in found}
        self._known = stand if far else self._known | stand
        self._far_at = begun + FAR_EVERY if far else self._far_at
        self._read_at = begun
        self.ready.set()

    def _news(self, found: Sequence[tuple[int, int, int]]) -> Sequence[Change]:
        """Give what was not told yet, and from which number on."""
        return [
            Change(conversation_id, account_id, self._known.get(conversation_id, max(0, seq - OVERLAP)), seq)
            for conversation_id, account_id, seq in found
            if seq > self._known.get(conversation_id, 0)
        ]

    def _tell(self, drawings: Sequence[Drawing], waiting: Mapping[int, int]) -> None:
        """Draw each conversation once for all lines of a language, and send it to those in reach."""
        numbers: dict[frozenset[int], int] = {}
        for drawn in drawings:
            told: dict[str, dict[str, Any]] = {}
            written: dict[tuple[str, int], bytes] = {}
            for line in list(self.lines):
                if drawn.change.account_id not in line.accounts:
                    continue
                number = numbers.setdefault(line.accounts, _number(waiting, line.accounts))
                language = line.reader.language
                if language not in told:
                    told[language] = drawn.draw(self.app, language, self.zone)
                if (language, number) not in written:
                    written[language, number] = event("chat", {**told[language], "waiting": number})
                line.send(written[language, number])

    def _tell_times(self) -> None:
        """Tell each line which times of its stores changed; a board that shows them reads itself again."""
        touched = set()
        while self._touched:  # emptied one by one: hints come in from another thread
            touched.add(self._touched.pop())
        for line in list(self.lines) if touched else ():
            seen = sorted(each for each in touched if line.stores.holds(each[0]))
            if seen:
                line.send(event("visits", {"times": seen}))

    def _pulse(self) -> None:
        """Ask once more who may listen and to what, and let each line beat."""
        lines = list(self.lines)
        with unit_of_work() as session:
            there = tenancy.live_sessions(
                session, {line.reader.session_id for line in lines}, now=clock.now()
            )
            grants = tenancy.grants_of(session, {person.id for person in there.values()})
            reach: dict[StoreScope, frozenset[int]] = {}
            for line in lines:
                person = there.get(line.reader.session_id)
                if person is None:
                    line.end()
                    continue
                scope, line.stores = (
                    NOWHERE
                    if person.must_change_password
                    else store_scope(grants.get(person.id, ()), sees, None)
                    for sees in (SEES, SEES_VISITS)
                )
                if scope not in reach:
                    reach[scope] = queries.accounts_in_reach(session, scope)
                line.accounts = reach[scope]
            waiting = queries.waiting(session, self._accounts())
        for line in lines:
            line.send(event("pulse", {"waiting": _number(waiting, line.accounts)}))

    def _accounts(self) -> frozenset[int]:
        return frozenset().union(*(line.accounts for line in list(self.lines)))


def _number(waiting: Mapping[int, int], accounts: frozenset[int]) -> int:
    return sum(number for account_id, number in waiting.items() if account_id in accounts)
