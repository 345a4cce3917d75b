"""Pictures made small: by content, upright, without what the camera noted."""

from __future__ import annotations

import io
import os

import pytest
from PIL import Image, ImageCms

from engage.blueprints.console.chats import pictures
from engage.blueprints.console.chats.pictures import NoPicture, PictureTooLarge, recompressed

ORIENTATION, CAMERA = 0x0112, 0x0110


def packed(picture: Image.Image, kind: str, **options: object) -> bytes:
    file = io.BytesIO()
    picture.save(file, kind, **options)
    return file.getvalue()


def opened(content: bytes) -> Image.Image:
    return Image.open(io.BytesIO(content))


def test_a_photo_taken_sideways_stands_upright_and_tells_nothing_more():
    photo = Image.new("RGB", (60, 40), "white")
    photo.paste("red", (0, 0, 30, 40))  # the left half; turned by a quarter it is on top
    exif = Image.Exif()
    exif[ORIENTATION], exif[CAMERA] = 6, "Phone of Mrs. Wang"
    small = recompressed(packed(photo, "JPEG", exif=exif, comment=b"secret", quality=95))
    got = opened(small.content)
    assert (small.width, small.height) == got.size == (40, 60)
    assert got.getpixel((20, 10))[0] > 200 > got.getpixel((20, 10))[1]
    assert min(got.getpixel((20, 50))) > 200
    assert dict(got.getexif()) == {}
    assert b"Wang" not in small.content
    assert b"secret" not in small.content


@pytest.mark.parametrize("kind", ["JPEG", "PNG", "WEBP", "GIF"])
def test_every_kind_becomes_jpeg(kind):
    assert opened(recompressed(packed(Image.new("RGB", (30, 20), "teal"), kind)).content).format == "JPEG"


@pytest.mark.parametrize("mode", ["RGBA", "LA", "P", "L", "1", "I;16"])
def test_every_mode_is_drawn_on_white(mode):
    picture = Image.new(mode, (8, 8))
    got = opened(recompressed(packed(picture, "PNG")).content)
    assert got.mode == "RGB"
    if mode in {"RGBA", "LA"}:
        assert got.getpixel((4, 4)) == (255, 255, 255)


def test_print_colours_become_those_of_screens():
    assert opened(recompressed(packed(Image.new("CMYK", (8, 8)), "JPEG")).content).mode == "RGB"


def test_colours_of_a_profile_are_kept_and_the_profile_is_not():
    profile = ImageCms.ImageCmsProfile(ImageCms.createProfile("LAB")).tobytes()
    own = ImageCms.ImageCmsProfile(ImageCms.createProfile("sRGB")).tobytes()
    for icc in (own, profile, b"nonsense"):
        got = opened(recompressed(packed(Image.new("RGB", (8, 8), "teal"), "JPEG", icc_profile=icc)).content)
        assert "icc_profile" not in got.info


def test_what_is_large_becomes_small_enough_for_wechat():
    noise = Image.frombytes("RGB", (1500, 1100), os.urandom(1500 * 1100 * 3))
    content = packed(noise, "JPEG", quality=97)
    assert pictures.LARGEST_OUT < len(content) <= pictures.LARGEST_IN
    small = recompressed(content)
    assert len(small.content) <= pictures.LARGEST_OUT
    assert max(small.width, small.height) >= 960


def test_more_than_five_megabytes_are_refused_unread():
    with pytest.raises(PictureTooLarge):
        recompressed(b"\xff\xd8\xff" + b"0" * pictures.LARGEST_IN)


@pytest.mark.parametrize("edge", [8_000, 14_000])
def test_a_small_file_with_a_huge_picture_is_refused_unpacked(edge):
    content = packed(Image.new("1", (edge, edge)), "PNG")
    assert len(content) < 100_000
    with pytest.raises(PictureTooLarge):
        recompressed(content)


@pytest.mark.parametrize(
    "content",
    [
        b"",
        b"hello",
        b"<svg xmlns='http://www.w3.org/2000/svg'></svg>",
        b"\xff\xd8\xff\xe0 not a photo",
        b"GIF89a",
        b"\x89PNG\r\n\x1a\n",
    ],
)
def test_what_is_no_picture_is_refused(content):
    with pytest.raises(NoPicture):
        recompressed(content)


def test_half_a_picture_is_refused():
    content = packed(Image.frombytes("RGB", (200, 200), os.urandom(120_000)), "PNG")
    with pytest.raises(NoPicture):
        recompressed(content[: len(content) // 2])


def test_other_formats_are_refused_whatever_the_name():
    with pytest.raises(NoPicture):
        recompressed(packed(Image.new("RGB", (8, 8)), "TIFF"))
