"""Attachments: bytes kept under their content's hash, apart by tenant (disk of a single host)."""

from __future__ import annotations

import hashlib
import os
import tempfile
from pathlib import Path
from typing import Protocol

from engage.kernel.errors import NotFound


class Files(Protocol):
    """A store of attachments."""

    def put(self, tenant_id: int, content: bytes) -> str:
        """Keep the bytes and give their key; the same bytes have the same key."""

    def get(self, tenant_id: int, key: str) -> bytes:
        """Give the bytes of a key, or raise `NotFound`."""

    def delete(self, tenant_id: int, key: str) -> None:
        """Forget the bytes; unknown keys are no error."""


class DiskFiles:
    """Attachments below one folder."""

    def __init__(self, root: Path) -> None:
        self.root = root

    def put(self, tenant_id: int, content: bytes) -> str:
        """Write beside and rename, so that a reader or a crash never meets half a file."""
        key = hashlib.sha256(content).hexdigest()
        path = self._path(tenant_id, key)
        if not path.exists():
            path.parent.mkdir(parents=True, exist_ok=True)
            with tempfile.NamedTemporaryFile(dir=path.parent, delete=False) as beside:
                beside.write(content)
                beside.flush()
                os.fsync(beside.fileno())
            os.replace(beside.name, path)
        return key

    def get(self, tenant_id: int, key: str) -> bytes:
        """Read the bytes; a key of another tenant is not found."""
        try:
            return self._path(tenant_id, key).read_bytes()
        except FileNotFoundError as error:
            raise NotFound(key=key) from error

    def delete(self, tenant_id: int, key: str) -> None:
        """Remove the bytes."""
        self._path(tenant_id, key).unlink(missing_ok=True)

    def _path(self, tenant_id: int, key: str) -> Path:
        if len(key) != 64 or not set(key) <= set("0123456789abcdef"):
            raise NotFound(key=key)
        return self.root / str(tenant_id) / key[:2] / key
