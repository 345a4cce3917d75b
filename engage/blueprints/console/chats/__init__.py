"""Conversations with fans: the queue, one conversation, the person (CH-4, CH-6 to CH-8, CH-11)."""

from __future__ import annotations

from engage.blueprints.console.chats import acting, files, showing
from engage.blueprints.console.chats.blueprint import bp

__all__ = ["acting", "bp", "files", "showing"]
