"""Pictures that agents send, made small: checked by content, upright, without what the camera noted."""

from __future__ import annotations

import io
from dataclasses import dataclass
from typing import Final

from PIL import Image, ImageCms, ImageOps, UnidentifiedImageError

from engage.kernel.errors import N_, DomainError

LARGEST_IN: Final = 5 * 1024 * 1024
# WeChat takes pictures of up to 2 MB (WeChat §10).
LARGEST_OUT: Final = 2 * 1024 * 1024
FORMATS: Final = ("JPEG", "PNG", "WEBP", "GIF")
# Read from the head, before anything is unpacked: a small file may hold a picture as large as a house.
MOST_PIXELS: Final = 50_000_000
# Longer edge and quality, tried in turn until the result is small enough; the last one always is.
STEPS: Final = ((2560, 86), (2048, 80), (1600, 76), (1280, 70), (960, 60))
SRGB: Final = ImageCms.ImageCmsProfile(ImageCms.createProfile("sRGB"))


class PictureTooLarge(DomainError):
    """More bytes or pixels than are taken."""

    code = "picture_too_large"
    status = 422
    title = N_("The picture is larger than 5 MB. Please choose a smaller one.")


class NoPicture(DomainError):
    """The bytes are no picture of a kind that can be sent."""

    code = "no_picture"
    status = 422
    title = N_("This is not a picture. JPEG, PNG, WebP and GIF can be sent.")


@dataclass(frozen=True, slots=True)
class Small:
    """A picture as it is kept and sent: JPEG."""

    content: bytes
    width: int
    height: int


def recompressed(content: bytes, *, edge: int = STEPS[0][0]) -> Small:
    """Give a picture as JPEG of at most 2 MB, upright and without metadata; of an animation the first frame.

    Its longer edge is `edge` at most.

    Raises:
        PictureTooLarge: more than 5 MB, or too many pixels.
        NoPicture: it cannot be read as one.
    """
    if len(content) > LARGEST_IN:
        raise PictureTooLarge
    picture = _plain(content)
    for longest, quality in STEPS:
        most = min(edge, longest)
        picture.thumbnail((most, most), Image.Resampling.LANCZOS)
        packed = io.BytesIO()
        picture.save(packed, "JPEG", quality=quality, optimize=True)
        if packed.tell() <= LARGEST_OUT:
            break
    return Small(packed.getvalue(), picture.width, picture.height)


def _plain(content: bytes) -> Image.Image:
    """Give the pixels alone: turned as the camera meant, in the web's colours, on white."""
    try:
        with Image.open(io.BytesIO(content), formats=FORMATS) as opened:
            if opened.width * opened.height > MOST_PIXELS:
                raise PictureTooLarge
            opened.draft("RGB", (STEPS[0][0], STEPS[0][0]))
            profile = opened.info.get("icc_profile")
            upright = ImageOps.exif_transpose(opened)
            return _of_the_web(_on_white(upright), profile)
    except Image.DecompressionBombError as error:
        raise PictureTooLarge from error
    except (UnidentifiedImageError, OSError, SyntaxError, ValueError) as error:
        raise NoPicture from error


def _on_white(picture: Image.Image) -> Image.Image:
    if picture.mode in {"RGB", "CMYK"} and "transparency" not in picture.info:
        return picture
    layered = picture.convert("RGBA")
    white = Image.new("RGB", layered.size, "white")
    white.paste(layered, mask=layered.getchannel("A"))
    return white


def _of_the_web(picture: Image.Image, profile: bytes | None) -> Image.Image:
    """Give the picture in sRGB; a profile that cannot be read is left out of account."""
    if profile:
        try:
            own = ImageCms.ImageCmsProfile(io.BytesIO(profile))
            turned = ImageCms.profileToProfile(picture, own, SRGB, outputMode="RGB")
        except (ImageCms.PyCMSError, OSError, ValueError):
            turned = None
        if turned is not None:
            picture = turned
    plain = picture.convert("RGB")
    plain.info = {}
    return plain
