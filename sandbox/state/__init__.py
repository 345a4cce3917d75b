"""Everything the sandbox remembers."""

from pathlib import Path

from flask import current_app

from sandbox.state.accounts import Accounts
from sandbox.state.clock import Clock
from sandbox.state.codes import Codes
from sandbox.state.counters import Counters
from sandbox.state.fans import Fans
from sandbox.state.faults import Faults
from sandbox.state.inbox import Inbox
from sandbox.state.journal import Log
from sandbox.state.media import MediaShelf
from sandbox.state.menus import Menus
from sandbox.state.pages import Pages
from sandbox.state.refusals import Refusals
from sandbox.state.sms import TextMessages
from sandbox.state.store import Store
from sandbox.state.tags import Tags
from sandbox.state.tokens import Tokens
from sandbox.state.windows import Windows
from sandbox.state.workers import Workers


class State:
    """The parts of the sandbox's memory; faults and the two logs are not kept in the file."""

    def __init__(self, path: Path | None) -> None:
        self.store = Store(path)
        self.clock = Clock(self.store)
        self.accounts = Accounts(self.store)
        self.fans = Fans(self.store, self.clock)
        self.inbox = Inbox(self.store, self.clock)
        self.tags = Tags(self.store)
        self.tokens = Tokens(self.store, self.clock)
        self.counters = Counters(self.store, self.clock)
        self.refusals = Refusals(self.store, self.clock)
        self.windows = Windows(self.store, self.clock)
        self.workers = Workers(self.store)
        self.media = MediaShelf(self.store, self.clock)
        self.codes = Codes(self.store, self.clock)
        self.menus = Menus(self.store)
        self.pages = Pages(self.store, self.clock)
        self.sms = TextMessages(self.store, self.clock)
        self.faults = Faults()
        self.calls = Log()
        self.pushes = Log()

    def reset(self) -> None:
        """Forget everything, the clock's offset and the faults too."""
        self.store.wipe()
        self.clock.reset()
        self.faults.clear()
        self.calls.clear()
        self.pushes.clear()
        self.counters.reset()


def state() -> State:
    """The memory of the running sandbox."""
    found: State = current_app.extensions["sandbox.state"]
    return found
