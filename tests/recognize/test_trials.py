# SPDX-License-Identifier: Apache-2.0
"""People stay in their part, and evidence of modalities adds up."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.stats import norm
from synthetic_people import KEY, SCHEME, drawn, halves, names, people

from polyveil.errors import UsageError
from polyveil.recognize.fusion import Evidence, Fusion
from polyveil.recognize.normalise import Cohort, Normalisation
from polyveil.recognize.trials import Split

NAN = float("nan")


@given(
    st.integers(10, 60),
    st.floats(0, 0.5),
    st.floats(0.1, 0.4),
    st.integers(0, 2**32 - 1),
)
@settings(max_examples=50, deadline=None)
def test_a_split_is_disjoint_whole_and_repeatable(
    count: int, background: float, development: float, seed: int
) -> None:
    everybody = names(count)
    split = Split.draw(everybody, seed=seed, background=background, development=development)
    parts = [split.background, split.development, split.evaluation]
    assert sorted(name for part in parts for name in part) == everybody
    again = Split.draw(
        reversed(everybody), seed=seed, background=background, development=development
    )
    assert again == split


def test_people_of_another_part_are_refused() -> None:
    split = halves(20)
    column = {"searches": ["1"], "templates": ["p001"], "scores": {"face": [0.5]}}
    assert split.trials("development", probes=["p000"], **column).identities == {"p000", "p001"}
    with pytest.raises(UsageError, match="1 people are not of the development group"):
        split.trials("development", probes=["p019"], **column)
    with pytest.raises(UsageError, match="evaluation group"):
        split.trials("evaluation", probes=["p000"], **column)
    with pytest.raises(UsageError, match="in two groups"):
        Split(frozenset("a"), frozenset("ab"), frozenset("c"))
    with pytest.raises(UsageError, match="expected people"):
        Split.draw(["a"], seed=0)
    with pytest.raises(UsageError, match="sum below 1"):
        Split.draw(names(9), seed=0, background=0.6, development=0.4)


def test_columns_must_fit() -> None:
    split, fine = halves(20), {"searches": ["1"], "probes": ["p000"], "templates": ["p001"]}
    with pytest.raises(UsageError, match="for each of"):
        split.trials("development", **fine, scores={"face": [0.1, 0.2]})
    with pytest.raises(UsageError, match="at least one trial and one modality"):
        split.trials("development", **fine, scores={})
    with pytest.raises(UsageError, match="finite scores"):
        split.trials("development", **fine, scores={"face": [float("inf")]})


def test_a_cohort_must_be_of_the_background() -> None:
    faces = people(20, samples=1)[:, 0]
    split = Split.draw(names(60), seed=0)
    own = sorted(split.development)[:3]
    enrolled = {name: {"face": faces[i]} for i, name in enumerate(own)}
    probes = {name: [{"face": faces[i]}, {}] for i, name in enumerate(own)}

    def trials(cohort: Cohort) -> None:
        made = split.protected_trials(
            "development", enrolled, probes, key=KEY, schemes={"face": SCHEME}, cohort=cohort
        )
        scores = made.scores["face"].reshape(3, 2, 3)
        assert np.isnan(scores[:, 1]).all()  # the probe without a face
        assert (scores[:, 0].argmax(axis=1) == np.arange(3)).all()
        assert (made.genuine.reshape(3, 2, 3)[:, 0] == np.eye(3, dtype=bool)).all()

    trials(Cohort(frozenset(sorted(split.background)[:20]), {"face": faces}))
    with pytest.raises(UsageError, match="background group"):
        trials(Cohort(frozenset(own), {"face": faces}))
    with pytest.raises(UsageError, match="has no 'face'"):
        trials(Cohort(frozenset(), {"voice": faces}))


def test_fused_evidence_is_the_log_likelihood_ratio() -> None:
    """Two modalities of known normal scores: the fused score is the sum of their true ratios."""
    split = halves(120)
    face = drawn(split, "development", gap=2.0, seed=1)
    voice = drawn(split, "development", gap=1.0, seed=2)
    both = split.trials(
        "development",
        searches=face.searches,
        probes=face.probes,
        templates=face.templates,
        scores={"face": face.scores["face"], "voice": voice.scores["face"]},
    )
    fusion = Fusion.fit(both)
    point = {"face": np.array([1.7]), "voice": np.array([0.2])}
    true = norm.logpdf(1.7, 2) - norm.logpdf(1.7, 0) + norm.logpdf(0.2, 1) - norm.logpdf(0.2, 0)
    assert float(fusion.fuse(point)[0]) == pytest.approx(true, abs=0.35)
    assert fusion.evidence["face"].slope == pytest.approx(2.0, abs=0.25)
    assert fusion.people == both.identities


@given(st.floats(-3, 3), st.floats(-3, 3))
def test_a_missing_modality_says_nothing(face: float, voice: float) -> None:
    fusion = Fusion({"face": Evidence(2.0, 0.5), "voice": Evidence(1.0, 0.0)}, frozenset())
    whole = fusion.fuse({"face": [face], "voice": [voice]})[0]
    parts = fusion.fuse({"face": [face, NAN, NAN], "voice": [NAN, voice, NAN]})
    assert whole == pytest.approx(parts[0] + parts[1])
    assert np.isnan(parts[2])
    assert fusion.fuse({"face": [face]})[0] == parts[0]


def test_a_modality_that_does_not_help_counts_nothing() -> None:
    trials = drawn(halves(40), "development", gap=-1.0)
    assert Fusion.fit(trials).evidence["face"].slope == 0.0


def test_fusion_refuses_what_it_cannot_fit() -> None:
    split = halves(20)
    with pytest.raises(UsageError, match="at least 10 genuine"):
        Fusion.fit(drawn(split, "development", probes=1).__class__(*_few(split)))
    with pytest.raises(UsageError, match="expected development trials"):
        Fusion.fit(drawn(split, "evaluation"))
    fusion = Fusion({"face": Evidence(1.0, 0.0), "voice": Evidence(1.0, 0.0)}, frozenset())
    with pytest.raises(UsageError, match="got gait"):
        fusion.fuse({"gait": [1.0]})
    with pytest.raises(UsageError, match="one shape"):
        fusion.fuse({"face": [1.0], "voice": [1.0, 2.0]})


def _few(split: Split) -> tuple[object, ...]:
    whole = drawn(split, "development", probes=1)
    keep = slice(0, 5)
    return (
        "development",
        whole.searches[keep],
        whole.probes[keep],
        whole.templates[keep],
        {"face": whole.scores["face"][keep]},
    )


def test_normalisation_has_a_naive_twin() -> None:
    draw = np.random.default_rng(0)
    scores = draw.normal(size=3)
    template, probe = draw.normal(size=(2, 3, 30))
    for nearest in (None, 10, 50):
        made = {
            kind: Normalisation(kind, nearest).apply(
                scores, template_cohort=template, probe_cohort=probe
            )
            for kind in ("z", "t", "s")
        }
        for row in range(3):
            z, t = (
                (scores[row] - np.mean(near)) / np.std(near)
                for near in (
                    sorted(cohort[row].tolist())[-(nearest or 30) :] for cohort in (template, probe)
                )
            )
            assert made["z"][row] == pytest.approx(z)
            assert made["t"][row] == pytest.approx(t)
            assert made["s"][row] == pytest.approx((z + t) / 2)


def test_normalisation_takes_shift_and_scale_of_a_template_away() -> None:
    draw = np.random.default_rng(1)
    scores, cohort = draw.normal(size=4), draw.normal(size=(4, 25))
    z = Normalisation("z")
    plain = z.apply(scores, template_cohort=cohort, probe_cohort=cohort)
    moved = z.apply(3 * scores + 2, template_cohort=3 * cohort + 2, probe_cohort=cohort)
    assert np.allclose(plain, moved)


def test_unfit_normalisations_are_refused() -> None:
    with pytest.raises(UsageError, match="z, t or s"):
        Normalisation("x")  # type: ignore[arg-type]
    with pytest.raises(UsageError, match="nearest >= 10"):
        Normalisation("z", 3)
    with pytest.raises(UsageError, match="cohort scores"):
        Normalisation().apply(
            np.zeros(2), template_cohort=np.zeros((3, 20)), probe_cohort=np.zeros((2, 20))
        )
    with pytest.raises(UsageError, match="at least 10 embeddings"):
        Cohort(frozenset(), {"face": np.ones((9, 4))})
