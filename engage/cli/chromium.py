"""The Chromium of browser tests and screenshots: `python -m engage.cli.chromium` unpacks the one of npm.

A bare machine has neither the libraries it needs nor a Chinese font; both come along. Our fonts
come first whatever the machine has, so that screenshots look alike everywhere; the machine's only
fill in letters that ours lack.
"""

from __future__ import annotations

import io
import platform
import shutil
import tarfile
from dataclasses import dataclass
from pathlib import Path

from engage.config import ROOT

_UNPACKED = ROOT / "build" / "chromium"
_PACKED = ROOT / "node_modules" / "@sparticuz" / "chromium" / "bin"
_WOFF2 = ROOT / "node_modules" / "@fontsource" / "noto-sans-sc" / "files"
_WEIGHTS = (400, 700)
_SYSTEM = ("chromium", "chromium-browser", "google-chrome", "google-chrome-stable")

_FONTS_CONF = """<?xml version="1.0"?>
<!DOCTYPE fontconfig SYSTEM "fonts.dtd">
<fontconfig>
  <dir>{folder}/fonts</dir>
  <dir>/usr/share/fonts</dir>
  <cachedir>{folder}/cache</cachedir>
  <match>
    <edit name="family" mode="append_last"><string>Open Sans</string></edit>
    <edit name="family" mode="append_last"><string>Noto Sans SC</string></edit>
  </match>
</fontconfig>
"""


@dataclass(frozen=True, slots=True)
class Browser:
    """How to launch it: give `arguments` and add `environment` to the process's own."""

    path: Path
    environment: dict[str, str]
    arguments: tuple[str, ...] = (
        "--no-sandbox",
        "--disable-gpu",
        "--disable-quic",
        "--no-first-run",
        "--disable-background-networking",
        "--disable-component-update",
        "--disable-sync",
        "--force-color-profile=srgb",
        "--font-render-hinting=none",
    )


def find(chosen: str = "") -> Browser | None:
    """Give the chosen Chromium (`ENGAGE_CHROMIUM`), else the system's, else the unpacked one, else None."""
    fonts = _UNPACKED / "fonts.conf"
    environment = {"FONTCONFIG_FILE": str(fonts)} if fonts.exists() else {}
    if chosen:
        return Browser(Path(chosen), environment) if Path(chosen).is_file() else None
    for name in _SYSTEM:
        if path := shutil.which(name):
            return Browser(Path(path), environment)
    unpacked = _UNPACKED / "headless-shell"
    if unpacked.exists():
        return Browser(unpacked, {**environment, "LD_LIBRARY_PATH": str(_UNPACKED / "lib")})
    return None


def set_up() -> None:
    """Unpack Chromium where the machine has none (x86_64 Linux), make the fonts; may be repeated."""
    _UNPACKED.mkdir(parents=True, exist_ok=True)
    if find() is None and platform.system() == "Linux" and platform.machine() == "x86_64":
        _unpack()
    _make_fonts()


def _unpack() -> None:
    import brotli

    with tarfile.open(
        fileobj=io.BytesIO(brotli.decompress((_PACKED / "al2023.tar.br").read_bytes()))
    ) as libraries:
        libraries.extractall(_UNPACKED, filter="data")
    fresh = _UNPACKED / "headless-shell.new"
    fresh.write_bytes(brotli.decompress((_PACKED / "chromium.br").read_bytes()))
    fresh.chmod(0o755)
    fresh.replace(_UNPACKED / "headless-shell")


def _make_fonts() -> None:
    """Turn the web font into files that fontconfig reads, beside the Latin font that comes with Chromium."""
    import brotli
    from fontTools.ttLib import TTFont

    with tarfile.open(
        fileobj=io.BytesIO(brotli.decompress((_PACKED / "fonts.tar.br").read_bytes()))
    ) as latin:
        latin.extractall(_UNPACKED, filter="data")
    for weight in _WEIGHTS:
        font = TTFont(
            _WOFF2 / f"noto-sans-sc-chinese-simplified-{weight}-normal.woff2",
            recalcBBoxes=False,
            recalcTimestamp=False,
        )
        font.flavor = None
        for entry in (1, 16):  # the file calls every weight "Noto Sans SC Thin"
            font["name"].setName("Noto Sans SC", entry, 3, 1, 0x409)
        font.save(_UNPACKED / "fonts" / f"noto-sans-sc-{weight}.ttf")
    (_UNPACKED / "fonts.conf").write_text(_FONTS_CONF.format(folder=_UNPACKED))


if __name__ == "__main__":
    set_up()
