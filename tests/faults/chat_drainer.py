"""A worker that sends what staff wrote and can be stopped between any two steps, to be killed there.

Reads one order a line: `{"tenant_id": …, "stop_at": step or null}`, for the control `"forgetful": true`;
all else is as in `tests.faults.drainer`.
"""

from __future__ import annotations

import dataclasses
from typing import Any

from engage.chat import rules, services
from engage.chat.services import Parcel
from engage.kernel import due
from engage.wechat.client import HttpGateway
from tests.faults.drainer import Steps, take_orders
from workers import chats, runtime


def drain(order: dict[str, Any]) -> None:
    """Answer the doorbell as a worker does, telling each step."""
    steps = Steps(order["stop_at"])
    runtime.doorbell.heard = steps.after("ring heard", runtime.doorbell.heard)
    due.seen = steps.after("marks seen", due.seen)
    due.answered = steps.after("marks answered", due.answered)
    services.claim = steps.after("claimed", _forgetful if order.get("forgetful") else services.claim)
    services.settle = steps.after("settled", services.settle)
    HttpGateway.send_custom = steps.after("sent", HttpGateway.send_custom)
    chats.unit_of_work = steps.unit_of_work
    runtime.answer(order["tenant_id"], rules.OUTGOING)


_claim = services.claim


def _forgetful(*arguments: Any, **named: Any) -> Parcel | None:
    """The control: forget that a message was out before."""
    parcel = _claim(*arguments, **named)
    return parcel and dataclasses.replace(parcel, fresh=True)


if __name__ == "__main__":
    take_orders(drain)
