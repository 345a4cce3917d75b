"""A worker that sends to many and can be stopped between any two steps, to be killed there.

Reads one order a line: `{"tenant_id": …, "stop_at": step or null}`, for the control `"unkeyed": true`;
all else is as in `tests.faults.drainer`.
"""

from __future__ import annotations

import functools
import os
from typing import Any

from engage.kernel import due
from engage.notifications import services
from engage.wechat.client import bulk as client
from engage.wechat.gateway import Letter
from tests.faults.drainer import Steps, take_orders
from workers import bulk, runtime


def drain(order: dict[str, Any]) -> None:
    """Answer the doorbell as a worker does, telling each step."""
    steps = Steps(order["stop_at"])
    runtime.doorbell.heard = steps.after("ring heard", runtime.doorbell.heard)
    due.seen = steps.after("marks seen", due.seen)
    due.answered = steps.after("marks answered", due.answered)
    services.claim_bulk = steps.after("claimed", services.claim_bulk)
    services.settle_bulk = steps.after("settled", services.settle_bulk)
    client._Run._heard = steps.after("answer heard", client._Run._heard)
    client._Run.through = steps.after("sent", client._Run.through)
    bulk.unit_of_work = steps.unit_of_work
    if order.get("unkeyed"):
        bulk.Letter = functools.partial(_unkeyed, Letter)
    runtime.answer(order["tenant_id"], services.BULK)


def _unkeyed(letter: type[Letter], number: int, openid: str, client_msg_id: str) -> Letter:
    """The control: WeChat cannot know a repeat from another message."""
    return letter(number, openid, f"{client_msg_id}-{os.getpid()}")


if __name__ == "__main__":
    take_orders(drain)
