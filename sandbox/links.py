"""Addresses as people and accounts give them."""

from urllib.parse import urlsplit


def is_page(url: str) -> bool:
    """Whether an address is one that a browser opens: http or https, with a host."""
    try:
        parts = urlsplit(url)
        return parts.scheme in ("http", "https") and bool(parts.hostname) and parts.port != 0
    except ValueError:  # such as an unclosed bracket, or a port beyond all numbers
        return False
