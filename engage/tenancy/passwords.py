"""Password hashes: argon2id, a few at a time.

One check takes about 100 ms of a core and 64 MB and releases the interpreter meanwhile, so that in
the threaded web process it stops its own request only. The gate keeps a burst of log-ins from taking
every core and the memory with it; who waits longer than a moment is refused, so that the burst does
not hold every thread either. No database transaction may be open around a check.
"""

from __future__ import annotations

import threading

from argon2 import PasswordHasher
from argon2.exceptions import VerificationError

from engage.kernel.errors import Busy

AT_ONCE = 2
WAIT_SECONDS = 0.5

_hasher = PasswordHasher()
_gate = threading.BoundedSemaphore(AT_ONCE)

# Checked when the log-in is unknown, so that the answer takes as long as for a known one.
_nobody = _hasher.hash("no password has this hash")


def hash_password(password: str) -> str:
    """Give the hash to store.

    Raises:
        Busy: too many are being checked.
    """
    with _Turn():
        return _hasher.hash(password)


def verify(stored: str | None, password: str) -> bool:
    """Whether the password fits; None stands for an unknown log-in and takes as long.

    Raises:
        Busy: too many are being checked.
    """
    with _Turn():
        try:
            _hasher.verify(stored or _nobody, password)
        except VerificationError:
            return False
        return stored is not None


class _Turn:
    def __enter__(self) -> None:
        if not _gate.acquire(timeout=WAIT_SECONDS):
            raise Busy

    def __exit__(self, *_: object) -> None:
        _gate.release()
