"""Which ports this checkout listens on: the chosen ones or nothing, else the default or the next free."""

from __future__ import annotations

import contextlib
import socket
import sys
from collections.abc import Callable, Iterator

from engage.cli import Refused

_STEP = 10  # 8000, 8001, 8002 become 8010, 8011, 8012: easy to recognise
_TRIES = 100


@contextlib.contextmanager
def hold(wanted: dict[str, int], *, host: str, chosen: Callable[[str], bool]) -> Iterator[dict[str, int]]:
    """Give a port per setting and keep other checkouts off them until the block is left.

    Raises:
        Refused: a chosen port is taken, or none near the default is free.
    """
    with contextlib.ExitStack() as held:
        yield {name: _pick(held, name, port, host, fixed=chosen(name)) for name, port in wanted.items()}


def is_free(host: str, port: int) -> bool:
    """Whether a server could listen there now."""
    with socket.socket(socket.AF_INET, socket.SOCK_STREAM) as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)  # as servers do: ended connections linger
        try:
            probe.bind((host, port))
            probe.listen()
        except OSError:
            return False
    return True


def _pick(held: contextlib.ExitStack, name: str, port: int, host: str, *, fixed: bool) -> int:
    if fixed:
        if not is_free(host, port) or not _reserve(held, port):
            raise Refused(
                f"port {port} is taken: set {name} to a free one, or unset it to take the next free"
            )
        return port
    for candidate in range(port, port + _STEP * _TRIES, _STEP):
        if is_free(host, candidate) and _reserve(held, candidate):
            return candidate
    raise Refused(f"no free port was found for {name} from {port} on: set {name}")


def _reserve(held: contextlib.ExitStack, port: int) -> bool:
    """Take a name that lives as long as this process, so that two checkouts starting at once do not collide.

    Such names exist on Linux; elsewhere the second to listen fails and says so.
    """
    if sys.platform != "linux":
        return True
    name = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
    try:
        name.bind(f"\0engage-port-{port}")
    except OSError:
        name.close()
        return False
    held.enter_context(name)
    return True
