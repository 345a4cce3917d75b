"""JSON as callers post it."""

import json
from typing import Any, NoReturn


def json_object(raw: bytes) -> dict[str, Any] | None:
    """The JSON object in a body of UTF-8.

    None for anything else, for nesting without end too, and for half a surrogate pair: it is no
    character, so it can be neither kept nor sent.
    """
    try:
        text = raw.decode()
        data = DECODER.decode(text)
        if "\\ud" in text.lower():
            json.dumps(data, ensure_ascii=False).encode()
    except (ValueError, RecursionError):
        return None
    return data if isinstance(data, dict) else None


def _refuse(name: str) -> NoReturn:
    raise ValueError(f"JSON has no {name}")


DECODER = json.JSONDecoder(parse_constant=_refuse)  # NaN and Infinity are Python's own
