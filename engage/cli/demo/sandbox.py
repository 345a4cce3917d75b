"""The demo's people act through the sandbox's control API."""

from __future__ import annotations

from typing import Any

import requests

from engage import config
from engage.cli import Refused


def ask(settings: config.Config, path: str, body: dict[str, object] | None = None) -> Any:
    """Ask the sandbox: POST with a body, GET without.

    Raises:
        Refused: it refused.
    """
    answer = requests.request(
        "GET" if body is None else "POST",
        f"{settings.wechat_api_url}/sandbox/v1{path}",
        json=body,
        timeout=30,
    )
    if not answer.ok:
        raise Refused(f"the sandbox refused {path}: {answer.text[:200]}")
    return answer.json()
