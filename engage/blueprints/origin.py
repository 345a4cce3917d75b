"""Where a request came from, as far as that can be believed."""

from __future__ import annotations

from ipaddress import IPv6Address, ip_address, ip_network
from typing import Final

from flask import current_app, request

# What one household or clinic is given of IPv6.
NETWORK: Final = 64


def address() -> str:
    """Give the address of who asked the outermost of our proxies; of IPv6, the network it is in.

    What stands in the header before that was written by the asker itself.
    """
    told = [hop.strip() for hop in request.headers.get("X-Forwarded-For", "").split(",")]
    hops = [request.remote_addr or "", *filter(None, reversed(told))]
    return _network(next((hop for hop in hops if hop not in current_app.config["PROXIES"]), hops[-1]))


def _network(text: str) -> str:
    try:
        found = ip_address(text)
    except ValueError:
        return text
    if not isinstance(found, IPv6Address):
        return text
    return str(found.ipv4_mapped or ip_network((found, NETWORK), strict=False))
