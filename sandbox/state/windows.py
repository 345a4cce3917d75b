"""When and how often an account may write to a person of its own accord (WeChat §3)."""

from dataclasses import dataclass
from typing import NamedTuple

from sandbox.state.clock import Clock
from sandbox.state.store import Store

MINUTE, HOUR = 60, 3600
TYPING_SHOWN = 15  # seconds "is typing" stays when nothing ends it; not documented
RECENT_TRAFFIC = 30  # seconds within which somebody must have written for "is typing"


class Trigger(NamedTuple):
    """What an act of a person allows."""

    messages: int
    seconds: int


MESSAGE = Trigger(5, 48 * HOUR)
MENU = Trigger(3, MINUTE)  # click, scancode_push, scancode_waitmsg, and an item of a msgmenu
FOLLOW = Trigger(3, MINUTE)
SCAN = Trigger(3, MINUTE)


@dataclass(frozen=True)
class Window:
    """How many messages may still go out, and until when (seconds since 1970)."""

    remaining: int
    until: float


class WindowShut(Exception):
    """No act of the person allows a message now."""


class CountUsed(Exception):
    """The window is open, but its messages are used up."""


def widened(window: Window | None, trigger: Trigger, now: float) -> Window:
    """The window after an act of the person.

    Whether grants add up is undocumented for official accounts. The reading here follows the page for
    mini programs, "not additive": of what is left and what is newly granted the larger number holds,
    and of the two ends the later. A window that is over counts for nothing.
    """
    fresh = Window(trigger.messages, now + trigger.seconds)
    if window is None or window.until <= now:
        return fresh
    return Window(max(window.remaining, fresh.remaining), max(window.until, fresh.until))


class Windows:
    """The windows of all people and accounts."""

    def __init__(self, store: Store, clock: Clock) -> None:
        self._store = store
        self._clock = clock

    def widen(self, appid: str, fan: str, trigger: Trigger) -> None:
        """Note an act of the person."""
        with self._store.transaction():
            window = widened(self.get(appid, fan), trigger, self._clock.now())
            self._store.run(
                "INSERT INTO reply_window (appid, fan, remaining, until) VALUES (?, ?, ?, ?)"
                " ON CONFLICT (appid, fan) DO UPDATE SET remaining = excluded.remaining,"
                " until = excluded.until",
                appid,
                fan,
                window.remaining,
                window.until,
            )

    def shut(self, appid: str, fan: str) -> None:
        """Forget what the person allowed: they stopped following."""
        self._store.run("DELETE FROM reply_window WHERE appid = ? AND fan = ?", appid, fan)

    def get(self, appid: str, fan: str) -> Window | None:
        """The newest window, over or not."""
        row = self._store.one("SELECT * FROM reply_window WHERE appid = ? AND fan = ?", appid, fan)
        return Window(row["remaining"], row["until"]) if row else None

    def take(self, appid: str, fan: str) -> None:
        """Use up one message; it also ends "is typing".

        Raises:
            WindowShut: there is no live window.
            CountUsed: the live window has no message left.
        """
        with self._store.transaction():
            window = self.get(appid, fan)
            if window is None or window.until <= self._clock.now():
                raise WindowShut
            if not window.remaining:
                raise CountUsed
            self._store.run(
                "UPDATE reply_window SET remaining = remaining - 1, typing_until = 0"
                " WHERE appid = ? AND fan = ?",
                appid,
                fan,
            )

    def is_typing(self, appid: str, fan: str) -> bool:
        """Whether the person sees "is typing"."""
        row = self._store.one("SELECT typing_until FROM reply_window WHERE appid = ? AND fan = ?", appid, fan)
        return bool(row and row["typing_until"] > self._clock.now())

    def set_typing(self, appid: str, fan: str, *, on: bool) -> None:
        """Show or end "is typing"; nothing happens when there never was a window."""
        self._store.run(
            "UPDATE reply_window SET typing_until = ? WHERE appid = ? AND fan = ?",
            self._clock.now() + TYPING_SHOWN if on else 0,
            appid,
            fan,
        )
