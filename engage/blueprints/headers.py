"""Security headers of every answer (design §4, content policy)."""

from __future__ import annotations

from urllib.parse import urlsplit

from flask import Flask, Response, request

from engage.blueprints.live import address
from engage.config import Config


def init_app(app: Flask, config: Config) -> None:
    """Add the headers to every answer; in development the sandbox's phone may frame patient pages."""
    framers, scripts = "'none'", "'self'"
    if config.development:
        port = urlsplit(config.wechat_open_url).port or config.sandbox_port
        framers = f"http://*.localhost:{port} http://localhost:{port} http://127.0.0.1:{port}"
        scripts = f"'self' {config.wechat_open_url}"  # the sandbox's stand-in for WeChat's script
    policy = (
        "default-src 'self'; style-src 'self'; img-src 'self' data: blob:; "
        "object-src 'none'; base-uri 'none'; form-action 'self'; "
    )
    fixed = {
        "X-Content-Type-Options": "nosniff",
        "Referrer-Policy": "same-origin",
        "Permissions-Policy": "camera=(), microphone=(), geolocation=(self)",
        "Cross-Origin-Opener-Policy": "same-origin",
    }
    if config.production:
        fixed["Strict-Transport-Security"] = "max-age=31536000; includeSubDomains"
    own = f"{policy}script-src 'self'; frame-ancestors 'none'; connect-src 'self'"
    pages = f"{policy}script-src {scripts}; frame-ancestors {framers}; connect-src 'self'"
    alone = {"Content-Security-Policy": own, **fixed}
    framed = {"Content-Security-Policy": pages, **fixed}

    @app.after_request
    def add(response: Response) -> Response:
        headers = response.headers
        headers.extend(framed if request.path.startswith("/p/") else alone)
        if request.path.startswith("/console/"):
            headers["Content-Security-Policy"] += f" {address.origin()}"
        if request.endpoint == "static" and "v" in request.args:
            headers["Cache-Control"] = "public, max-age=31536000, immutable"
        elif request.endpoint != "static":
            headers.setdefault("Cache-Control", "no-store")
            headers.add("Vary", "HX-Request, HX-Target")
        return response
