"""The pictures that the demo's people send, drawn here: a film of teeth, a child's row, shades of white."""

from __future__ import annotations

import io

from PIL import Image, ImageDraw, ImageFilter

_WIDTH, _HEIGHT = 900, 640


def drawn(name: str) -> bytes:
    """Give the picture of a name as a JPEG, the same bytes every time."""
    picture = _PICTURES[name]()
    written = io.BytesIO()
    picture.save(written, "JPEG", quality=82)
    return written.getvalue()


def _xray() -> Image.Image:
    """Two rows of teeth on a film, one of them lying across."""
    picture = Image.new("L", (_WIDTH, _HEIGHT), 18)
    draw = ImageDraw.Draw(picture)
    draw.ellipse((40, 90, _WIDTH - 40, _HEIGHT - 40), fill=52)
    for place in range(10):
        left, drop = 95 + place * 72, abs(place - 4.5) * 9
        for top, roots in ((150 + drop, -1), (345 - drop, 1)):
            _tooth(draw, left, top, roots, shade=196 - place * 3)
    draw.rounded_rectangle((772, 470, 858, 526), 18, fill=214)
    return picture.filter(ImageFilter.GaussianBlur(3)).convert("RGB")


def _tooth(draw: ImageDraw.ImageDraw, left: float, top: float, roots: int, *, shade: int) -> None:
    draw.rounded_rectangle((left, top, left + 58, top + 118), 20, fill=shade)
    tip = top + 118 + 70 if roots > 0 else top - 70
    base = top + 108 if roots > 0 else top + 10
    for foot in (left + 4, left + 34):
        draw.polygon(((foot, base), (foot + 20, base), (foot + 10, tip)), fill=shade - 30)


def _child() -> Image.Image:
    """A lower row, one tooth behind the others."""
    picture = Image.new("RGB", (_WIDTH, _HEIGHT), (214, 138, 132))
    draw = ImageDraw.Draw(picture)
    draw.ellipse((-80, 260, _WIDTH + 80, _HEIGHT + 260), fill=(190, 88, 92))
    draw.rounded_rectangle((398, 360, 470, 470), 26, fill=(238, 230, 214))
    for place in range(8):
        left, drop = 130 + place * 82, abs(place - 3.5) * 16
        draw.rounded_rectangle((left, 210 + drop, left + 74, 330 + drop), 28, fill=(250, 246, 236))
    return picture.filter(ImageFilter.GaussianBlur(2))


def _shades() -> Image.Image:
    """Teeth from dark to light, as a shade guide has them."""
    picture = Image.new("RGB", (_WIDTH, _HEIGHT), (236, 239, 241))
    draw = ImageDraw.Draw(picture)
    for place in range(8):
        left, light = 60 + place * 100, place * 5
        draw.rounded_rectangle((left, 400, left + 70, 560), 12, fill=(132, 144, 150))
        draw.rounded_rectangle(
            (left, 130, left + 70, 420), 34, fill=(216 + light, 200 + light + place, 168 + light + place * 5)
        )
    return picture.filter(ImageFilter.GaussianBlur(1))


_PICTURES = {"xray": _xray, "child": _child, "shades": _shades}
