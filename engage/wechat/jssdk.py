"""The signature by which WeChat lets a page use the phone: map, place, scanner (WeChat §9)."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass

# What the script is asked to allow; a page uses some of it.
CALLS = ("getLocation", "openLocation", "scanQRCode", "updateAppMessageShareData", "closeWindow")


@dataclass(frozen=True, slots=True)
class PageConfig:
    """What the script on a page is configured with."""

    app_id: str
    timestamp: int
    nonce: str
    signature: str


def signature(ticket: str, *, nonce: str, timestamp: int, url: str) -> str:
    """Sign a page: its whole address with the query, without what stands behind `#`."""
    signed = f"jsapi_ticket={ticket}&noncestr={nonce}&timestamp={timestamp}&url={url.partition('#')[0]}"
    return hashlib.sha1(signed.encode(), usedforsecurity=False).hexdigest()


def page_config(app_id: str, ticket: str, *, nonce: str, timestamp: int, url: str) -> PageConfig:
    """Give the configuration of a page of an account."""
    signed = signature(ticket, nonce=nonce, timestamp=timestamp, url=url)
    return PageConfig(app_id, timestamp, nonce, signed)
