"""Attachments on a single host's disk."""

from __future__ import annotations

import hashlib
from pathlib import Path

import pytest

from engage.kernel.errors import NotFound
from engage.kernel.files import DiskFiles


@pytest.fixture
def files(tmp_path: Path) -> DiskFiles:
    return DiskFiles(tmp_path / "files")


def test_what_is_put_can_be_got(files: DiskFiles) -> None:
    for content in (b"", b"picture", bytes(range(256)) * 4096):
        key = files.put(1, content)
        assert key == hashlib.sha256(content).hexdigest()
        assert files.get(1, key) == content


def test_the_same_bytes_are_kept_once(files: DiskFiles) -> None:
    assert files.put(1, b"picture") == files.put(1, b"picture")
    assert len([path for path in files.root.rglob("*") if path.is_file()]) == 1


def test_a_key_of_another_tenant_is_not_found(files: DiskFiles) -> None:
    key = files.put(1, b"picture")
    with pytest.raises(NotFound):
        files.get(2, key)
    files.delete(2, key)
    assert files.get(1, key) == b"picture"


def test_what_is_deleted_is_gone_and_may_be_deleted_again(files: DiskFiles) -> None:
    key = files.put(1, b"picture")
    files.delete(1, key)
    files.delete(1, key)
    with pytest.raises(NotFound):
        files.get(1, key)


@pytest.mark.parametrize("key", ["", "../../etc/passwd", "a" * 63, "A" * 64, "/" * 64, "." * 64, "０" * 64])
def test_a_key_that_is_no_hash_reaches_no_file(files: DiskFiles, key: str) -> None:
    for use in (files.get, files.delete):
        with pytest.raises(NotFound):
            use(1, key)
