"""The hub: all rooms of a process, and the one ear that listens for hints to them."""

from __future__ import annotations

import threading
import time
from typing import Final

import redis
import structlog
from flask import Flask

from engage.blueprints.live.lines import Line
from engage.blueprints.live.rooms import Room
from engage.kernel import doorbell
from engage.kernel.errors import Busy
from engage.kernel.live import CHANNEL, TIMES

log = structlog.get_logger()

READY: Final = 5.0
EAR_SECONDS: Final = 5.0


class Hub:
    """Opens and closes lines; rooms and ear begin with the first, in the process that serves them."""

    def __init__(self, app: Flask) -> None:
        self._app = app
        self._lock = threading.Lock()
        self._rooms: dict[int, Room] = {}
        self._ear: threading.Thread | None = None

    def open(self, line: Line) -> None:
        """Let a line in; from here on it misses nothing.

        Raises:
            Busy: the database did not tell where things stand.
        """
        tenant_id = line.reader.tenant_id
        with self._lock:
            if self._ear is None:
                self._ear = threading.Thread(target=self._listen, name="live-ear", daemon=True)
                self._ear.start()
            room = self._rooms.get(tenant_id)
            if room is None:
                room = self._rooms[tenant_id] = Room(self._app, tenant_id, line.reader.zone)
                threading.Thread(target=self._serve, args=(room,), daemon=True).start()
            room.add(line)
        if not room.ready.wait(READY):
            self.close(line)
            raise Busy

    def close(self, line: Line) -> None:
        """Let a line out; closing twice is closing."""
        with self._lock:
            room = self._rooms.get(line.reader.tenant_id)
            if room is not None:
                room.lines.pop(line, None)
                room.bell.set()

    def lines(self) -> int:
        """Give how many lines are open."""
        with self._lock:
            return sum(len(room.lines) for room in self._rooms.values())

    def _serve(self, room: Room) -> None:
        """Serve a room; what breaks it ends its lines, which come again and find another."""
        try:
            room.serve(until=lambda: self._is_left(room))
        finally:
            with self._lock:
                broke = self._rooms.get(room.tenant_id) is room  # one that is left has gone by itself
                if broke:
                    del self._rooms[room.tenant_id]
                for line in room.lines:
                    line.end()
            if broke:
                log.error("live.room_broke", tenant=room.tenant_id)

    def _is_left(self, room: Room) -> bool:
        """Close a room without lines, so that the next line opens another."""
        with self._lock:
            if room.lines:
                return False
            del self._rooms[room.tenant_id]
            return True

    def _listen(self) -> None:
        """Wake rooms at hints; while Redis is away they read every two seconds."""
        while True:
            try:
                listening = doorbell.connection().pubsub(ignore_subscribe_messages=True)  # type: ignore[no-untyped-call]  # redis says nothing of it
                with listening as ear:
                    ear.subscribe(CHANNEL, TIMES)
                    while True:
                        self._wake(ear.get_message(timeout=EAR_SECONDS))
            except redis.RedisError as error:
                log.warning("live.deaf", error=type(error).__name__)
                time.sleep(1)

    def _wake(self, hint: dict[str, object] | None) -> None:
        told = hint["data"] if hint else b""
        numbers = [int(word) for word in told.split() if word.isdigit()] if isinstance(told, bytes) else []
        if not numbers:
            return
        with self._lock:
            room = self._rooms.get(numbers[0])
        if room is None:
            return
        if len(numbers) == 3:
            room.touch(numbers[1], numbers[2])
        else:
            room.wake()
