"""A worker that sends to many and can be stopped between any two steps, to be killed there.

Reads one order a line: `{"tenant_id": …, "stop_at": step or null, "keyed": bool}`; all else is as in
`tests.faults.drainer`.
"""

from __future__ import annotations

import functools
import json
import os
import signal
import sys
from typing import Any

from engage.kernel import due
from engage.kernel.death import follow_parent
from engage.notifications import services
from engage.wechat.client import bulk as client
from engage.wechat.gateway import Letter
from tests.faults.drainer import Steps, tell
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
    if not order["keyed"]:
        bulk.Letter = functools.partial(_unkeyed, Letter)
    runtime.answer(order["tenant_id"], services.BULK)


def _unkeyed(letter: type[Letter], number: int, openid: str, client_msg_id: str) -> Letter:
    """The control: WeChat cannot know a repeat from another message."""
    return letter(number, openid, f"{client_msg_id}-{os.getpid()}")


def main() -> None:
    """Take orders until there are no more."""
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
    main()
