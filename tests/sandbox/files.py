"""Small files of every kind."""

import io

from PIL import Image

AMR = b"#!AMR\n" + bytes(40)
SPEEX = b"OggS" + bytes(40)
MP3 = b"ID3\x04" + bytes(40)
MP4 = b"\x00\x00\x00\x18ftypmp42" + bytes(40)
TEXT = b"plain text"


def picture(kind: str, size: int = 0) -> bytes:
    """A picture that opens, padded to at least `size` bytes."""
    file = io.BytesIO()
    Image.new("RGB", (4, 4), "#0a7").save(file, kind)
    return file.getvalue().ljust(size, b"\0")


JPG, PNG, GIF, BMP = (picture(kind) for kind in ("JPEG", "PNG", "GIF", "BMP"))
