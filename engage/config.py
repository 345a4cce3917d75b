"""Settings: the only module that reads the environment.

Every setting is a row of `SETTINGS` and a section of `docs/configuration.md` (a test compares them).
Where a variable is unset, what a running `engage up` wrote into `.engage/run.json` is used, so that
`engage doctor` or a test in a second terminal finds the embedded servers.
"""

from __future__ import annotations

import json
import os
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent


class ConfigError(Exception):
    """A setting is missing or contradicts another; the message names it and says what to do."""


@dataclass(frozen=True, slots=True)
class Setting:
    """One environment variable: its name, its default, and what it decides."""

    name: str
    default: str
    about: str


SETTINGS = (
    Setting(
        "ENGAGE_ENV", "development", "development, test or production; production refuses unsafe defaults"
    ),
    Setting("ENGAGE_HOME", ".engage", "folder of run.json, embedded servers' data, files and logs"),
    Setting("ENGAGE_DATABASE_URL", "", "PostgreSQL as the role engage_app; empty starts the embedded server"),
    Setting("ENGAGE_OWNER_DATABASE_URL", "", "PostgreSQL as the owner, for migrations and back-ups"),
    Setting("ENGAGE_REDIS_URL", "", "Redis or Valkey; empty starts the embedded server"),
    Setting("ENGAGE_SECRET_KEY", "", "signs cookies and form tokens; at least 32 characters in production"),
    Setting("ENGAGE_DATA_KEY", "", "encrypts secrets and phones at rest; 32 bytes in URL-safe base64"),
    Setting("ENGAGE_HOST", "127.0.0.1", "address the web process listens on"),
    Setting("ENGAGE_PORT", "8000", "port of the web process"),
    Setting("ENGAGE_LIVE_PORT", "8002", "port of the event streams"),
    Setting(
        "ENGAGE_LIVE_URL", "", "where browsers reach the event streams; empty: the page's host, that port"
    ),
    Setting("ENGAGE_SANDBOX_PORT", "8001", "port of the sandbox and its phone (development)"),
    Setting("ENGAGE_PUBLIC_URL", "", "what the world calls the web process; empty means http://HOST:PORT"),
    Setting("ENGAGE_PROXIES", "127.0.0.1,::1", "addresses of the proxies whose X-Forwarded-* is believed"),
    Setting(
        "ENGAGE_WECHAT_API_URL",
        "https://api.weixin.qq.com",
        "host of WeChat's API; the sandbox in development",
    ),
    Setting("ENGAGE_WECHAT_OPEN_URL", "https://open.weixin.qq.com", "host of WeChat's authorization pages"),
    Setting("ENGAGE_WECHAT_MP_URL", "https://mp.weixin.qq.com", "host of WeChat's QR images"),
    Setting("ENGAGE_SMS_URL", "", "host that sends text messages; the sandbox in development"),
    Setting("ENGAGE_SMS_KEY", "", "Aliyun's access key ID; empty sends through ENGAGE_SMS_URL"),
    Setting("ENGAGE_SMS_SECRET", "", "Aliyun's access key secret"),
    Setting("ENGAGE_SMS_SIGN", "", "signature of text messages that Aliyun approved"),
    Setting("ENGAGE_SMS_CODE_TEMPLATE", "", "code of the template for codes that Aliyun approved"),
    Setting("ENGAGE_WEB_PROCESSES", "2", "gunicorn processes of the web"),
    Setting("ENGAGE_WEB_THREADS", "8", "threads of each web process"),
    Setting("ENGAGE_LIVE_PROCESSES", "1", "gunicorn processes of the event streams"),
    Setting("ENGAGE_WORKERS", "1", "worker processes that `engage up` starts"),
    Setting("ENGAGE_PG_BIN", "", "folder with another PostgreSQL's binaries for the embedded server"),
    Setting("ENGAGE_CHROMIUM", "", "Chromium for browser tests and screenshots; empty looks for one"),
    Setting("ENGAGE_LOG_LEVEL", "INFO", "DEBUG, INFO, WARNING or ERROR"),
    Setting("ENGAGE_LOG_FORMAT", "", "json or console; empty means console in development, json elsewhere"),
)

