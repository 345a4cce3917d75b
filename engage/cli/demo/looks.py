"""How the demo's stores and doctors look: logos, rooms and portraits, drawn here."""

from __future__ import annotations

import datetime as dt
import io
from typing import Final

from PIL import Image, ImageDraw, ImageFilter

from engage.audit.services import OPERATOR
from engage.cli.demo.shapes import Chain
from engage.clinic import queries, services
from engage.clinic.services import Picture
from engage.kernel.db import Session
from engage.kernel.files import Files

Colour = tuple[int, int, int]

WALLS: Final[tuple[Colour, ...]] = ((13, 92, 85), (38, 84, 130), (128, 82, 60))
HAIR: Final[tuple[Colour, ...]] = ((38, 32, 30), (92, 88, 86), (60, 44, 36), (28, 28, 34))
SKIN: Final[tuple[Colour, ...]] = ((244, 214, 190), (236, 200, 172), (248, 222, 202))
_ROOM, _PORTRAIT, _LOGO = (960, 640), (480, 600), (400, 400)
_WHITE: Final = (250, 250, 248)


def hang(session: Session, chain: Chain, files: Files, *, now: dt.datetime) -> None:
    """Give stores their logo and two pictures, doctors their portrait; what has one keeps it."""
    stores = {store.slug: store for store in queries.stores(session)}
    for number, place in enumerate(chain.stores):
        store = stores[place.slug]
        if store.logo is not None:
            continue
        wall = WALLS[number % len(WALLS)]
        logo = files.put(session.tenant_id, _png(_logo(wall)))
        services.set_logo(session, store.id, logo, by=OPERATOR, now=now)
        for room in (_reception(wall), _surgery(wall)):
            picture = Picture(files.put(session.tenant_id, _jpeg(room)), *room.size)
            services.add_picture(session, store.id, picture, by=OPERATOR, now=now)
    for number, doctor in enumerate(queries.doctors(session)):
        if doctor.portrait is None:
            portrait = files.put(session.tenant_id, _jpeg(_portrait(number)))
            services.set_portrait(session, doctor.id, portrait, by=OPERATOR, now=now)


def _logo(colour: Colour) -> Image.Image:
    """A tooth on a field of colour."""
    picture = Image.new("RGB", _LOGO, colour)
    draw = ImageDraw.Draw(picture)
    draw.rounded_rectangle((110, 90, 290, 230), 70, fill=_WHITE)
    for left in (112, 216):
        draw.polygon(((left, 190), (left + 72, 190), (left + 52, 310), (left + 20, 310)), fill=_WHITE)
    draw.ellipse((172, 74, 228, 118), fill=colour)
    return picture


def _reception(wall: Colour) -> Image.Image:
    """A desk below lamps, a plant beside it."""
    picture, draw = _empty_room(wall)
    for left in (250, 430, 610):
        draw.line((left + 30, 0, left + 30, 110), fill=(90, 90, 90), width=4)
        draw.ellipse((left, 100, left + 60, 160), fill=(255, 232, 178))
    draw.rounded_rectangle((190, 380, 730, 560), 18, fill=(222, 196, 160))
    draw.rectangle((190, 380, 730, 404), fill=_WHITE)
    draw.rectangle((800, 470, 870, 560), fill=_lighter(wall, 90))
    for lean in (-60, -20, 24, 62):
        draw.ellipse((810 + lean, 330, 860 + lean, 480), fill=(86, 138, 96))
    return picture.filter(ImageFilter.GaussianBlur(1))


def _surgery(wall: Colour) -> Image.Image:
    """A chair below its light, a window behind."""
    picture, draw = _empty_room(wall)
    draw.rectangle((90, 90, 380, 340), fill=(206, 228, 240), outline=_WHITE, width=10)
    draw.line((235, 90, 235, 340), fill=_WHITE, width=8)
    draw.line((650, 0, 650, 120, 560, 190), fill=(150, 156, 160), width=12)
    draw.ellipse((490, 170, 600, 230), fill=(240, 242, 240))
    draw.polygon(((330, 470), (700, 430), (730, 480), (350, 520)), fill=_lighter(wall, 110))
    draw.polygon(((700, 430), (830, 300), (860, 330), (730, 480)), fill=_lighter(wall, 130))
    draw.rectangle((500, 500, 560, 590), fill=(150, 156, 160))
    return picture.filter(ImageFilter.GaussianBlur(1))


def _empty_room(wall: Colour) -> tuple[Image.Image, ImageDraw.ImageDraw]:
    picture = Image.new("RGB", _ROOM, _lighter(wall, 150))
    draw = ImageDraw.Draw(picture)
    draw.rectangle((0, 520, *_ROOM), fill=(214, 206, 196))
    draw.rectangle((0, 512, _ROOM[0], 522), fill=_WHITE)
    return picture, draw


def _portrait(number: int) -> Image.Image:
    """Somebody in a white coat; each is a little different."""
    skin, hair = SKIN[number % len(SKIN)], HAIR[number % len(HAIR)]
    picture = Image.new("RGB", _PORTRAIT, _lighter(WALLS[number % len(WALLS)], 140))
    draw = ImageDraw.Draw(picture)
    if number % 2:
        draw.rounded_rectangle((135, 120, 345, 420), 100, fill=hair)
    draw.rounded_rectangle((60, 400, 420, 700), 110, fill=_WHITE)
    draw.polygon(((200, 400), (280, 400), (240, 500)), fill=(150, 186, 200))
    draw.rectangle((208, 340, 272, 420), fill=skin)
    draw.ellipse((150, 130, 330, 370), fill=skin)
    draw.chord((146, 112, 334, 330), 180, 360, fill=hair)
    if number % 3 == 0:
        for left in (172, 252):
            draw.ellipse((left, 226, left + 56, 274), outline=(60, 60, 64), width=5)
    draw.arc((205, 280, 275, 325), 20, 160, fill=(150, 86, 78), width=5)
    return picture.filter(ImageFilter.GaussianBlur(1))


def _lighter(colour: Colour, by: int) -> Colour:
    red, green, blue = (min(255, part + by) for part in colour)
    return red, green, blue


def _jpeg(picture: Image.Image) -> bytes:
    written = io.BytesIO()
    picture.save(written, "JPEG", quality=82)
    return written.getvalue()


def _png(picture: Image.Image) -> bytes:
    written = io.BytesIO()
    picture.save(written, "PNG")
    return written.getvalue()
