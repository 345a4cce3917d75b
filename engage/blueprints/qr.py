"""QR codes as pictures inside a page: the content policy allows `data:` images, and no route is needed."""

from __future__ import annotations

import base64

import qrcode
from qrcode.image.svg import SvgPathFillImage

# Light modules around the code without which scanners do not find it.
QUIET_ZONE = 4


def picture(text: str) -> str:
    """Give the address of an SVG picture of a QR code with the text, black on white.

    Raises:
        qrcode.exceptions.DataOverflowError: more than about 2,300 characters.
    """
    code = qrcode.QRCode(error_correction=qrcode.ERROR_CORRECT_M, border=QUIET_ZONE)
    code.add_data(text)
    svg = code.make_image(image_factory=SvgPathFillImage).to_string()
    return f"data:image/svg+xml;base64,{base64.b64encode(svg).decode()}"
