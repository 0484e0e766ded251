# SPDX-License-Identifier: Apache-2.0
"""The reliability diagram: points where the bins are, and a file that stands alone."""

from __future__ import annotations

import re
from xml.etree import ElementTree

import numpy as np
import pytest

from polyveil.errors import UsageError
from polyveil.models.reliability import Bin, equal_mass, equal_width
from polyveil.report.plots import LEFT, SIDE, TOP
from polyveil.report.reliability import reliability_plot, reliability_svg


def bins(shift: float) -> list[Bin]:
    draw = np.random.default_rng(0)
    confidence = draw.uniform(0.3, 1, 500)
    return equal_width(confidence, draw.random(500) < confidence - shift)


def test_points_lie_where_the_bins_are() -> None:
    half = Bin(0.4, 0.6, 0.5, 0.25, 25, 100)
    plot = reliability_plot({"model": [half, Bin(0.6, 1.0, 1.0, 1.0, 10, 10)]})
    (first, last) = plot.series[0].dots
    assert first == (LEFT + SIDE / 2, TOP + 0.75 * SIDE)
    assert last == (LEFT + SIDE, TOP)
    assert plot.chance == (f"{LEFT:g},{TOP + SIDE:g} {LEFT + SIDE:g},{TOP:g}",)
    assert "25.0\u00a0% right at 50.0\u00a0% (100 records)" in plot.words


def test_the_band_is_wide_where_records_are_few() -> None:
    few, many = Bin(0, 0.5, 0.4, 0.5, 2, 4), Bin(0.5, 1, 0.8, 0.5, 200, 400)
    band = reliability_plot({"model": [few, many]}).series[0].band
    heights: dict[str, list[float]] = {}
    for point in band.split():
        x, y = point.split(",")
        heights.setdefault(x, []).append(float(y))
    left, right = (
        max(ys) - min(ys) for _, ys in sorted(heights.items(), key=lambda p: float(p[0]))
    )
    assert left > 5 * right


def test_the_file_is_well_formed_and_loads_nothing() -> None:
    text = reliability_svg({"raw <b>": bins(0.2), "calibrated": bins(0.0)})
    root = ElementTree.fromstring(text)  # noqa: S314 - our own output
    assert root.tag.endswith("svg")
    assert len(root.findall(".//{*}polyline")) == 3  # two models and the diagonal
    assert "<b>" not in text and "raw &lt;b&gt;" in text
    assert "--s0" in text and ".plot .band.s1" in text
    assert not re.search(r"url\(|@import|href|<script", text)


def test_one_bin_has_no_band() -> None:
    one = equal_mass(np.array([0.7, 0.8]), np.array([True, False]), bins=1)
    assert reliability_plot({"model": one}).series[0].band == ""


def test_refusals() -> None:
    with pytest.raises(UsageError, match="0 models; expected one to 4"):
        reliability_plot({})
    with pytest.raises(UsageError, match="each with bins"):
        reliability_plot({"model": []})
    with pytest.raises(UsageError, match="5 models"):
        reliability_plot({str(at): bins(0) for at in range(5)})
