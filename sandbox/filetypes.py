"""Kinds of files, told by their first bytes, and what WeChat takes of each (WeChat §10)."""

import re
from dataclasses import dataclass

KB, MB = 1024, 1024 * 1024


@dataclass(frozen=True)
class FileType:
    """A kind of file."""

    name: str
    mime: str
    ending: str


JPG = FileType("jpg", "image/jpeg", "jpg")
PNG = FileType("png", "image/png", "png")
GIF = FileType("gif", "image/gif", "gif")
BMP = FileType("bmp", "image/bmp", "bmp")
AMR = FileType("amr", "audio/amr", "amr")
SPEEX = FileType("speex", "audio/ogg", "spx")
MP3 = FileType("mp3", "audio/mpeg", "mp3")
MP4 = FileType("mp4", "video/mp4", "mp4")

BEGINNINGS = (
    (re.compile(rb"\xff\xd8\xff"), JPG),
    (re.compile(rb"\x89PNG\r\n\x1a\n"), PNG),
    (re.compile(rb"GIF8[79]a"), GIF),
    (re.compile(rb"BM"), BMP),
    (re.compile(rb"#!AMR"), AMR),
    (re.compile(rb"OggS|#!SPEEX|Speex"), SPEEX),
    (re.compile(rb"ID3|\xff[\xe0-\xff]"), MP3),
    (re.compile(rb"....ftyp", re.DOTALL), MP4),
)


@dataclass(frozen=True)
class Allowed:
    """What a type of media may be; `most` is in bytes."""

    files: tuple[FileType, ...]
    most: int


# Of an image's two limits on the same page the larger is kept; the length of a voice is not looked at.
TEMPORARY = {
    "image": Allowed((PNG, JPG, GIF), 10 * MB),
    "voice": Allowed((AMR, MP3), 2 * MB),
    "video": Allowed((MP4,), 10 * MB),
    "thumb": Allowed((JPG,), 64 * KB),
}
PERMANENT = {**TEMPORARY, "image": Allowed((PNG, JPG, GIF, BMP), 10 * MB)}
ARTICLE = Allowed((JPG, PNG), 1 * MB)
# What people send with their phones.
WRITTEN = {
    "image": Allowed((JPG, PNG, GIF), 10 * MB),
    "voice": Allowed((AMR, SPEEX), 2 * MB),
    "video": Allowed((MP4,), 20 * MB),
    "shortvideo": Allowed((MP4,), 20 * MB),
}


class WrongType(ValueError):
    """The bytes are of no kind that is allowed."""


class TooLarge(ValueError):
    """More bytes than allowed."""


def of(content: bytes) -> FileType | None:
    """The kind of a file, None for one that is not known."""
    return next((kind for beginning, kind in BEGINNINGS if beginning.match(content)), None)


def checked(content: bytes, allowed: Allowed) -> FileType:
    """The kind of an allowed file.

    Raises:
        WrongType: of no allowed kind.
        TooLarge: too many bytes.
    """
    kind = of(content)
    if kind is None or kind not in allowed.files:
        raise WrongType
    if len(content) > allowed.most:
        raise TooLarge
    return kind
