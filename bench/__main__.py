"""Run the benchmarks named on the command line, or all."""

from __future__ import annotations

import importlib
import sys

ALL = ("callbacks", "booking", "push", "live", "audience", "search", "lists", "availability")


def main(names: list[str]) -> None:
    """Run them one after the other."""
    for name in names or ALL:
        if name not in ALL:
            sys.exit(f"no benchmark {name!r}; there are: {', '.join(ALL)}")
        importlib.import_module(f"bench.{name}").main()


if __name__ == "__main__":
    main(sys.argv[1:])
