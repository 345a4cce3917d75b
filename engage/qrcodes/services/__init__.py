"""Channel codes are made, changed, retired; scans are counted; tickets and pictures are made."""

from __future__ import annotations

from engage.qrcodes.services import bundles, tickets
from engage.qrcodes.services.codes import NewCode, create, create_for_stores, edit, restore, retire
from engage.qrcodes.services.scans import record_scan

__all__ = [
    "NewCode",
    "bundles",
    "create",
    "create_for_stores",
    "edit",
    "record_scan",
    "restore",
    "retire",
    "tickets",
]
