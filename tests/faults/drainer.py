"""A worker that can be stopped between any two steps of draining the outbox, to be killed there.

Reads one order a line: `{"tenant_id": …, "stop_at": step or null}`, for the control `"settle_first": true`.
Like RQ's worker it forks for each; the fork answers the doorbell and tells `step <pid> <name>` after each
step. At `stop_at` it waits for its end, or for SIGUSR1 to go on. `ended` is told when it is gone.
"""

from __future__ import annotations

import contextlib
import datetime as dt
import functools
import json
import os
import signal
import sys
from collections import Counter
from collections.abc import Callable, Iterator
from typing import Any

from engage.kernel import due, leases, outbox
from engage.kernel.db import Session, unit_of_work
from engage.kernel.death import follow_parent
from engage.kernel.leases import Claim
from engage.kernel.outbox import Drained, OutboxRow
from tests.faults.handlers import HANDLERS
from workers import events, runtime

STEPS = (
    "ring heard 1",
    "marks seen 1",
    "commit 1",
    "rows claimed 1",
    "commit 2",
    "first done 1",
    "row settled 1",
    "second done 1",
    "row settled 2",
    "commit 3",
    "rows claimed 2",
    "commit 4",
    "marks answered 1",
    "commit 5",
)


class Steps:
    """Tells each step, numbered by name, and waits at the one asked for."""

    def __init__(self, stop_at: str | None) -> None:
        self.stop_at = stop_at
        self.counts: Counter[str] = Counter()

    def reached(self, name: str) -> None:
        """Tell the step; at the one asked for, do nothing more."""
        self.counts[name] += 1
        step = f"{name} {self.counts[name]}"
        tell(f"step {os.getpid()} {step}")
        if step == self.stop_at:
            signal.sigwait({signal.SIGUSR1})

    def after(self, name: str, function: Callable[..., Any]) -> Callable[..., Any]:
        """Make the function tell that it is done."""

        @functools.wraps(function)
        def telling(*arguments: Any, **named: Any) -> Any:
            result = function(*arguments, **named)
            self.reached(name)
            return result

        return telling

    @contextlib.contextmanager
    def unit_of_work(self, **options: Any) -> Iterator[Session]:
        """Tell that a transaction is committed."""
        with unit_of_work(**options) as session:
            yield session
        self.reached("commit")


def settle_first(steps: Steps, session: Session, claimed: Claim, *, now: dt.datetime) -> Drained:
    """The control: settle in a transaction of its own, then work."""
    rows = list(leases.held(session, OutboxRow, claimed))
    for row in rows:
        leases.settle(row)
        row.settled_at = now
    session.commit()
    steps.reached("settled before")
    for row in rows:
        outbox.registered()[row.event][row.handler](session, row.payload, now=now)
    return Drained(len(rows), 0)


def drain(order: dict[str, Any]) -> None:
    """Answer the doorbell as a worker does, telling each step."""
    steps = Steps(order["stop_at"])
    runtime.doorbell.heard = steps.after("ring heard", runtime.doorbell.heard)
    due.seen = steps.after("marks seen", due.seen)
    due.answered = steps.after("marks answered", due.answered)
    outbox.claim = steps.after("rows claimed", outbox.claim)
    leases.settle = steps.after("row settled", leases.settle)
    events.unit_of_work = steps.unit_of_work
    outbox.register(
        {name: tuple(steps.after(f"{one.__name__} done", one) for one in HANDLERS[name]) for name in HANDLERS}
    )
    if order.get("settle_first"):
        outbox.work = functools.partial(settle_first, steps)
    runtime.answer(order["tenant_id"], outbox.QUEUE)


def tell(line: str) -> None:
    """Write a line at once, whole."""
    os.write(sys.stdout.fileno(), f"{line}\n".encode())


def take_orders(drain: Callable[[dict[str, Any]], None]) -> None:
    """Carry out orders, each in a fork, until there are no more."""
    runtime.application()
    for line in sys.stdin:
        pid = os.fork()
        if pid == 0:
            follow_parent()
            signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGUSR1})
            try:
                drain(json.loads(line))
            finally:
                os._exit(0)
        os.waitpid(pid, 0)
        tell("ended")


if __name__ == "__main__":
    take_orders(drain)
