"""Everything the sandbox remembers."""

from pathlib import Path

from flask import current_app

from sandbox.state.accounts import Accounts
from sandbox.state.clock import Clock
from sandbox.state.fans import Fans
from sandbox.state.faults import Faults
from sandbox.state.inbox import Inbox
from sandbox.state.journal import Counters, Log
from sandbox.state.store import Store
from sandbox.state.tokens import Tokens


class State:
    """The parts of the sandbox's memory; the first five are kept in the file."""

    def __init__(self, path: Path | None) -> None:
        self.store = Store(path)
        self.clock = Clock(self.store)
        self.accounts = Accounts(self.store)
        self.fans = Fans(self.store, self.clock)
        self.inbox = Inbox(self.store, self.clock)
        self.tokens = Tokens(self.store, self.clock)
        self.faults = Faults()
        self.calls = Log()
        self.pushes = Log()
        self.counters = Counters(self.clock)

    def reset(self) -> None:
        """Forget everything, the clock's offset and the faults too."""
        self.store.wipe()
        self.clock.reset()
        self.faults.clear()
        self.calls.clear()
        self.pushes.clear()
        self.counters.clear()


def state() -> State:
    """The memory of the running sandbox."""
    found: State = current_app.extensions["sandbox.state"]
    return found
