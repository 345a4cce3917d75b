"""What a process sets up that serves requests for days."""

from __future__ import annotations

import gc

from engage.kernel import recent, soon


def begin() -> None:
    """Keep answers for a moment, tell Redis by a thread, and look for circles seldom; once all is loaded.

    What is loaded by now stays, and requests leave few circles: looking for them took a twentieth of a page.
    """
    recent.keep()
    soon.gather()
    gc.freeze()
    gc.set_threshold(20_000, 10, 10)
