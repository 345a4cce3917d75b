"""The ways to a store: telephone and map."""

from __future__ import annotations

from typing import TYPE_CHECKING
from urllib.parse import urlencode

if TYPE_CHECKING:
    from engage.clinic.models import Store

# Where Tencent's map knows the way; elsewhere it shows empty land.
CHINA = frozenset({"Asia/Shanghai", "Asia/Urumqi", "Asia/Hong_Kong", "Asia/Macau"})


def call_url(store: Store) -> str:
    """Give the link that dials a store; nothing where no telephone is known."""
    digits = "".join(char for char in store.phone if char.isdigit() or char == "+")
    return f"tel:{digits}" if digits else ""


def route_url(store: Store) -> str:
    """Give the map with the way to a store; nothing where it has neither address nor coordinates."""
    place = None if store.latitude is None else f"{store.latitude},{store.longitude}"
    if not place and not store.address:
        return ""
    if store.zone not in CHINA:
        question = {"api": 1, "query": store.address or place}
        return f"https://www.google.com/maps/search/?{urlencode(question)}"
    if place is None:
        return f"https://apis.map.qq.com/uri/v1/search?{urlencode({'keyword': store.address})}"
    marker = f"coord:{place};title:{_plain(store.name)};addr:{_plain(store.address)}"
    return f"https://apis.map.qq.com/uri/v1/marker?{urlencode({'marker': marker})}"


def _plain(text: str) -> str:
    """Leave out what separates the parts of a marker."""
    return text.translate(str.maketrans(";:|", "   "))
