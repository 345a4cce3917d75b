"""The sprite holds the icons asked for and refuses unknown names."""

from __future__ import annotations

import pytest

from engage.cli import assets

SVG = """<svg viewBox="0 0 24 24"><path stroke="none" d="M0 0h24v24H0z" fill="none" />
  <path d="M4 11h16" /></svg>"""


def test_each_icon_is_a_symbol_of_its_name_without_the_bounding_box(tmp_path):
    (tmp_path / "bell.svg").write_text(SVG)
    drawn = assets.sprite(["bell", "bell"], tmp_path)
    assert drawn.count('<symbol id="bell"') == 1
    assert "M4 11h16" in drawn
    assert "M0 0h24v24H0z" not in drawn


def test_an_unknown_icon_is_named(tmp_path):
    with pytest.raises(SystemExit, match="no-such-icon"):
        assets.sprite(["no-such-icon"], tmp_path)


def test_the_sandboxs_folder_is_filled_anew(tmp_path):
    modules, vendor = tmp_path / "node_modules", tmp_path / "vendor"
    for name in ("qr/decode.js", "qr/index.js", "@tabler/icons/icons/outline/scan.svg"):
        (modules / name).parent.mkdir(parents=True, exist_ok=True)
        (modules / name).write_text(SVG)
    (tmp_path / "icons.txt").write_text("scan\n")
    vendor.mkdir()
    (vendor / "old.js").touch()
    assets.fill_sandbox(modules, tmp_path / "icons.txt", vendor)
    files = {str(path.relative_to(vendor)) for path in vendor.rglob("*") if path.is_file()}
    assert files == {"icons.svg", "qr/decode.js", "qr/index.js"}
    assert '<symbol id="scan"' in (vendor / "icons.svg").read_text()
