"""Faults that tests switch on: delays, refusals, cut connections, doubled and reordered pushes."""

import itertools
import random
import threading
from dataclasses import dataclass
from fnmatch import fnmatchcase
from typing import Any

PUSH = "push/"  # the path of a push is `push/` and its message type or event, as sent
OWN = "/sandbox/"  # what is not WeChat's
PUSH_ONLY = {"duplicate", "reorder"}
FINISH = "finish"  # the status that a template message ends with instead of `success`
EFFECTS = {"latency_ms", "errcode", "http", "drop", FINISH, *PUSH_ONLY}
DROPS = ("before", "during", "after")
# Effects that are numbers, and the numbers that make sense.
NUMBERS = {
    "latency_ms": range(600_001),
    "errcode": range(-1, 10_000_000),
    "http": range(200, 600),
    "duplicate": range(101),
}


class BadFault(ValueError):
    """The fault makes no sense; the message says why."""


@dataclass
class Fault:
    """One rule. A call or push that it matches suffers all its effects."""

    id: int
    appid: str
    path: str
    effect: dict[str, Any]
    times: int | None
    probability: float

    def meets(self, appid: str, path: str) -> bool:
        """Whether a call or push is concerned.

        Without a path a rule meets WeChat's API calls, or pushes when only pushes can suffer its
        effect; the provider of text messages is met by its path only.
        """
        if self.appid and self.appid != appid:
            return False
        if self.path:
            return fnmatchcase(path, self.path)
        if path.startswith(OWN):
            return False
        return path.startswith(PUSH) == bool((PUSH_ONLY | {FINISH}) & self.effect.keys())


class Faults:
    """The rules now in force."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._ids = itertools.count(1)
        self._faults: dict[int, Fault] = {}

    def add(self, data: dict[str, Any]) -> Fault:
        """Put a rule in force.

        Raises:
            BadFault: unknown or missing effect, or numbers out of range.
        """
        match, effect = data.get("match") or {}, data.get("effect") or {}
        if not isinstance(match, dict) or not isinstance(effect, dict):
            raise BadFault("match and effect must be objects")
        if not effect or effect.keys() - EFFECTS:
            raise BadFault(f"effect needs one or more of {', '.join(sorted(EFFECTS))}, and nothing else")
        _check_effect(effect)
        times, probability = data.get("times"), data.get("probability", 1)
        if times is not None and (not isinstance(times, int) or times < 1):
            raise BadFault("times must be a positive number")
        if not isinstance(probability, int | float) or not 0 < probability <= 1:
            raise BadFault("probability must be above 0 and at most 1")
        fault = Fault(
            id=next(self._ids),
            appid=str(match.get("appid") or ""),
            path=str(match.get("path") or ""),
            effect=effect,
            times=times,
            probability=probability,
        )
        with self._lock:
            self._faults[fault.id] = fault
        return fault

    def all(self) -> list[Fault]:
        """The rules in force."""
        with self._lock:
            return list(self._faults.values())

    def remove(self, fault_id: int) -> bool:
        """Lift a rule; False when there was none."""
        with self._lock:
            return self._faults.pop(fault_id, None) is not None

    def clear(self) -> None:
        """Lift all rules."""
        with self._lock:
            self._faults.clear()

    def strike(self, appid: str, path: str) -> dict[str, Any]:
        """The effects that a call or push suffers now; uses up one of the `times` of each rule."""
        return self._strike(appid, path, finish=False)

    def finish(self, appid: str, event: str) -> str | None:
        """The status with which a job's event reports its end now, when a rule sets one."""
        return self._strike(appid, PUSH + event, finish=True).get(FINISH)

    def _strike(self, appid: str, path: str, *, finish: bool) -> dict[str, Any]:
        suffered: dict[str, Any] = {}
        with self._lock:
            for fault in list(self._faults.values()):
                if (FINISH in fault.effect) != finish:
                    continue
                # Chance in a rehearsal, no secret.
                if not fault.meets(appid, path) or random.random() >= fault.probability:  # noqa: S311
                    continue
                suffered.update(fault.effect)
                if fault.times is not None:
                    fault.times -= 1
                    if not fault.times:
                        del self._faults[fault.id]
        return suffered


def _check_effect(effect: dict[str, Any]) -> None:
    for key, numbers in NUMBERS.items():
        if key in effect and (not isinstance(effect[key], int) or effect[key] not in numbers):
            raise BadFault(f"{key} must be a number from {numbers.start} to {numbers.stop - 1}")
    if effect.get("drop", DROPS[0]) not in DROPS:
        raise BadFault(f"drop must be one of {', '.join(DROPS)}")
    if not isinstance(effect.get("reorder", True), bool):
        raise BadFault("reorder must be true or false")
    if not isinstance(effect.get(FINISH, ""), str):
        raise BadFault("finish must be the status")
    if FINISH in effect and len(effect) > 1:
        raise BadFault("finish stands alone")
