# SPDX-License-Identifier: Apache-2.0
"""Held-out figures: the right noise, the same noise again, and what a report makes of them."""

from __future__ import annotations

import math
import xml.etree.ElementTree as ElementTree
from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from PIL import Image
from scipy import stats

from polyveil.learn.curves import draw, power_of_ten
from polyveil.learn.history import Counted, Measured, Meter, loss_cap
from polyveil.learn.model_card import model_card
from polyveil.learn.outcome import DataFacts, ModelFacts, TrainReport, duration
from polyveil.privacy.gaussian import delta_for
from polyveil.privacy.guarantee import Guarantee

SECRET = bytes(range(32))
HALF = Counted(5e6, 5e6, 5e6, 10**7)


def meter(budget: tuple[float, float] | None = (2.0, 1e-5), *, classes: int = 10) -> Meter:
    return Meter(SECRET, on_the_way=19, last=1, classes=classes, budget=budget)


def noise_of(made: Meter, count: int, *, last: bool) -> np.ndarray:
    """The noise in records that the first figure got, over many steps."""
    told = [
        made.tell(HALF, epoch=1, epsilon=None, step=step, stream="m", last=last)
        for step in range(count)
    ]
    return np.array([one.top1 for one in told]) * HALF.records - HALF.first


@pytest.mark.parametrize("last", [False, True])
def test_a_test_would_notice_too_little_noise(last: bool) -> None:
    made = meter()
    noise = noise_of(made, 3000, last=last)
    assert stats.kstest(noise / made.deviations[last], "norm").pvalue > 1e-4
    assert stats.kstest(noise / made.deviations[last] / 0.8, "norm").pvalue < 1e-4


@given(st.integers(0, 50), st.integers(1, 3), st.sampled_from([3, 10]), st.floats(0.1, 10))
def test_all_figures_together_keep_the_budget(
    way: int, last: int, classes: int, epsilon: float
) -> None:
    made = Meter(SECRET, on_the_way=way, last=last, classes=classes, budget=(epsilon, 1e-6))
    figures = 3 if classes > 5 else 2
    precision = last * figures / made.deviations[1] ** 2
    if way:
        precision += way * figures / made.deviations[0] ** 2
    assert delta_for(1 / math.sqrt(precision), epsilon=epsilon) <= 1e-6 * (1 + 1e-6)


def test_one_measurement_has_one_noise_and_two_have_two() -> None:
    def tell(step: int, stream: str) -> Measured:
        return meter().tell(HALF, epoch=1, epsilon=None, step=step, stream=stream, last=True)

    assert tell(3, "model 1") == tell(3, "model 1")
    assert tell(3, "model 1").top1 != tell(4, "model 1").top1 != tell(4, "model 2").top1


def test_public_records_are_measured_exactly() -> None:
    told = meter(None).tell(
        Counted(7, 9, 4.0, 10), epoch=1, epsilon=1.0, step=1, stream="m", last=True
    )
    assert (told.top1, told.top5, told.loss) == (0.7, 0.9, pytest.approx(0.4))
    few = meter(None, classes=3).tell(
        Counted(7, 10, 4.0, 10), epoch=1, epsilon=1.0, step=1, stream="m", last=True
    )
    assert few.top5 is None


def test_figures_stay_in_their_range() -> None:
    told = [
        meter().tell(Counted(1, 1, 0.0, 1), epoch=1, epsilon=1, step=n, stream="m", last=False)
        for n in range(50)
    ]
    assert all(0 <= one.top1 <= 1 and 0 <= one.loss <= loss_cap(10) for one in told)


COURSE = tuple(Measured(e, 0.7 * math.sqrt(e), 1 - 1 / (e + 1), 1.0, 2 / e) for e in range(1, 31))
REPORT = TrainReport(
    run="train-1",
    data=DataFacts("ab" * 32, 900, 100, (3, 32, 32), ("cat", "dog"), "As told.", (0.02, 0.01)),
    models=(ModelFacts("cnn", {"hidden": 8}, 1234, 99, "w.safetensors", 1.1, 0.05, 9, COURSE),),
    guarantee=Guarantee(2.99, 1e-5, covers=("the weights",)),
    reason="",
    charged=(2.99, 1e-5),
    refused={"picture: broken": 2},
    settings={"data": {"label": "x"}, "privacy": {}, "training": {}, "fusion": None},
    seconds=75.2,
    started="2026-01-01T00:00:00+00:00",
    command="polyveil train DIR",
    versions={"torch": "2"},
)  # fmt: skip


def test_a_report_survives_json() -> None:
    import json

    assert TrainReport.from_json(json.loads(json.dumps(REPORT.to_json()))) == REPORT
    unsafe = replace(REPORT, guarantee=None, reason="Paper.", charged=None)
    assert TrainReport.from_json(json.loads(json.dumps(unsafe.to_json()))) == unsafe


def test_a_summary_says_figures_promise_charge_and_refusals() -> None:
    text = REPORT.summary()
    for part in (
        "96.8%",
        "± 2.0%",
        "ε = 2.99",
        "2 × picture: broken",
        "1 min 15 s",
    ):
        assert part in text
    assert REPORT.exit_code == 3 and replace(REPORT, refused={}).exit_code == 0


def test_a_card_says_all_that_a_card_has_to_say() -> None:
    card = model_card(REPORT)
    for part in (
        "Differential privacy with", "## Limits", "licence is not known", "1,234",
        "| 30 | 96.8% | 100.0% |", "0.05", 'build("cnn", (3, 32, 32), 2, hidden=8)',
        "2 records could not be used",
    ):  # fmt: skip
        assert part in card
    assert card.count("\n| ") < 30  # of thirty epochs, twelve rows


@pytest.mark.parametrize("names", [("",), ("cnn", "vit")])
def test_curves_are_pictures_and_the_same_every_time(names: tuple[str, ...]) -> None:
    drawn = [
        draw(dict.fromkeys(names, COURSE), blur=(0.02, 0.01), classes=10, delta=1e-5)
        for _ in range(2)
    ]
    assert drawn[0] == drawn[1] and set(drawn[0]) == {"curves.png", "curves.svg"}
    assert drawn[0]["curves.png"].startswith(b"\x89PNG")
    assert ElementTree.fromstring(drawn[0]["curves.svg"]).tag.endswith("svg")  # noqa: S314


def test_curves_of_nothing_but_epsilon_have_one_panel(tmp_path) -> None:
    course = [Measured(one.epoch, one.epsilon) for one in COURSE]
    drawn = draw({"": course}, blur=(0, 0), classes=10, delta=1e-5)
    (tmp_path / "c.png").write_bytes(drawn["curves.png"])
    width, height = Image.open(tmp_path / "c.png").size
    assert width < 1.5 * height


def test_small_numbers_and_times_read_well() -> None:
    assert power_of_ten(7e-6) == "7·10⁻⁶" and power_of_ten(1e-5) == "1·10⁻⁵"
    assert [duration(s) for s in (3.2, 75, 7260)] == ["3 s", "1 min 15 s", "2 h 1 min"]
