"""A child process that does not outlive its parent, even one killed with -9.

Linux sends the signal; it follows the thread that spawned the child, so spawn from the main thread.
Elsewhere nothing is asked for: a clean stop still stops the children.
"""

from __future__ import annotations

import ctypes
import os
import signal
import sys
from collections.abc import Callable

_PR_SET_PDEATHSIG = 1


def follow_parent(signum: signal.Signals = signal.SIGKILL, *, parent: int | None = None) -> None:
    """Ask for `signum` when this process's parent dies; ends the process if `parent` is gone already.

    Safe between fork and exec. Asking again replaces the signal.

    Raises:
        OSError: the kernel refused.
    """
    if sys.platform != "linux":
        return
    libc = ctypes.CDLL(None, use_errno=True)
    if libc.prctl(_PR_SET_PDEATHSIG, int(signum), 0, 0, 0):
        raise OSError(ctypes.get_errno(), "prctl(PR_SET_PDEATHSIG)")
    if parent is not None and os.getppid() != parent:
        os._exit(1)  # it died before we asked


def following(signum: signal.Signals) -> Callable[[], None]:
    """Make the `preexec_fn` of a child that gets `signum` when this process dies."""
    parent = os.getpid()
    return lambda: follow_parent(signum, parent=parent)
