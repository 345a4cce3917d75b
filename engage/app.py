"""The web application: settings, extensions, guards, blueprints, errors."""

from __future__ import annotations

from typing import Any
from urllib.parse import urlsplit

from flask import Blueprint, Flask, Request
from flask.sessions import SecureCookieSession, SecureCookieSessionInterface
from flask_wtf.csrf import CSRFProtect

from engage import config as settings
from engage.blueprints import faces, headers, problems
from engage.blueprints.console import (
    accounts,
    appointments,
    arrivals,
    audit,
    bindings,
    calendar,
    calls,
    campaigns,
    categories,
    chats,
    checkup,
    codes,
    complaints,
    coupons,
    doctors,
    fans,
    gallery,
    items,
    journal,
    menu,
    messages,
    notifications,
    operations,
    people,
    photos,
    presence,
    privacy,
    profile,
    profiles,
    replies,
    reports,
    rosters,
    search,
    second_factor,
    session,
    staff,
    tags,
    today,
    waiting,
)
from engage.blueprints.console import (
    stores as store_setup,
)
from engage.blueprints.hooks import wechat as wechat_hook
from engage.blueprints.hooks.lane import Lane
from engage.blueprints.live import stream
from engage.blueprints.ops import health, metrics
from engage.blueprints.patient import arrivals as patient_arrivals
from engage.blueprints.patient import (
    authorization,
    bind,
    jssdk,
    me,
    offers,
    reply_pictures,
    stores,
    style,
    ticket,
)
from engage.blueprints.patient import coupons as patient_coupons
from engage.blueprints.patient import doctors as patient_doctors
from engage.blueprints.patient import photos as patient_photos
from engage.blueprints.patient import privacy as patient_privacy
from engage.blueprints.patient import profile as patient_profile
from engage.blueprints.patient import waiting as patient_waiting
from engage.blueprints.patient.booking import choosing, holding
from engage.blueprints.patient.visits import changing, showing
from engage.config import Config
from engage.kernel import clock, doorbell, logs, outbox, sealing
from engage.kernel.db import BRIEF, BRIEF_MS, db, remember_statements
from engage.kernel.files import DiskFiles
from engage.reactions import HANDLERS
from engage.sms.gateway import SmsGateway
from engage.sms.sandbox import SandboxSms
from engage.wechat.client import HttpGateway
from engage.wechat.refusals import Refusals

CONSOLE = (
    today.bp,
    chats.bp,
    appointments.bp,
    waiting.bp,
    arrivals.bp,
    calls.bp,
    fans.bp,
    tags.bp,
    people.bp,
    *privacy.BLUEPRINTS,
    bindings.bp,
    profiles.bp,
    session.bp,
    presence.bp,
    search.bp,
    staff.bp,
    store_setup.bp,
    doctors.bp,
    photos.bp,
    items.bp,
    categories.bp,
    complaints.bp,
    coupons.bp,
    codes.bp,
    campaigns.bp,
    rosters.bp,
    calendar.bp,
    reports.bp,
    profile.bp,
    second_factor.bp,
    audit.bp,
    operations.bp,
    accounts.bp,
    replies.bp,
    menu.bp,
    checkup.bp,
    journal.bp,
    notifications.bp,
    messages.bp,
)
PATIENT = (
    authorization.bp,
    bind.bp,
    ticket.bp,
    patient_profile.bp,
    choosing.bp,
    patient_waiting.bp,
    holding.bp,
    showing.bp,
    changing.bp,
    patient_arrivals.bp,
    stores.bp,
    patient_doctors.bp,
    patient_photos.bp,
    jssdk.bp,
    patient_coupons.bp,
    offers.bp,
    reply_pictures.bp,
    me.bp,
    patient_privacy.bp,
    style.bp,
)
LIMITS = "-c statement_timeout=15s -c lock_timeout=3s -c idle_in_transaction_session_timeout=60s"

MACHINES = (wechat_hook.bp, health.bp, metrics.bp)


class _Sessions(SecureCookieSessionInterface):
    """Flask's sessions; who brings no cookie, as WeChat's pushes do, has nothing to be checked."""

    def open_session(self, app: Flask, request: Request) -> SecureCookieSession | None:
        """Read the session of the cookie, or begin one."""
        if self.get_cookie_name(app) not in request.cookies:
            return self.session_class()
        return super().open_session(app, request)


