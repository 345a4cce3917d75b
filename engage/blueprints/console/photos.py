"""Pictures of stores and doctors: logo, up to ten pictures, portrait; and what a store misses (ST-5)."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Final

from flask import current_app, flash, redirect, render_template, request, url_for
from flask.typing import ResponseReturnValue
from flask_babel import gettext, ngettext
from werkzeug.datastructures import FileStorage

from engage.blueprints.console.calendar.blueprint import store_tabs
from engage.blueprints.console.chats.pictures import LARGEST_IN, NoPicture, PictureTooLarge, recompressed
from engage.blueprints.guard import ConsoleBlueprint, Staff
from engage.blueprints.patient.photos import drawn
from engage.clinic import queries, services, showing
from engage.clinic.errors import TooManyPictures
from engage.clinic.services import Picture
from engage.kernel import clock
from engage.kernel.db import Session, unit_of_work
from engage.kernel.errors import NotFound
from engage.kernel.files import Files

bp = ConsoleBlueprint("console_photos", __name__, url_prefix="/console")

PERMISSION: Final = "clinic.manage"
# Longer edges in pixels: as large as phones show them, twice.
LOGO_EDGE, PICTURE_EDGE, PORTRAIT_EDGE = 400, 1600, 600


@bp.view("/stores/<int:store_id>/pictures", permission=PERMISSION)
def pictures(staff: Staff, store_id: int) -> ResponseReturnValue:
    """Show a store's logo and pictures, and what it misses before patients see it."""
    staff.demand(PERMISSION, store_id)
    return _page(store_id, {})


@bp.view("/stores/<int:store_id>/logo", permission=PERMISSION, methods=("POST",))
def set_logo(staff: Staff, store_id: int) -> ResponseReturnValue:
    """Replace the logo of a store, or take it away."""
    staff.demand(PERMISSION, store_id)
    try:
        made = None if "remove" in request.form else _kept(staff, _files("logo")[:1], LOGO_EDGE)[0].file
    except (NoPicture, PictureTooLarge) as refusal:
        return _page(store_id, {"logo": [gettext(refusal.title)]}), refusal.status
    with unit_of_work() as work:
        services.set_logo(work, store_id, made, by=staff.actor, now=clock.now())
    flash(gettext("Saved."), "good")
    return redirect(url_for("console_photos.pictures", store_id=store_id), 303)


@bp.view("/stores/<int:store_id>/pictures", permission=PERMISSION, methods=("POST",))
def add(staff: Staff, store_id: int) -> ResponseReturnValue:
    """Add one picture or several to a store: all of them, or none."""
    staff.demand(PERMISSION, store_id)
    try:
        made = _kept(staff, _files("pictures"), PICTURE_EDGE)
        with unit_of_work() as work:
            for one in made:
                services.add_picture(work, store_id, one, by=staff.actor, now=clock.now())
    except (NoPicture, PictureTooLarge, TooManyPictures) as refusal:
        return _page(store_id, {"pictures": [gettext(refusal.title, **refusal.data)]}), refusal.status
    flash(ngettext("%(num)s picture is added.", "%(num)s pictures are added.", len(made)), "good")
    return redirect(url_for("console_photos.pictures", store_id=store_id), 303)


@bp.view("/pictures/<int:picture_id>/remove", permission=PERMISSION, methods=("POST",))
def delete(staff: Staff, picture_id: int) -> ResponseReturnValue:
    """Take a picture of a store away."""
    with unit_of_work() as work:
        store_id = _store_of(work, staff, picture_id)
        services.remove_picture(work, picture_id, by=staff.actor, now=clock.now())
    return redirect(url_for("console_photos.pictures", store_id=store_id), 303)


@bp.view("/pictures/<int:picture_id>/move", permission=PERMISSION, methods=("POST",))
def move(staff: Staff, picture_id: int) -> ResponseReturnValue:
    """Move a picture of a store one place."""
    up = request.form.get("direction") == "up"
    with unit_of_work() as work:
        store_id = _store_of(work, staff, picture_id)
        services.move_picture(work, picture_id, up=up, by=staff.actor, now=clock.now())
    return redirect(url_for("console_photos.pictures", store_id=store_id), 303)


