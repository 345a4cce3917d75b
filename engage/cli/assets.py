"""Fills static/vendor from node_modules: `python -m engage.cli.assets`, called by `make`.

The sandbox's phone has its own folder, sandbox/static/vendor: its icons and its scanner's decoder.

Third-party files are never committed. The icons named in static/icons.txt, one a line, become one
sprite: `<use href="…/icons.svg#NAME">`. `manifest.json` tells the content hash of each file, which
the pages put behind its address, so that a browser may keep it for ever.
"""

from __future__ import annotations

import hashlib
import json
import re
import shutil
from pathlib import Path

from engage.config import ROOT

_FILES = {
    "weui.min.css": "weui/dist/style/weui.min.css",
    "htmx.min.js": "htmx.org/dist/htmx.min.js",
    "echarts.min.js": "echarts/dist/echarts.common.min.js",
    "sortable.min.js": "sortablejs/Sortable.min.js",
    "jweixin.js": "weixin-js-sdk/index.js",
    "noto-sans-sc.woff2": "@fontsource/noto-sans-sc/files/noto-sans-sc-chinese-simplified-500-normal.woff2",
}
_ICONS = "@tabler/icons/icons/outline"
_SCANNER = ("qr/decode.js", "qr/index.js")


def fill(modules: Path, names: Path, vendor: Path) -> None:
    """Copy the files, draw the sprite, write the manifest; what was in `vendor` is replaced.

    Raises:
        SystemExit: a name in the list of icons is unknown; the message gives it.
    """
    shutil.rmtree(vendor, ignore_errors=True)
    vendor.mkdir(parents=True)
    for name, source in _FILES.items():
        shutil.copyfile(modules / source, vendor / name)
    (vendor / "icons.svg").write_text(sprite(names.read_text().split(), modules / _ICONS))
    hashes = {
        path.name: hashlib.sha256(path.read_bytes()).hexdigest()[:12] for path in sorted(vendor.iterdir())
    }
    (vendor / "manifest.json").write_text(json.dumps(hashes, indent=2) + "\n")


def fill_sandbox(modules: Path, names: Path, vendor: Path) -> None:
    """Draw the phone's sprite and copy what its scanner reads QR codes with; replaces `vendor`.

    Raises:
        SystemExit: a name in the list of icons is unknown; the message gives it.
    """
    shutil.rmtree(vendor, ignore_errors=True)
    for source in _SCANNER:
        target = vendor / source
        target.parent.mkdir(parents=True, exist_ok=True)
        shutil.copyfile(modules / source, target)
    (vendor / "icons.svg").write_text(sprite(names.read_text().split(), modules / _ICONS))


def sprite(names: list[str], folder: Path) -> str:
    """Draw all icons into one SVG, each a symbol of its name; they take the colour of their text."""
    if unknown := [name for name in names if not (folder / f"{name}.svg").exists()]:
        raise SystemExit(f"static/icons.txt names icons that Tabler does not have: {', '.join(unknown)}")
    symbols = "\n".join(_symbol(name, (folder / f"{name}.svg").read_text()) for name in sorted(set(names)))
    return f'<svg xmlns="http://www.w3.org/2000/svg">\n{symbols}\n</svg>\n'


def _symbol(name: str, svg: str) -> str:
    paths = [path for path in re.findall(r"<path[^>]*/>", svg) if 'stroke="none"' not in path]
    return (
        # How thick and how round lines are is for the style sheets to say.
        f'<symbol id="{name}" viewBox="0 0 24 24">{"".join(paths)}</symbol>'
    )


if __name__ == "__main__":
    phone = ROOT / "sandbox" / "static"
    fill_sandbox(ROOT / "node_modules", phone / "icons.txt", phone / "vendor")
    fill(ROOT / "node_modules", ROOT / "static" / "icons.txt", ROOT / "static" / "vendor")