def create_app(config: Config | None = None) -> Flask:
    """Make the application of one process; `config` is read from the environment if not given.

    Raises:
        ConfigError: the settings contradict each other.
    """
    config = config or settings.load()
    app = _flask(config)
    app.session_interface = _Sessions()
    outbox.register(HANDLERS)
    app.extensions["files"] = DiskFiles(config.files_dir)
    app.extensions["wechat"] = HttpGateway(
        config.wechat_api_url, doorbell.connection(), mp_url=config.wechat_mp_url
    )
    app.extensions["sms"] = _sms(config)
    app.extensions["refusals"] = Refusals(doorbell.connection())
    metrics.init_app(app)
    problems.init_app(app)
    headers.init_app(app, config)
    csrf = CSRFProtect(app)
    csrf.exempt(wechat_hook.bp)
    for blueprint in blueprints(config):
        app.register_blueprint(blueprint)
    app.wsgi_app = Lane(app, app.wsgi_app)  # type: ignore[method-assign]  # as Flask's own docs do
    return app


def create_live(config: Config | None = None) -> Flask:
    """Make the application of a process that serves event streams and nothing else.

    Raises:
        ConfigError: the settings contradict each other.
    """
    config = config or settings.load()
    app = _flask(config)
    stream.init_app(app, at_once=config.web_threads)
    for blueprint in (stream.bp, stream.figures):
        app.register_blueprint(blueprint)
    return app


def _flask(config: Config) -> Flask:
    """Make what every process needs: settings, logs, clock, keys, doorbell, database, templates."""
    app = Flask("engage", template_folder=settings.ROOT / "templates", static_folder=settings.ROOT / "static")
    app.config.update(_flask_settings(config))
    logs.configure(level=config.log_level, as_json=config.log_format == "json")
    clock.use_offset(None if config.production else config.home / "clock-offset")
    sealing.use_key(config.data_key)
    doorbell.connect(config.redis_url)
    db.init_app(app)
    with app.app_context():
        remember_statements(db.engine)
    faces.init_app(app)
    return app


def blueprints(config: Config) -> tuple[Blueprint, ...]:
    """Give the parts of the application; production goes without the developers' gallery."""
    parts = (*CONSOLE, *PATIENT, *MACHINES)
    return parts if config.production else (*parts, gallery.bp)


def _sms(config: Config) -> SmsGateway:
    """Give the provider of text messages: Aliyun where its key is set, else what stands at a URL."""
    if not config.sms_key:
        return SandboxSms(config.sms_url)
    from engage.sms.aliyun import AliyunAccount, AliyunSms  # its library takes its time to load

    templates = {"phone_code": config.sms_code_template}
    return AliyunSms(AliyunAccount(config.sms_key, config.sms_secret, config.sms_sign, templates))


def _flask_settings(config: Config) -> dict[str, Any]:
    secure = config.public_url.startswith("https://")
    return {
        "SECRET_KEY": config.secret_key,
        "INSTANCE": config.instance,
        "PUBLIC_URL": config.public_url,
        "PROXIES": config.proxies,
        "LIVE_URL": config.live_url or (_beside_the_web(config) if config.production else ""),
        "LIVE_PORT": config.live_port,
        "WEB_PORT": config.port,
        "SANDBOXED": config.wechat_open_url.startswith("http://"),
        "WECHAT_OPEN_URL": config.wechat_open_url,
        "MAX_CONTENT_LENGTH": 8 * 1024 * 1024,
        "SESSION_COOKIE_NAME": f"engage_form_{config.instance}",
        "SESSION_COOKIE_SECURE": secure,
        "SESSION_COOKIE_HTTPONLY": True,
        "SESSION_COOKIE_SAMESITE": "Lax",
        "WTF_CSRF_TIME_LIMIT": None,  # as long as the session
        "BABEL_DEFAULT_LOCALE": "zh_Hans",
        "BABEL_TRANSLATION_DIRECTORIES": str(settings.ROOT / "engage" / "translations"),
        "SQLALCHEMY_DATABASE_URI": config.database_url,
        "SQLALCHEMY_ENGINE_OPTIONS": _engine(config, LIMITS),
        "SQLALCHEMY_BINDS": {
            BRIEF: {
                "url": config.database_url,
                "isolation_level": "AUTOCOMMIT",
                "pool_reset_on_return": None,  # there is never a transaction to end
                **_engine(config, f"-c statement_timeout={BRIEF_MS}ms -c plan_cache_mode=force_generic_plan"),
            }
        },
    }


def _beside_the_web(config: Config) -> str:
    return f"https://{urlsplit(config.public_url).hostname}:{config.live_port}"


def _engine(config: Config, limits: str) -> dict[str, Any]:
    return {
        "pool_size": config.web_threads,
        "max_overflow": 2,
        "pool_timeout": 3,
        # Values of statements are personal data: errors and logs do without them.
        "hide_parameters": True,
        # Sessions begin by themselves (`kernel.db`).
        "connect_args": {"connect_timeout": 3, "options": limits, "autocommit": True},
    }
