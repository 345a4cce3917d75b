"""The printed picture of a code: QR code, logo in its middle, captions below, as PNG and as SVG (ADR 0016).

Both are drawn from one `Plan`, in its units: 1200 across. Error correction H gives back what the logo
hides, and four light modules stand around the code, without which scanners do not find it.
"""

from __future__ import annotations

import base64
import functools
import io
from dataclasses import dataclass
from typing import Final
from xml.sax.saxutils import escape

import qrcode
from PIL import Image, ImageDraw, ImageFont

from engage.config import ROOT

WIDTH: Final = 1200
_QUIET: Final = 4
_CODE_AT_MOST: Final = 1120
_MARGIN: Final = 60
# Of the code's width; with its white edge the logo hides less than a fifteenth of the code.
_LOGO: Final = 0.20
_LOGO_EDGE: Final = 0.02
_TITLE: Final = 84
_SUBTITLE: Final = 56
_GAP: Final = 30
_ROUND: Final = 0.18

INK: Final = "#111111"
_FONT: Final = ROOT / "static" / "vendor" / "noto-sans-sc.woff2"
_FAMILIES: Final = "Noto Sans SC, PingFang SC, Microsoft YaHei, Malgun Gothic, sans-serif"

LOGO_PIXELS: Final = 480


@dataclass(frozen=True, slots=True)
class Sheet:
    """What is drawn. Without `logo` (a PNG) the `initial` stands in a field of the `accent` colour."""

    url: str
    title: str
    subtitle: str
    accent: str
    initial: str
    logo: bytes | None = None


@dataclass(frozen=True, slots=True)
class Plan:
    """Where everything stands, in pixels of the PNG."""

    modules: tuple[tuple[bool, ...], ...]
    scale: int
    left: int
    top: int
    lines: tuple[tuple[str, int, int], ...]
    height: int

    @property
    def size(self) -> int:
        """How wide the code is, without its quiet zone."""
        return len(self.modules) * self.scale

    @property
    def logo(self) -> tuple[int, int, int]:
        """Where the logo begins, across and down, and how wide it is."""
        width = round(self.size * _LOGO)
        return self.left + (self.size - width) // 2, self.top + (self.size - width) // 2, width


