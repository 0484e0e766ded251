# SPDX-License-Identifier: Apache-2.0
"""A template depends on its key, says nothing without it, and has one shape for everybody."""

from __future__ import annotations

import struct
from statistics import NormalDist

import numpy as np
import pytest
from cryptography.hazmat.primitives.ciphers import Cipher, algorithms, modes
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.stats import chi2
from synthetic_people import KEY, SCHEME, people, secret

from polyveil.errors import UsageError
from polyveil.privacy.key import ProjectKey
from polyveil.recognize.scheme import Scheme, Subspace, cells_of, levels, similarity
from polyveil.recognize.scoring import scores_under
from polyveil.recognize.template import (
    Template,
    compare,
    protect,
    template_secret,
)
from polyveil.recognize.unlinkability import linkability

schemes = st.builds(
    lambda dimension, share, bits: Scheme(dimension, max(2, round(share * dimension)), bits),
    st.integers(2, 40),
    st.floats(0.1, 1.0),
    st.integers(1, 4),
)


@given(schemes, st.integers(0, 2**32 - 1))
@settings(max_examples=40, deadline=None)
def test_bytes_there_and_back(scheme: Scheme, seed: int) -> None:
    vector = np.random.default_rng(seed).normal(size=scheme.dimension)
    made = protect(vector, secret(), scheme)
    assert Template.from_bytes(made.to_bytes()) == made
    assert len(made.packed) == -(-scheme.kept * scheme.bits // 8)
    way = Subspace.of(secret(), scheme)
    assert (made.cells == cells_of(vector[None] / np.linalg.norm(vector), way, scheme)[0]).all()
    assert compare(made, made) == pytest.approx(1.0)


@given(schemes, st.floats(1e-3, 1e3), st.integers(0, 2**32 - 1))
@settings(max_examples=30, deadline=None)
def test_only_the_direction_counts(scheme: Scheme, scale: float, seed: int) -> None:
    vector = np.random.default_rng(seed).normal(size=scheme.dimension)
    one, other = protect(vector, secret(), scheme), protect(scale * vector, secret(), scheme)
    assert np.abs(one.cells.astype(int) - other.cells.astype(int)).sum() <= 1  # on an edge


@pytest.mark.parametrize(
    "other",
    [
        secret(subject="t"),
        secret(modality="voice"),
        secret(enrolment="f"),
        template_secret(ProjectKey(bytes(32)), subject="s", modality="face", enrolment="e"),
    ],
)
def test_every_part_of_the_secret_changes_the_template(other: bytes) -> None:
    vector = people(1)[0, 0]
    one, two = protect(vector, secret(), SCHEME), protect(vector, other, SCHEME)
    assert one != two
    assert abs(compare(one, two)) < 0.7


def test_golden_template() -> None:
    """Templates that lie in galleries stay comparable: the same on every machine and version."""
    made = protect(np.sin(np.arange(1, 17) ** 2), secret(), Scheme(16, 8))
    assert made.to_bytes().hex() == "5056544d010010000802bf14"


def test_a_template_has_a_naive_twin() -> None:
    """AES block by block, Gram-Schmidt row by row, cells by the normal distribution function."""
    vector, scheme, normal = np.sin(np.arange(1, 17) ** 2), Scheme(16, 8), NormalDist()
    block = Cipher(algorithms.AES(secret()), modes.ECB()).encryptor()  # noqa: S305
    stream = b"".join(block.update(number.to_bytes(16, "big")) for number in range(8 * 16 // 4))
    words = struct.unpack(f"<{8 * 16}I", stream)
    numbers = [normal.inv_cdf((word + 0.5) / 2**32) for word in words]
    rows: list[np.ndarray] = []
    for start in range(0, len(numbers), 16):
        row = np.array(numbers[start : start + 16])
        for earlier in rows:
            row = row - (row @ earlier) * earlier
        rows.append(row / np.linalg.norm(row))
    seen = np.array([row @ vector for row in rows])
    seen *= np.sqrt(8) / np.linalg.norm(seen)
    expected = [int(4 * normal.cdf(value)) for value in seen]
    assert protect(vector, secret(), scheme).cells.tolist() == expected


def test_subspaces_are_orthonormal_and_uniform() -> None:
    scheme = Scheme(6, 3)
    ways = np.stack([Subspace.of(b"%032d" % draw, scheme).rows() for draw in range(4000)])
    assert np.allclose(ways @ ways.transpose(0, 2, 1), np.eye(3), atol=1e-10)
    # E[P'P] = kept / dimension, no direction preferred; E[P] = 0, no sign preferred.
    assert np.allclose((ways.transpose(0, 2, 1) @ ways).mean(axis=0), np.eye(6) / 2, atol=0.03)
    assert np.abs(ways.mean(axis=0)).max() < 0.03


def test_cells_have_one_distribution_whoever_it_is() -> None:
    """Key secret: the joint distribution of two cells is the same for very different people."""
    scheme, draws = Scheme(5, 3, 1), 4000
    counts = []
    for vector in (np.eye(5)[0], np.ones(5), np.array([1.0, -2, 0, 0, 3])):
        ways = [Subspace.of(b"%032d" % draw, scheme) for draw in range(draws)]
        unit = (vector / np.linalg.norm(vector))[None]
        cells = np.stack([cells_of(unit, way, scheme)[0] for way in ways])
        counts.append(np.bincount(cells @ np.array([4, 2, 1]), minlength=8))
    for count in counts:
        assert ((count - draws / 8) ** 2 / (draws / 8)).sum() < chi2.ppf(0.9999, 7)


def test_same_person_same_key_scores_high() -> None:
    faces = people(80)
    secrets = [secret(str(index)) for index in range(80)]
    made = [protect(faces[i, 0], secrets[i], SCHEME) for i in range(80)]
    scores = scores_under(faces[:, 1], secrets, made)
    own, others = np.diag(scores), scores[~np.eye(80, dtype=bool)]
    assert own.mean() > 0.65
    assert abs(others.mean()) < 0.02
    assert np.quantile(own, 0.05) > np.quantile(others, 0.99)


def test_renewed_templates_cannot_be_linked_and_the_measure_would_see_it() -> None:
    faces = people(400, samples=1)[:, 0]
    first = [protect(face, secret(str(i), enrolment="1"), SCHEME) for i, face in enumerate(faces)]
    again = [protect(face, secret(str(i), enrolment="2"), SCHEME) for i, face in enumerate(faces)]
    mated = np.array([compare(a, b) for a, b in zip(first, again, strict=True)])
    others = np.array([compare(a, b) for a, b in zip(first, again[1:] + again[:1], strict=True)])
    fresh = linkability(mated, others, seed=0)
    assert not fresh.d_sys > fresh.chance + 0.1
    reused = [protect(face, secret("one"), SCHEME) for face in faces]
    noisy = people(400, samples=2, seed=0)[:, 1]
    seen = [protect(face, secret("one"), SCHEME) for face in noisy]
    linked = linkability(
        np.array([compare(a, a) for a in reused]),
        np.array([compare(a, b) for a, b in zip(reused, seen[1:] + seen[:1], strict=True)]),
        seed=0,
    )
    assert linked.demonstrated
    assert linked.d_sys > 0.95


def test_several_samples_are_averaged_as_directions() -> None:
    one, other = people(1)[0]
    mean = one / np.linalg.norm(one) + other / np.linalg.norm(other)
    assert protect(np.stack([one, 5 * other]), secret(), SCHEME) == protect(mean, secret(), SCHEME)


def test_the_whole_space_in_fine_cells_is_close_to_the_cosine() -> None:
    scheme = Scheme(64, 64, 4)
    one, other = people(1, alike=0.6)[0]
    made = [protect(vector, secret(), scheme) for vector in (one, other)]
    assert compare(*made) == pytest.approx(float(one @ other), abs=0.05)


def test_levels_are_the_means_of_equally_likely_cells() -> None:
    scheme, draw = Scheme(2, 2, 3), np.random.default_rng(0).normal(size=400_000)
    edges, means = levels(scheme)
    cells = np.searchsorted(edges, draw)
    assert np.allclose(np.bincount(cells) / len(draw), 1 / 8, atol=0.003)
    assert np.allclose([draw[cells == cell].mean() for cell in range(8)], means, atol=0.01)


def test_similarity_has_a_naive_twin() -> None:
    _, means = levels(SCHEME)
    draw = np.random.default_rng(3)
    one, other = draw.integers(0, 4, (2, 32)).astype(np.uint8)
    a, b = [[float(means[cell]) for cell in cells] for cells in (one, other)]
    dot = sum(x * y for x, y in zip(a, b, strict=True))
    twin = dot / (sum(x * x for x in a) * sum(y * y for y in b)) ** 0.5
    assert float(similarity(one, other, SCHEME)) == pytest.approx(twin)


@pytest.mark.parametrize(
    ("vector", "words"),
    [
        (np.zeros(64), "not all zeros"),
        (np.full(64, np.nan), "finite"),
        (np.ones(63), "expected 64 numbers"),
        (np.ones((0, 64)), r"shape \(n, dimension\)"),
        (np.stack([np.ones(64), -np.ones(64)]), "not all zeros"),
    ],
)
def test_unfit_embeddings_are_refused(vector: np.ndarray, words: str) -> None:
    with pytest.raises(UsageError, match=words):
        protect(vector, secret(), SCHEME)


@pytest.mark.parametrize("arguments", [(64, 65), (64, 1), (5000, 64), (64, 32, 0), (64, 32, 5)])
def test_impossible_schemes_are_refused(arguments: tuple[int, ...]) -> None:
    with pytest.raises(UsageError, match="template scheme"):
        Scheme(*arguments)


def test_damaged_bytes_are_refused() -> None:
    whole = protect(people(1, dimension=10)[0, 0], secret(), Scheme(10, 5, 3)).to_bytes()
    foreign = b"XXXX" + whole[4:]
    later = whole[:4] + b"\x02" + whole[5:]
    spare = whole[:-1] + bytes([whole[-1] | 1])
    for damaged in (b"", whole[:-1], whole + b"\0", foreign, later, spare):
        with pytest.raises(UsageError, match="template"):
            Template.from_bytes(damaged)


def test_short_secrets_and_mixed_schemes_are_refused() -> None:
    vector = people(1)[0, 0]
    with pytest.raises(UsageError, match="32 bytes"):
        protect(vector, b"short", SCHEME)
    with pytest.raises(UsageError, match="one scheme"):
        compare(protect(vector, secret(), SCHEME), protect(vector, secret(), Scheme(64, 16)))
    assert KEY.id not in repr(protect(vector, secret(), SCHEME))
