"""Automatic replies in the console: the welcome, replies to words, what a sentence would get (OA-5)."""

from __future__ import annotations

from engage.blueprints.console.replies import editing, listing
from engage.blueprints.console.replies.blueprint import bp

__all__ = ["bp", "editing", "listing"]
