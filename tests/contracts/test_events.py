"""What is declared is also handled, drained and described."""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path

import pytest
from flask import Flask

from engage.booking.rules import ACTIONS
from engage.config import SETTINGS
from engage.kernel import outbox
from engage.kernel.settings import REGISTRY
from engage.reactions import HANDLERS
from workers.queues import DRAINS

# Names of the constants that hold a queue's.
QUEUES = {"QUEUE", "PUSHES", "BULK", "OUTGOING", "MEDIA", "SESSIONS", "TICKETS", "BUNDLES"}


def sources(root: Path) -> Iterator[tuple[Path, str]]:
    for folder in ("engage", "workers"):
        for file in (root / folder).rglob("*.py"):
            yield file, file.read_text()


def told(root: Path, document: str) -> dict[str, str]:
    """Give the rows of a document's tables by the name in their first cell."""
    text = (root / "docs" / document).read_text()
    return {found[1]: found[0] for found in re.finditer(r"^\| `?([^`|]+?)`? \|.*$", text, re.MULTILINE)}


def names_in(root: Path, pattern: str) -> set[str]:
    return {found for _file, text in sources(root) for found in re.findall(pattern, text)}


def test_every_event_that_is_recorded_is_handled(root: Path) -> None:
    recorded = names_in(root, r'outbox\.(?:record\(\s*\w+,|values_of\()\s*"([a-z_.]+)"')
    assert "booking.booked" in recorded
    assert recorded | {action.event for action in ACTIONS.values()} == set(HANDLERS)
    calls = names_in(root, r"(?s)outbox\.record\((.{,40})")
    named = r'\s*\w+,\s*("|told\.event,)'  # the latter of a row of booking's table of actions
    assert all(re.match(named, call) for call in calls), "a name stands where it is recorded"


def test_events_are_named_by_what_happened() -> None:
    assert all(re.fullmatch(r"[a-z]+\.[a-z_]+", event) for event in HANDLERS)


def test_every_event_is_described(root: Path) -> None:
    described = {name for name in told(root, "events.md") if "." in name}
    assert described == set(HANDLERS)


def test_every_handler_is_described(app: Flask, root: Path) -> None:
    lines = told(root, "events.md")
    for event, handlers in outbox.registered().items():
        assert len(handlers) == len(HANDLERS[event]), "two handlers of one event have one name"
        for handler in handlers:
            assert f"`{handler}`" in lines[event], event


def test_every_queue_is_drained_and_described(root: Path) -> None:
    declared = names_in(root, rf'(?m)^(?:{"|".join(QUEUES)})(?:: Final)? = "([a-z]+)"')
    assert declared == set(DRAINS)
    assert set(DRAINS) <= set(told(root, "events.md"))


def test_every_mark_names_a_queue_by_its_constant(root: Path) -> None:
    marked = names_in(root, r"due\.mark\(\s*\w+,\s*([^,\s]+)")
    assert marked == QUEUES


@pytest.mark.parametrize("queue", sorted(DRAINS))
def test_a_drain_stands_in_the_module_of_its_queue(queue: str) -> None:
    assert DRAINS[queue].__module__ == f"workers.{queue}"


def test_every_setting_of_a_tenant_is_described(root: Path) -> None:
    assert {name for name in told(root, "settings.md") if "." in name} == set(REGISTRY)


def test_every_setting_of_a_process_is_described(root: Path) -> None:
    described = {name for name in told(root, "configuration.md") if name.startswith("ENGAGE_")}
    assert described == {setting.name for setting in SETTINGS}


def test_the_environment_is_read_in_one_place(root: Path) -> None:
    readers = {
        file.relative_to(root) for file, text in sources(root) if re.search(r"\bos\.(environ|getenv)", text)
    }
    assert readers == {Path("engage/config.py")}


def test_the_proofs_that_features_name_are_there(root: Path) -> None:
    text = (root / "docs/features.md").read_text()
    references = re.findall(r"tests/[\w/]+(?:\.py)?(?:::\w+)?/?", text)
    assert references
    for reference in references:
        path, _, test = reference.partition("::")
        assert (root / path).exists(), reference
        assert not test or f"def {test}(" in (root / path).read_text(), reference
