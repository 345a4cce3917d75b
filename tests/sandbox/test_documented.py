"""`docs/sandbox.md` names every call of the control API, and no other."""

import re
from pathlib import Path

from sandbox.app import create_app

DOCUMENT = Path(__file__).parents[2] / "docs" / "sandbox.md"
PREFIX = "/sandbox/v1"
ROW = re.compile(r"^\| `(GET|POST|DELETE) (/\S+)` \|", re.MULTILINE)


def test_the_control_api_is_documented() -> None:
    calls = {
        (method, re.sub(r"<(?:\w+:)?(?:fault_)?(\w+)>", r"<\1>", rule.rule.removeprefix(PREFIX)))
        for rule in create_app().url_map.iter_rules()
        for method in (rule.methods or set()) - {"HEAD", "OPTIONS"}
        if rule.rule.startswith(PREFIX)
    }
    assert calls == set(ROW.findall(DOCUMENT.read_text()))