_FROM_RUN_FILE = {
    "ENGAGE_DATABASE_URL": "database",
    "ENGAGE_OWNER_DATABASE_URL": "owner_database",
    "ENGAGE_REDIS_URL": "redis",
    "ENGAGE_PUBLIC_URL": "web",
    "ENGAGE_WECHAT_API_URL": "sandbox",
    "ENGAGE_WECHAT_OPEN_URL": "sandbox",
    "ENGAGE_WECHAT_MP_URL": "sandbox",
    "ENGAGE_SMS_URL": "sandbox",
}

_DEVELOPMENT_SECRET = "development-only-secret-key-0123456789"  # noqa: S105 production refuses it
_DEVELOPMENT_DATA_KEY = "ZGV2ZWxvcG1lbnQtb25seS1kYXRhLWtleS0wMTIzNDU="


@dataclass(frozen=True, slots=True)
class Config:
    """The settings of one process, read once at its start."""

    env: str
    home: Path
    database_url: str
    owner_database_url: str
    redis_url: str
    secret_key: str
    data_key: str
    host: str
    port: int
    live_port: int
    live_url: str
    sandbox_port: int
    public_url: str
    proxies: frozenset[str]
    wechat_api_url: str
    wechat_open_url: str
    wechat_mp_url: str
    sms_url: str
    sms_key: str
    sms_secret: str
    sms_sign: str
    sms_code_template: str
    web_processes: int
    web_threads: int
    live_processes: int
    workers: int
    pg_bin: str
    chromium: str
    log_level: str
    log_format: str

    @property
    def production(self) -> bool:
        """Whether unsafe defaults, the sandbox and developers' pages are refused."""
        return self.env == "production"

    @property
    def development(self) -> bool:
        """Whether developers' pages and the sandbox's frame are allowed."""
        return self.env == "development"

    @property
    def run_file(self) -> Path:
        """Where `engage up` writes the URLs of what it started."""
        return self.home / "run.json"

    @property
    def files_dir(self) -> Path:
        """Folder of attachments on a single host."""
        return self.home / "files"

    @property
    def instance(self) -> str:
        """Distinguishes cookies of checkouts on one host: cookies ignore ports."""
        return f"{self.port}"


def _normalised_database_url(url: str) -> str:
    """Name the driver, so that a provider's `postgres://` or `postgresql://` works."""
    for prefix in ("postgres://", "postgresql://"):
        if url.startswith(prefix):
            return "postgresql+psycopg://" + url.removeprefix(prefix)
    return url


def _number(values: Mapping[str, str], name: str) -> int:
    try:
        return int(values[name])
    except ValueError as error:
        raise ConfigError(f"{name} must be a whole number, not {values[name]!r}") from error


def _check_production(config: Config) -> None:
    if len(config.secret_key) < 32 or config.secret_key == _DEVELOPMENT_SECRET:
        raise ConfigError("ENGAGE_SECRET_KEY must be set to at least 32 random characters in production")
    if config.data_key == _DEVELOPMENT_DATA_KEY:
        raise ConfigError("ENGAGE_DATA_KEY must be set in production; `openssl rand -base64 32` makes one")
    if not config.database_url or not config.redis_url:
        raise ConfigError("ENGAGE_DATABASE_URL and ENGAGE_REDIS_URL must be set in production")
    if not config.public_url.startswith("https://"):
        raise ConfigError("ENGAGE_PUBLIC_URL must begin with https:// in production")
    for url in (config.wechat_api_url, config.wechat_open_url, config.wechat_mp_url):
        if not url.startswith("https://"):
            raise ConfigError("production does not talk to a sandbox: unset ENGAGE_WECHAT_*_URL")
    if config.live_url and not config.live_url.startswith("https://"):
        raise ConfigError("ENGAGE_LIVE_URL must begin with https:// in production, as the pages do")
    if config.sms_key and not (config.sms_secret and config.sms_sign and config.sms_code_template):
        raise ConfigError("Aliyun needs ENGAGE_SMS_SECRET, ENGAGE_SMS_SIGN and ENGAGE_SMS_CODE_TEMPLATE too")
    if not config.sms_key and not config.sms_url.startswith("https://"):
        raise ConfigError(
            "text messages need a provider in production: ENGAGE_SMS_KEY or an https:// ENGAGE_SMS_URL"
        )


