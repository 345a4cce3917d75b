"""Pictures to print: one as PNG or SVG, many as ZIP, and the logo in their middle."""

from __future__ import annotations

import io
import zipfile
from typing import Any, Final

from flask import Response, current_app, flash, redirect, render_template, request, url_for
from flask.typing import ResponseReturnValue
from flask_babel import gettext

from engage.blueprints.console.chats.pictures import NoPicture, PictureTooLarge, recompressed
from engage.blueprints.console.codes.blueprint import MANAGE, bp
from engage.blueprints.console.codes.reach import shown_stores, visible
from engage.blueprints.console.subnav import marketing_pages
from engage.blueprints.guard import Staff
from engage.kernel import clock, settings
from engage.kernel.db import unit_of_work
from engage.kernel.errors import NotFound
from engage.kernel.files import Files
from engage.qrcodes import drawing, queries, rules, services, sheets
from engage.qrcodes.errors import NotMade

ARCHIVE: Final = "qr-codes.zip"


@bp.view("/<int:code_id>/picture.<any(png, svg):ending>", permission=MANAGE)
def picture(staff: Staff, code_id: int, ending: str) -> ResponseReturnValue:
    """Give a code's picture; with `save` as a file."""
    with unit_of_work() as work:
        visible(work, staff, code_id)
        printed, key = sheets.prints(work, [code_id], now=clock.now())
    if not printed:
        raise NotMade
    logo = sheets.logo_of(_files(), staff.house.id, key)
    answer = Response(sheets.drawn(printed[0], ending, logo), content_type=sheets.TYPES[ending])
    answer.headers["Cache-Control"] = "private, no-cache"
    if "save" in request.args:
        answer.headers.set("Content-Disposition", "attachment", filename=f"{printed[0].name}.{ending}")
    return answer


@bp.view("/pictures", permission=MANAGE, methods=("POST",))
def gather(staff: Staff) -> ResponseReturnValue:
    """Give the pictures of some codes as ZIP at once, or let a worker gather them where they are many."""
    wanted = [int(text) for text in request.form.getlist("ids") if _is_id(text)]
    with unit_of_work() as work:
        mine = queries.among(work, wanted[: rules.PICTURES_AT_MOST + 1], shown_stores(staff))
        printed, key = sheets.prints(work, mine, now=clock.now())
    if len(printed) > rules.PICTURES_AT_ONCE:
        with unit_of_work() as work:
            bundle = services.bundles.ask(work, mine, staff_id=staff.id, now=clock.now())
        return redirect(url_for("console_codes.bundle", bundle_id=bundle.id), 303)
    if not printed:
        flash(gettext("None of these codes has a picture yet."), "bad")
        return redirect(url_for("console_codes.index"), 303)
    packed = io.BytesIO()
    with zipfile.ZipFile(packed, "w", zipfile.ZIP_DEFLATED) as archive:
        sheets.gather(archive, printed, sheets.logo_of(_files(), staff.house.id, key))
    return _archive(packed.getvalue())


@bp.view("/pictures/<int:bundle_id>", permission=MANAGE)
def bundle(staff: Staff, bundle_id: int) -> ResponseReturnValue:
    """Show how a bundle of pictures stands; asked by itself it gives the moving part alone."""
    with unit_of_work() as work:
        row = queries.bundle(work, bundle_id, asked_by=staff.id)
    count = len(row.code_ids)
    view = {
        "id": row.id,
        "state": row.state,
        "done": row.done,
        "count": count,
        "percent": 100 * row.done / count,
        "until": clock.local(row.expires_at, staff.house.zone),
        "subnav": marketing_pages(staff),
    }
    part = (
        "console/codes/bundle_state.html"
        if request.headers.get("HX-Request")
        else "console/codes/bundle.html"
    )
    return render_template(part, view=view)


@bp.view("/pictures/<int:bundle_id>/file", permission=MANAGE)
def bundle_file(staff: Staff, bundle_id: int) -> ResponseReturnValue:
    """Give the ZIP of a bundle that is ready."""
    with unit_of_work() as work:
        row = queries.bundle(work, bundle_id, asked_by=staff.id)
    if row.file is None or row.expires_at <= clock.now():
        raise NotFound(bundle=bundle_id)
    return _archive(_files().get(staff.house.id, row.file))


@bp.view("/logo", permission=MANAGE, everywhere=True)
def logo(_staff: Staff) -> ResponseReturnValue:
    """Show the logo that is printed in the middle of every code."""
    return _logo_page("")


@bp.view("/logo.png", permission=MANAGE)
def logo_file(staff: Staff) -> ResponseReturnValue:
    """Give the logo."""
    with unit_of_work() as work:
        key = settings.get(work, sheets.LOGO)
    if not key:
        raise NotFound(logo=key)
    answer = Response(_files().get(staff.house.id, key), content_type="image/png")
    answer.headers["Cache-Control"] = "private, no-cache"
    return answer


@bp.view("/logo", permission=MANAGE, everywhere=True, methods=("POST",))
def set_logo(staff: Staff) -> ResponseReturnValue:
    """Take a picture as the logo, or none where that is asked for."""
    if "remove" in request.form:
        return _kept(staff, "")
    upload = request.files.get("logo")
    content = upload.read() if upload else b""
    try:
        square = drawing.squared(recompressed(content).content)
    except (NoPicture, PictureTooLarge) as refusal:
        return _logo_page(gettext(refusal.title)), refusal.status
    return _kept(staff, _files().put(staff.house.id, square))


def _is_id(text: str) -> bool:
    """Whether a posted word can be the id of a row."""
    return text.isascii() and text.isdecimal() and len(text) <= 18


def _kept(staff: Staff, key: str) -> ResponseReturnValue:
    with unit_of_work() as work:
        sheets.set_logo(work, key, by=staff.actor, now=clock.now())
    flash(gettext("Saved. Pictures made from now on show it."), "good")
    return redirect(url_for("console_codes.logo"), 303)


def _logo_page(error: str) -> str:
    with unit_of_work() as work:
        key = settings.get(work, sheets.LOGO)
    view: dict[str, Any] = {
        "logo_url": url_for("console_codes.logo_file", v=key[:8]) if key else "",
        "error": error,
    }
    return render_template("console/codes/logo.html", view=view)


def _archive(content: bytes) -> Response:
    answer = Response(content, content_type="application/zip")
    answer.headers.set("Content-Disposition", "attachment", filename=ARCHIVE)
    answer.headers["Cache-Control"] = "private, no-store"
    return answer


def _files() -> Files:
    files: Files = current_app.extensions["files"]
    return files
