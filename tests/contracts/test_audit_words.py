"""Each action that is written into the audit trail has words, so that its page can be read."""

from __future__ import annotations

import ast
from collections.abc import Iterator
from pathlib import Path

import engage
from engage.blueprints.console.audit_words import DEEDS, GROUPS, THINGS

PACKAGE = Path(engage.__file__).parent
ROOTS = (PACKAGE, PACKAGE.parent / "workers")
WRITERS = {"audit.record", "audit.record_each"}


def recorded() -> Iterator[str]:
    """Give the actions that the code writes as they are; those it puts together are left out."""
    for root in ROOTS:
        for path in root.rglob("*.py"):
            for call in ast.walk(ast.parse(path.read_text())):
                if isinstance(call, ast.Call) and ast.unparse(call.func) in WRITERS and len(call.args) > 1:
                    yield from texts(call.args[1])


def texts(action: ast.expr) -> Iterator[str]:
    """Give the whole texts that an argument may be."""
    if isinstance(action, ast.Constant):
        yield str(action.value)
    elif isinstance(action, ast.IfExp):
        yield from texts(action.body)
        yield from texts(action.orelse)


def test_each_action_has_words() -> None:
    actions = set(recorded())
    assert len(actions) > 40
    things, deeds = zip(*(action.split(".", 1) for action in actions), strict=True)
    assert set(things) <= set(THINGS)
    assert set(deeds) <= set(DEEDS)


def test_what_is_filtered_by_is_written_somewhere() -> None:
    assert {action for _, actions in GROUPS.values() for action in actions} <= set(recorded())
