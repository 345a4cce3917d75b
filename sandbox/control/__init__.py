"""The control API under `/sandbox/v1` (design §5, contract A): tests and demos drive people through it."""

from sandbox.control import accounts, acts, levers, machine, messages, pages, people, taps
from sandbox.control.asked import blueprint

__all__ = ["accounts", "acts", "blueprint", "levers", "machine", "messages", "pages", "people", "taps"]
