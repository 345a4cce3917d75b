"""How gunicorn serves the web: read by `engage web`."""

from __future__ import annotations

import signal
from pathlib import Path

from engage.config import load
from engage.kernel.death import follow_parent

_settings = load()  # not the module `config`: gunicorn would take the name for a setting

bind = f"{_settings.host}:{_settings.port}"
worker_class = "gthread"
workers = _settings.web_processes
threads = _settings.web_threads
forwarded_allow_ips = ",".join(sorted(_settings.proxies))
timeout = 30
graceful_timeout = 4  # `engage up` waits five seconds
keepalive = 5
accesslog = None  # the application logs each request with its id and no personal data
loglevel = "warning"
proc_name = "engage-web"
control_socket_disable = True
if Path("/dev/shm").is_dir():  # noqa: S108 heartbeats must not wait for a disk
    worker_tmp_dir = "/dev/shm"  # noqa: S108


def post_fork(_server: object, _worker: object) -> None:
    """Let no worker outlive the master, even one killed with -9."""
    follow_parent(signal.SIGKILL)
