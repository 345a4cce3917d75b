"""Identifiers and tokens."""

from __future__ import annotations

import hashlib
import secrets
import uuid


def new_key() -> uuid.UUID:
    """Give a random business key, for idempotency."""
    return uuid.uuid4()


def new_token() -> str:
    """Give 256 random bits for a URL or cookie."""
    return secrets.token_urlsafe(32)


def digest(token: str) -> str:
    """Give what is stored of a token: its SHA-256 in hex. Tokens are random, so no salt is needed."""
    return hashlib.sha256(token.encode()).hexdigest()
