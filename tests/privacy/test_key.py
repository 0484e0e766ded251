# SPDX-License-Identifier: Apache-2.0
"""The key is made once, never shown, never shared with other accounts; seals open with it alone."""

from __future__ import annotations

import stat
from multiprocessing.pool import ThreadPool
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from polyveil.errors import UsageError, VaultError
from polyveil.privacy.key import ProjectKey, default_key_path, encode
from polyveil.privacy.pseudonym import Draw

KEY = ProjectKey(bytes(range(32)))
parts = st.lists(st.text(max_size=6), max_size=4)


def test_a_key_is_made_once_with_mode_0600(tmp_path: Path):
    path = tmp_path / "deep" / "project.key"
    first = ProjectKey.load_or_create(path)
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    assert ProjectKey.load_or_create(path) == first
    assert [p.name for p in path.parent.iterdir()] == ["project.key"]


def test_racing_processes_agree_on_one_key(tmp_path: Path):
    with ThreadPool(8) as pool:
        keys = pool.map(lambda _: ProjectKey.load_or_create(tmp_path / "k"), range(32))
    assert len({key.id for key in keys}) == 1


@pytest.mark.parametrize("mode", [0o604, 0o640, 0o660, 0o666])
def test_a_readable_file_is_refused(tmp_path: Path, mode: int):
    path = tmp_path / "k"
    ProjectKey.load_or_create(path)
    path.chmod(mode)
    with pytest.raises(UsageError, match="chmod 600"):
        ProjectKey.load_or_create(path)


@pytest.mark.parametrize("size", [0, 31, 33])
def test_a_file_of_another_size_is_refused(tmp_path: Path, size: int):
    path = tmp_path / "k"
    path.write_bytes(bytes(size))
    path.chmod(0o600)
    with pytest.raises(UsageError, match="32 bytes"):
        ProjectKey.load_or_create(path)


def test_the_default_place_follows_xdg(monkeypatch: pytest.MonkeyPatch, tmp_path: Path):
    monkeypatch.setenv("XDG_STATE_HOME", str(tmp_path))
    assert default_key_path() == tmp_path / "polyveil" / "project.key"
    monkeypatch.delenv("XDG_STATE_HOME")
    monkeypatch.setenv("HOME", str(tmp_path))
    assert default_key_path() == tmp_path / ".local/state/polyveil/project.key"


def test_repr_shows_no_byte_of_the_secret():
    key = ProjectKey(b"A" * 32)
    assert "AAAA" not in repr(key) and "4141" not in repr(key)
    assert key.id in repr(key)


@given(parts, parts)
def test_encoding_is_unambiguous(one: list[str], other: list[str]):
    assert (encode(*one) == encode(*other)) == (one == other)


@given(parts)
def test_purposes_are_domains_of_their_own(some: list[str]):
    assert KEY.mac("a", *some) != KEY.mac("b", *some)
    assert KEY.mac("a", *some) != ProjectKey(bytes(32)).mac("a", *some)
    assert KEY.mac("a", "b", *some) != KEY.mac("ab", *some)


@given(st.binary(max_size=200), st.integers(min_value=0), st.integers(1, 255))
def test_seals_open_whole_or_not_at_all(plain: bytes, where: int, flip: int):
    sealed = KEY.seal("findings", plain)
    assert KEY.open("findings", sealed) == plain
    broken = bytearray(sealed)
    broken[where % len(sealed)] ^= flip
    for bad in (bytes(broken), sealed[:-1], b""):
        with pytest.raises(VaultError):
            KEY.open("findings", bad)
    with pytest.raises(VaultError):
        KEY.open("other", sealed)
    with pytest.raises(VaultError):
        ProjectKey.ephemeral().open("findings", sealed)


@given(st.integers(1, 10**30), st.binary(min_size=1, max_size=8))
def test_draws_stay_below_their_bound_and_repeat(bound: int, seed: bytes):
    one, other = Draw(seed), Draw(seed)
    drawn = [one.below(bound) for _ in range(5)]
    assert all(0 <= value < bound for value in drawn)
    assert drawn == [other.below(bound) for _ in range(5)]


def test_draws_are_uniform():
    draw = Draw(b"seed")
    counts = [0] * 7
    for _ in range(7000):
        counts[draw.below(7)] += 1
    chi = sum((count - 1000) ** 2 / 1000 for count in counts)
    assert chi < 22.5  # 0.1 % of a chi-square with six degrees of freedom lies above
