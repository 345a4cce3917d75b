"""Pictures of codes say what they should to another reader, small and blurred too; logo and captions."""

from __future__ import annotations

import io
import json
import shutil
import subprocess
from pathlib import Path
from xml.etree import ElementTree

import pytest
from PIL import Image, ImageFilter

from engage.qrcodes.drawing import LOGO_PIXELS, WIDTH, Sheet, plan, png, squared, svg

URL = "http://weixin.qq.com/q/02aBcDeFgHiJkLmNoPqRsTuVw"
SHEET = Sheet(URL, "徐汇店", "康美口腔", "#0f766e", "康")


def logo() -> bytes:
    made = io.BytesIO()
    Image.new("RGB", (400, 300), "#c2410c").save(made, "PNG")
    return squared(made.getvalue())


def read(folder: Path, *pictures: Image.Image) -> list[str]:
    """Read codes with the library that the sandbox's phone scans with."""
    asked = []
    for number, picture in enumerate(pictures):
        path = folder / f"{number}.rgb"
        path.write_bytes(picture.convert("RGB").tobytes())
        asked.append(json.dumps({"width": picture.width, "height": picture.height, "file": str(path)}))
    node = shutil.which("node", path=".venv/bin") or shutil.which("node")
    assert node is not None
    answer = subprocess.run(
        [node, str(Path(__file__).with_name("decode.mjs"))],
        input="\n".join(asked),
        capture_output=True,
        text=True,
        check=True,
    )
    return [json.loads(line) for line in answer.stdout.splitlines()]


def test_pictures_are_read_back_large_small_and_blurred(tmp_path: Path) -> None:
    sheets = (
        SHEET,
        Sheet(URL, "", "", "#0f766e", "", logo()),
        Sheet(URL, "很" * 24, "A & <b>", "#000", "한"),
    )
    large = [Image.open(io.BytesIO(png(sheet))) for sheet in sheets]
    small = [one.resize((one.width // 4, one.height // 4)) for one in large]
    blurred = [one.filter(ImageFilter.GaussianBlur(5)) for one in large]
    assert read(tmp_path, *large, *small, *blurred) == [URL] * 9


def test_the_quiet_zone_is_white_and_the_logo_hides_little() -> None:
    drawn = plan(SHEET)
    picture = Image.open(io.BytesIO(png(SHEET))).convert("L")
    quiet = 4 * drawn.scale
    edges = (
        (drawn.left - quiet, drawn.top - quiet, drawn.left, drawn.top + drawn.size + quiet),
        (drawn.left - quiet, drawn.top - quiet, drawn.left + drawn.size + quiet, drawn.top),
        (drawn.left + drawn.size, drawn.top - quiet, drawn.left + drawn.size + quiet, drawn.top + drawn.size),
        (drawn.left, drawn.top + drawn.size, drawn.left + drawn.size, drawn.top + drawn.size + quiet),
    )
    for edge in edges:
        assert picture.crop(edge).getextrema() == (255, 255), edge
    assert (drawn.logo[2] / drawn.size) ** 2 < 1 / 15


@pytest.mark.parametrize("title", ["徐汇店", "Café", "名" * 24])
def test_captions_stand_within_the_sheet(title: str) -> None:
    drawn = plan(Sheet(URL, title, "康美口腔", "#000", "康"))
    picture = Image.open(io.BytesIO(png(Sheet(URL, title, "康美口腔", "#000", "康")))).convert("L")
    below = picture.crop((0, drawn.top + drawn.size + 4 * drawn.scale, WIDTH, drawn.height))
    left, _top, right, bottom = below.point(lambda grey: 255 - grey).getbbox()
    assert left >= 40
    assert right <= WIDTH - 40
    assert bottom < below.height


def test_letters_that_the_font_lacks_are_left_out_of_the_png_and_stand_in_the_svg() -> None:
    korean, none = Sheet(URL, "한빛치과", "", "#000", ""), Sheet(URL, " ", "", "#000", "")
    below = [Image.open(io.BytesIO(png(sheet))).convert("L") for sheet in (korean, none)]
    assert below[0].tobytes() == below[1].tobytes()
    assert "한빛치과" in svg(korean).decode()


def test_the_svg_is_well_formed_whatever_stands_in_it() -> None:
    root = ElementTree.fromstring(svg(Sheet(URL, "<b>&\"'", "]]>", "#0f766e", "<", logo())))  # noqa: S314 ours
    texts = [node.text for node in root.iter("{http://www.w3.org/2000/svg}text")]
    assert texts == ["<b>&\"'", "]]>"]
    assert len(list(root.iter("{http://www.w3.org/2000/svg}image"))) == 1


def test_a_logo_is_squared() -> None:
    made = Image.open(io.BytesIO(logo()))
    assert (made.size, made.mode) == ((LOGO_PIXELS, LOGO_PIXELS), "RGB")
