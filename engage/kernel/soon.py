"""What Redis is told after a commit: in a web process soon, once for many, elsewhere at once.

A thread of the process tells it, so that a request waits for PostgreSQL alone. What is lost with the
process is a hint: the clock rings again, and streams read anyway (`kernel.doorbell`, `kernel.live`).
"""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Hashable
from typing import Final

# How long what is told again is gathered before it is.
REST_SECONDS: Final = 0.02

_lock = threading.Lock()
_woken = threading.Event()
_waiting: dict[tuple[Callable[..., object], tuple[Hashable, ...]], None] = {}
_thread: threading.Thread | None = None


def gather() -> None:
    """Let a thread of this process tell what is told from now on. After a fork it is to be called again."""
    global _thread
    _thread = threading.Thread(target=_tell, name="soon", daemon=True)
    _thread.start()


def tell(telling: Callable[..., object], *told: Hashable) -> None:
    """Call `telling` with `told`; it handles the absence of Redis itself.

    Where the process gathers, within some milliseconds, and once however often it is asked for until then.
    """
    if _thread is None:
        telling(*told)
        return
    with _lock:
        _waiting[telling, told] = None
        if not _thread.is_alive():  # something that it told broke it
            gather()
    _woken.set()


def _tell() -> None:
    while _woken.wait():
        _woken.clear()
        with _lock:
            gathered = list(_waiting)
            _waiting.clear()
        for telling, told in gathered:
            telling(*told)
        time.sleep(REST_SECONDS)