@bp.view("/doctors/<int:doctor_id>/portrait", permission=PERMISSION, everywhere=True)
def portrait(_staff: Staff, doctor_id: int) -> ResponseReturnValue:
    """Show a doctor's portrait, and a form for another."""
    return _portrait_page(doctor_id, {})


@bp.view("/doctors/<int:doctor_id>/portrait", permission=PERMISSION, everywhere=True, methods=("POST",))
def set_portrait(staff: Staff, doctor_id: int) -> ResponseReturnValue:
    """Replace the portrait of a doctor, or take it away."""
    try:
        made = (
            None if "remove" in request.form else _kept(staff, _files("portrait")[:1], PORTRAIT_EDGE)[0].file
        )
    except (NoPicture, PictureTooLarge) as refusal:
        return _portrait_page(doctor_id, {"portrait": [gettext(refusal.title)]}), refusal.status
    with unit_of_work() as work:
        services.set_portrait(work, doctor_id, made, by=staff.actor, now=clock.now())
    flash(gettext("Saved."), "good")
    return redirect(url_for("console_photos.portrait", doctor_id=doctor_id), 303)


@bp.view("/photos/<file>", permission=PERMISSION)
def photo(staff: Staff, file: str) -> ResponseReturnValue:
    """Give a picture of a store or doctor."""
    with unit_of_work() as work:
        if not queries.is_photo(work, file):
            raise NotFound(file=file)
    files: Files = current_app.extensions["files"]
    answer = drawn(files.get(staff.house.id, file), file)
    answer.headers["Cache-Control"] = "private, no-cache"
    return answer


def missing_words(missing: Sequence[str]) -> list[str]:
    """Name what a store misses before patients see it."""
    return [gettext(showing.REQUIRED[name]) for name in missing]


def _store_of(work: Session, staff: Staff, picture_id: int) -> int:
    """Give the store of a picture, which the person may set up.

    Raises:
        NotFound: no such picture.
        NotAllowed: not at this store.
    """
    store_id = queries.picture(work, picture_id).store_id
    staff.demand(PERMISSION, store_id)
    return store_id


def _files(name: str) -> list[FileStorage]:
    return [one for one in request.files.getlist(name) if one.filename] or [FileStorage()]


def _kept(staff: Staff, uploaded: Sequence[FileStorage], edge: int) -> list[Picture]:
    """Check pictures by their content, make them small, and keep them.

    Raises:
        NoPicture: a file is none.
        PictureTooLarge: more than 5 MB, or too many pixels.
    """
    small = [recompressed(one.stream.read(LARGEST_IN + 1), edge=edge) for one in uploaded]
    files: Files = current_app.extensions["files"]
    return [Picture(files.put(staff.house.id, one.content), one.width, one.height) for one in small]


def _page(store_id: int, errors: dict[str, list[str]]) -> str:
    with unit_of_work() as work:
        store = queries.store(work, store_id)
        missing = queries.missing_of(work, [store_id])[store_id]
        shown = queries.pictures(work, [store_id])[store_id]
    view = {
        "id": store_id,
        "name": store.short_name,
        "tabs": store_tabs(store_id, "console_photos.pictures"),
        "is_shown": store.shown_before or not missing,
        "checks": [
            {"label": gettext(label), "done": name not in missing} for name, label in showing.REQUIRED.items()
        ],
        "missing": missing_words(missing),
        "logo_url": _url(store.logo),
        "pictures": [{"id": one.id, "url": _url(one.file)} for one in shown],
        "left": showing.PICTURES_AT_MOST - len(shown),
    }
    return render_template("console/stores/pictures.html", view=view, errors=errors)


def _portrait_page(doctor_id: int, errors: dict[str, list[str]]) -> str:
    with unit_of_work() as work:
        doctor = queries.doctor(work, doctor_id)
    view: dict[str, Any] = {"id": doctor_id, "name": doctor.name, "portrait_url": _url(doctor.portrait)}
    return render_template("console/doctors/portrait.html", view=view, errors=errors)


def _url(file: str | None) -> str:
    return url_for("console_photos.photo", file=file) if file else ""
