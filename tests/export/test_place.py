# SPDX-License-Identifier: Apache-2.0
"""The output folder: apart from the input, ours alone, files that appear whole."""

from __future__ import annotations

from pathlib import Path

import pytest

from polyveil.errors import UsageError
from polyveil.export.place import PRIVATE, appearing, prepare


def test_private_folder_is_for_its_owner_only(tmp_path: Path) -> None:
    private = prepare(tmp_path / "a" / "out")
    assert private.stat().st_mode & 0o777 == 0o700
    assert prepare(tmp_path / "a" / "out") == private


@pytest.mark.parametrize("place", [".", "sub", "sub/deep", "link"])
def test_inside_the_input_is_refused(tmp_path: Path, place: str) -> None:
    source = tmp_path / "in"
    (source / "sub").mkdir(parents=True)
    (source / "link").symlink_to(source / "sub")
    with pytest.raises(UsageError, match="inside it"):
        prepare(source / place, source)
    assert not (source / place / PRIVATE).exists()


def test_a_link_to_the_input_is_refused(tmp_path: Path) -> None:
    (tmp_path / "in").mkdir()
    (tmp_path / "out").symlink_to(tmp_path / "in")
    with pytest.raises(UsageError, match="inside it"):
        prepare(tmp_path / "out", tmp_path / "in")


def test_foreign_files_are_refused_and_kept(tmp_path: Path) -> None:
    (tmp_path / "thesis.txt").write_text("mine")
    with pytest.raises(UsageError, match="no polyveil journal"):
        prepare(tmp_path)
    assert [path.name for path in tmp_path.iterdir()] == ["thesis.txt"]


def test_a_file_or_a_planted_link_is_refused(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("x")
    with pytest.raises(UsageError, match="expected a new or empty folder"):
        prepare(tmp_path / "file")
    (tmp_path / "out").mkdir()
    (tmp_path / "out" / PRIVATE).symlink_to(tmp_path)
    with pytest.raises(UsageError, match="link"):
        prepare(tmp_path / "out")


def test_a_folder_that_cannot_be_made_is_told(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("x")
    with pytest.raises(UsageError, match="while making the folder"):
        prepare(tmp_path / "file" / "out")


def test_a_file_appears_whole_or_not_at_all(tmp_path: Path) -> None:
    private = prepare(tmp_path)
    with pytest.raises(KeyError), appearing(tmp_path, "sub/a.bin") as file:
        file.write(b"half")
        raise KeyError
    assert not (tmp_path / "sub").exists()
    with appearing(tmp_path, "sub/a.bin") as file:
        file.write(b"large" * 1000)
    with appearing(tmp_path, "sub/a.bin") as file:
        file.write(b"small")
        assert (tmp_path / "sub" / "a.bin").stat().st_size == 5000
    # Nothing of the larger file stays behind the smaller one.
    assert (tmp_path / "sub" / "a.bin").read_bytes() == b"small"
    assert not list((private / "tmp").iterdir())
