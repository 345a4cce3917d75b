"""An account's menu: arranged with the phone beside it, compared, published, taken back (OA-4)."""

from __future__ import annotations

from engage.blueprints.console.menu import editing, history, publishing
from engage.blueprints.console.menu.blueprint import bp

__all__ = ["bp", "editing", "history", "publishing"]
