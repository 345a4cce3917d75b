"""How gunicorn serves the event streams: read by `engage live`. One process carries hundreds of them."""

from __future__ import annotations

import signal
import sys
from pathlib import Path

from engage.config import load
from engage.kernel.death import follow_parent

_settings = load()  # not the module `config`: gunicorn would take the name for a setting

bind = f"{_settings.host}:{_settings.live_port}"
# gevent patches the standard library in each worker before it loads the application: never preload.
# It has wheels for Linux; elsewhere a thread stands behind each stream.
worker_class = "gevent" if sys.platform == "linux" else "gthread"
workers = _settings.live_processes
worker_connections = 4000
threads = 600
forwarded_allow_ips = ",".join(sorted(_settings.proxies))
timeout = 30
graceful_timeout = 0  # a stream has no end to wait for; its browser asks the next process
keepalive = 5
accesslog = None
loglevel = "error"  # each stop would warn of the streams it cut
proc_name = "engage-live"
control_socket_disable = True
if Path("/dev/shm").is_dir():  # noqa: S108 heartbeats must not wait for a disk
    worker_tmp_dir = "/dev/shm"  # noqa: S108


def post_fork(_server: object, _worker: object) -> None:
    """Let no worker outlive the master, even one killed with -9."""
    follow_parent(signal.SIGKILL)