def load(environ: Mapping[str, str] | None = None, *, running: bool = True) -> Config:
    """Read the settings of this process; `running=False` ignores what a running `engage up` wrote.

    Raises:
        ConfigError: a value is malformed, or production lacks a safe one.
    """
    environ = os.environ if environ is None else environ
    values = {setting.name: environ.get(setting.name) or setting.default for setting in SETTINGS}
    home = Path(values["ENGAGE_HOME"])
    home = home if home.is_absolute() else ROOT / home
    if values["ENGAGE_ENV"] not in {"development", "test", "production"}:
        raise ConfigError(f"ENGAGE_ENV must be development, test or production, not {values['ENGAGE_ENV']!r}")
    if running and values["ENGAGE_ENV"] == "development":
        values |= _from_run_file(home / "run.json", environ)
    production = values["ENGAGE_ENV"] == "production"
    config = Config(
        env=values["ENGAGE_ENV"],
        home=home,
        database_url=_normalised_database_url(values["ENGAGE_DATABASE_URL"]),
        owner_database_url=_normalised_database_url(values["ENGAGE_OWNER_DATABASE_URL"]),
        redis_url=values["ENGAGE_REDIS_URL"],
        secret_key=values["ENGAGE_SECRET_KEY"] or _DEVELOPMENT_SECRET,
        data_key=values["ENGAGE_DATA_KEY"] or _DEVELOPMENT_DATA_KEY,
        host=values["ENGAGE_HOST"],
        port=_number(values, "ENGAGE_PORT"),
        live_port=_number(values, "ENGAGE_LIVE_PORT"),
        live_url=values["ENGAGE_LIVE_URL"].rstrip("/"),
        sandbox_port=_number(values, "ENGAGE_SANDBOX_PORT"),
        public_url=values["ENGAGE_PUBLIC_URL"].rstrip("/")
        or ("" if production else f"http://{values['ENGAGE_HOST']}:{values['ENGAGE_PORT']}"),
        proxies=frozenset(filter(None, map(str.strip, values["ENGAGE_PROXIES"].split(",")))),
        wechat_api_url=values["ENGAGE_WECHAT_API_URL"],
        wechat_open_url=values["ENGAGE_WECHAT_OPEN_URL"],
        wechat_mp_url=values["ENGAGE_WECHAT_MP_URL"],
        sms_url=values["ENGAGE_SMS_URL"],
        sms_key=values["ENGAGE_SMS_KEY"],
        sms_secret=values["ENGAGE_SMS_SECRET"],
        sms_sign=values["ENGAGE_SMS_SIGN"],
        sms_code_template=values["ENGAGE_SMS_CODE_TEMPLATE"],
        web_processes=_number(values, "ENGAGE_WEB_PROCESSES"),
        web_threads=_number(values, "ENGAGE_WEB_THREADS"),
        live_processes=_number(values, "ENGAGE_LIVE_PROCESSES"),
        workers=_number(values, "ENGAGE_WORKERS"),
        pg_bin=values["ENGAGE_PG_BIN"],
        chromium=values["ENGAGE_CHROMIUM"],
        log_level=values["ENGAGE_LOG_LEVEL"].upper(),
        log_format=values["ENGAGE_LOG_FORMAT"]
        or ("console" if values["ENGAGE_ENV"] == "development" else "json"),
    )
    if config.production:
        _check_production(config)
    return config


def is_set(name: str, environ: Mapping[str, str] | None = None) -> bool:
    """Whether somebody chose this setting, so that it may not be moved to a free port or the like."""
    return bool((os.environ if environ is None else environ).get(name))


def for_child(changes: Mapping[str, str]) -> dict[str, str]:
    """Give the environment of a process we start: our own, with `changes`; an empty value unsets."""
    return {name: value for name, value in {**os.environ, **changes}.items() if value}


def _from_run_file(run_file: Path, environ: Mapping[str, str]) -> dict[str, str]:
    """Give the addresses `engage up` wrote for variables that the environment leaves unset."""
    try:
        running = json.loads(run_file.read_text())
    except (FileNotFoundError, json.JSONDecodeError):
        return {}
    return {
        name: running[key]
        for name, key in _FROM_RUN_FILE.items()
        if not environ.get(name) and running.get(key)
    }
