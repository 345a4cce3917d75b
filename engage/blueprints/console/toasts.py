"""What was just done, said on the next page, with the way to take it back."""

from __future__ import annotations

from typing import Any, cast

from flask import flash


def say(text: str, undo_url: str = "", *, tone: str = "good") -> None:
    """Say what was done on the next page that is drawn; `undo_url` is posted to take it back."""
    # Flask passes on any value; its annotation names texts alone.
    flash(cast("Any", {"text": text, "undo_url": undo_url}), tone)
