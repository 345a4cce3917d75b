"""PostgreSQL's data on disk: made once, given to who runs the server, freed of a dead server's marks."""

from __future__ import annotations

import os
import platform
import shutil
import signal
import subprocess
import time
from pathlib import Path

from engage.kernel.death import following
from engage.kernel.embedded.server import STOP_SECONDS, EmbeddedError, private_folder

SUPERUSER = "engage_cluster"
NOBODY = 65534

_SMALL_SHARED_MEMORY = 256 * 1024 * 1024  # containers give 64 MB, which a parallel query outgrows


class Account:
    """Who runs PostgreSQL, which refuses to run as root.

    An ordinary user runs it plainly. Root enters a user namespace, where its number means nobody
    while its files stay its own; where that is forbidden (some containers), the account `nobody`
    runs it and owns its files.
    """

    def __init__(self, run_dir: Path) -> None:
        self.prefix: list[str] = []
        self._nobody = False
        if os.geteuid() != 0:
            return
        unshare = shutil.which("unshare")
        if (
            unshare
            and subprocess.run([unshare, "-U", "true"], capture_output=True, check=False).returncode == 0
        ):
            self.prefix = [unshare, "-U"]
            return
        setpriv = shutil.which("setpriv")
        if setpriv is None:
            raise EmbeddedError(
                "PostgreSQL does not run as root, and neither unshare nor setpriv is there: "
                "run as an ordinary user, or set ENGAGE_DATABASE_URL to a PostgreSQL of your own"
            )
        # The death signal is forgotten when the account changes, so setpriv asks for it afterwards.
        who = [f"--reuid={NOBODY}", f"--regid={NOBODY}", "--clear-groups"]
        self.prefix = [setpriv, *who, "--pdeathsig=INT"]
        self._nobody = True
        self.own(run_dir)
        if subprocess.run([*self.prefix, "test", "-w", str(run_dir)], check=False).returncode != 0:
            raise EmbeddedError(
                f"PostgreSQL must run as nobody here, who cannot reach {run_dir}: move the checkout out of "
                "root's home, or set ENGAGE_DATABASE_URL to a PostgreSQL of your own"
            )

    def own(self, folder: Path) -> None:
        """Give a folder and what is in it to the account, if it is another than ours."""
        if self._nobody and folder.stat().st_uid != NOBODY:
            for path in (folder, *folder.rglob("*")):
                os.chown(path, NOBODY, NOBODY, follow_symlinks=False)


def initialise(data: Path, programs: Path, account: Account, environment: dict[str, str]) -> None:
    """Make a cluster beside its place and move it there: an interrupted start leaves none half made."""
    fresh = data.with_name(data.name + ".new")
    shutil.rmtree(fresh, ignore_errors=True)
    account.own(private_folder(fresh))
    # Not the locale C: it has no Chinese letters, and trigram search would find nothing.
    made = subprocess.run(
        [
            *account.prefix,
            str(programs / "initdb"),
            *("-D", str(fresh), "-U", SUPERUSER, "-A", "trust", "-E", "UTF8", "--locale=C.UTF-8"),
        ],
        capture_output=True,
        text=True,
        env=environment,
        preexec_fn=following(signal.SIGKILL),
        check=False,
    )
    if made.returncode != 0:
        raise EmbeddedError(f"initdb failed:\n{made.stdout}{made.stderr}")
    fresh.rename(data)


def forget_dead_server(data: Path, run_dir: Path) -> None:
    """Remove the marks of a server that died; wait for one that is still ending.

    PostgreSQL would take any process that has the old number for a running server.
    """
    try:
        pid = int((data / "postmaster.pid").read_text().split()[0])
    except (FileNotFoundError, IndexError, ValueError):
        pid = 0
    ends_by = time.monotonic() + STOP_SECONDS
    while pid and str(data) in _command_of(pid):
        if time.monotonic() > ends_by:
            raise EmbeddedError(
                f"a PostgreSQL (process {pid}) still runs on {data}: end it with `kill -INT {pid}`"
            )
        time.sleep(0.05)  # it is not our child: there is nothing to wait on
    for mark in (data / "postmaster.pid", run_dir / ".s.PGSQL.5432", run_dir / ".s.PGSQL.5432.lock"):
        mark.unlink(missing_ok=True)


def _command_of(pid: int) -> str:
    if platform.system() == "Linux":
        try:
            return Path(f"/proc/{pid}/cmdline").read_text()
        except (FileNotFoundError, ProcessLookupError):
            return ""
    told = subprocess.run(
        ["/bin/ps", "-p", str(pid), "-o", "args="], capture_output=True, text=True, check=False
    )
    return told.stdout


def shared_memory() -> str:
    """Choose how PostgreSQL's processes share memory: not by files in a /dev/shm that is too small."""
    shared = Path("/dev/shm")  # noqa: S108 asked for its size only
    if shared.is_dir() and shutil.disk_usage(shared).total >= _SMALL_SHARED_MEMORY:
        return "posix"
    return "mmap"