def plan(sheet: Sheet) -> Plan:
    """Lay out a sheet; captions that are too long become smaller."""
    code = qrcode.QRCode(error_correction=qrcode.ERROR_CORRECT_H, border=0)
    code.add_data(sheet.url)
    code.make()
    modules = tuple(tuple(map(bool, row)) for row in code.modules)
    scale = _CODE_AT_MOST // (len(modules) + 2 * _QUIET)
    size = len(modules) * scale
    top = _QUIET * scale + (WIDTH - _CODE_AT_MOST) // 2
    below, lines = top + size + _QUIET * scale, []
    for text, height in ((sheet.title, _TITLE), (sheet.subtitle, _SUBTITLE)):
        if text:
            fitting = _fitting(text, height)
            lines.append((text, fitting, below + height // 2))
            below += height + _GAP
    return Plan(modules, scale, (WIDTH - size) // 2, top, tuple(lines), below + _MARGIN)


def png(sheet: Sheet) -> bytes:
    """Draw the sheet for a printer: 1200 pixels across, black on white."""
    drawn = plan(sheet)
    image = Image.new("RGB", (WIDTH, drawn.height), "white")
    pen = ImageDraw.Draw(image)
    for y, row in enumerate(drawn.modules):
        for x, dark in enumerate(row):
            if dark:
                left, top = drawn.left + x * drawn.scale, drawn.top + y * drawn.scale
                pen.rectangle((left, top, left + drawn.scale - 1, top + drawn.scale - 1), fill=INK)
    _put_logo(image, pen, sheet, drawn)
    for text, height, middle in drawn.lines:
        pen.text((WIDTH // 2, middle), _drawable(text), font=_font(height), fill=INK, anchor="mm")
    file = io.BytesIO()
    image.save(file, "PNG", dpi=(300, 300))
    return file.getvalue()


def svg(sheet: Sheet) -> bytes:
    """Draw the sheet for whoever lays out a poster; the captions are text in a font of their machine."""
    drawn = plan(sheet)
    edge, (left, top, width) = round(drawn.size * _LOGO_EDGE), drawn.logo
    module = f"h{drawn.scale}v{drawn.scale}h-{drawn.scale}z"
    path = "".join(
        f"M{drawn.left + x * drawn.scale} {drawn.top + y * drawn.scale}{module}"
        for y, row in enumerate(drawn.modules)
        for x, dark in enumerate(row)
        if dark
    )
    captions = "".join(
        f'<text x="{WIDTH // 2}" y="{middle}" font-size="{height}" font-family="{_FAMILIES}"'
        f' font-weight="500" text-anchor="middle" dominant-baseline="central" fill="{INK}">'
        f"{escape(text)}</text>"
        for text, height, middle in drawn.lines
    )
    return (
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {WIDTH} {drawn.height}"'
        f' width="{WIDTH}" height="{drawn.height}">'
        f'<rect width="{WIDTH}" height="{drawn.height}" fill="#fff"/><path d="{path}" fill="{INK}"/>'
        f'<rect x="{left - edge}" y="{top - edge}" width="{width + 2 * edge}" height="{width + 2 * edge}"'
        f' rx="{round(width * _ROUND)}" fill="#fff"/>{_logo_in_svg(sheet, drawn)}{captions}</svg>'
    ).encode()


def squared(picture: bytes) -> bytes:
    """Give a picture as the square PNG that is printed, on white."""
    with Image.open(io.BytesIO(picture)) as opened:
        opened.thumbnail((LOGO_PIXELS, LOGO_PIXELS))
        logo = Image.new("RGB", (LOGO_PIXELS, LOGO_PIXELS), "white")
        logo.paste(opened, ((LOGO_PIXELS - opened.width) // 2, (LOGO_PIXELS - opened.height) // 2))
    file = io.BytesIO()
    logo.save(file, "PNG", optimize=True)
    return file.getvalue()


def _put_logo(image: Image.Image, pen: ImageDraw.ImageDraw, sheet: Sheet, drawn: Plan) -> None:
    edge, (left, top, width) = round(drawn.size * _LOGO_EDGE), drawn.logo
    box, round_by = (left, top, left + width, top + width), round(width * _ROUND)
    pen.rounded_rectangle(
        (left - edge, top - edge, left + width + edge, top + width + edge), round_by, "white"
    )
    if sheet.logo is None:
        pen.rounded_rectangle(box, round_by, sheet.accent)
        middle = (left + width // 2, top + width // 2)
        pen.text(middle, _drawable(sheet.initial), font=_font(width // 2), fill="white", anchor="mm")
        return
    with Image.open(io.BytesIO(sheet.logo)) as logo:
        mask = Image.new("L", (width, width), 0)
        ImageDraw.Draw(mask).rounded_rectangle((0, 0, width, width), round_by, 255)
        image.paste(logo.convert("RGB").resize((width, width)), (left, top), mask)


def _logo_in_svg(sheet: Sheet, drawn: Plan) -> str:
    left, top, width = drawn.logo
    if sheet.logo is not None:
        data = base64.b64encode(sheet.logo).decode()
        place = f'x="{left}" y="{top}" width="{width}" height="{width}"'
        return f'<image {place} href="data:image/png;base64,{data}"/>'
    field = f'<rect x="{left}" y="{top}" width="{width}" height="{width}" rx="{round(width * _ROUND)}"'
    return (
        f'{field} fill="{sheet.accent}"/><text x="{left + width // 2}" y="{top + width // 2}"'
        f' font-size="{width // 2}" font-family="{_FAMILIES}" font-weight="500" text-anchor="middle"'
        f' dominant-baseline="central" fill="#fff">{escape(sheet.initial)}</text>'
    )


def _fitting(text: str, height: int) -> int:
    """Give the height of letters at which a line fits between the margins."""
    wide = _font(height).getlength(text)
    return height if wide <= WIDTH - 2 * _MARGIN else int(height * (WIDTH - 2 * _MARGIN) / wide)


def _drawable(text: str) -> str:
    """Give a text without the letters that our font lacks: empty boxes are worse in print than nothing."""
    known = "".join(letter for letter in text if letter.isspace() or _is_known(letter))
    return " ".join(known.split())


@functools.cache
def _font(height: int) -> ImageFont.FreeTypeFont:
    return ImageFont.truetype(_FONT, height)


@functools.lru_cache(maxsize=4096)
def _is_known(letter: str) -> bool:
    """Whether the font has a letter: one that it lacks looks like every other that it lacks."""
    return bytes(_font(24).getmask(letter)) != bytes(_font(24).getmask("\U0010fffd"))
