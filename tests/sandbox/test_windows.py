"""When an account may write of its own accord, as a pure rule (WeChat §3)."""

import pytest

from sandbox.state import State
from sandbox.state.windows import (
    FOLLOW,
    MENU,
    MESSAGE,
    CountUsed,
    Trigger,
    Window,
    WindowShut,
    widened,
)

NOW = 1_000_000.0
DAYS_2 = 48 * 3600


@pytest.mark.parametrize(
    ("window", "trigger", "expected"),
    [
        (None, MESSAGE, Window(5, NOW + DAYS_2)),
        (None, MENU, Window(3, NOW + 60)),
        (None, FOLLOW, Window(3, NOW + 60)),
        # Over: counts for nothing.
        (Window(5, NOW), MENU, Window(3, NOW + 60)),
        (Window(1, NOW - 1), MESSAGE, Window(5, NOW + DAYS_2)),
        # Live: the larger number, the later end, never the sum.
        (Window(3, NOW + 30), MESSAGE, Window(5, NOW + DAYS_2)),
        (Window(5, NOW + 1000), MENU, Window(5, NOW + 1000)),
        (Window(4, NOW + 10), MENU, Window(4, NOW + 60)),
        (Window(0, NOW + DAYS_2), MENU, Window(3, NOW + DAYS_2)),
        (Window(2, NOW + 100), MESSAGE, Window(5, NOW + DAYS_2)),
    ],
)
def test_grants_do_not_add_up(window: Window | None, trigger: Trigger, expected: Window) -> None:
    assert widened(window, trigger, NOW) == expected


def test_a_window_closes_by_count_by_time_and_by_leaving() -> None:
    state = State(None)
    windows = state.windows
    with pytest.raises(WindowShut):
        windows.take("wx1", "a")
    windows.widen("wx1", "a", MENU)
    for _ in range(3):
        windows.take("wx1", "a")
    with pytest.raises(CountUsed):
        windows.take("wx1", "a")
    windows.widen("wx1", "a", MENU)
    with pytest.raises(WindowShut):  # another account, another person
        windows.take("wx2", "a")
    state.clock.advance(61)
    with pytest.raises(WindowShut):
        windows.take("wx1", "a")
    windows.widen("wx1", "a", MESSAGE)
    state.clock.advance(DAYS_2 - 10)
    windows.take("wx1", "a")
    windows.shut("wx1", "a")
    with pytest.raises(WindowShut):
        windows.take("wx1", "a")
