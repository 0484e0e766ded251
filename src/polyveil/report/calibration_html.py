# SPDX-License-Identifier: Apache-2.0
"""A calibration as one self-contained HTML page: opens offline, prints on A4, loads nothing."""

from __future__ import annotations

from typing import Any

from polyveil.report import figures, sentences
from polyveil.report.calibration import STORED, CalibrationReport, Figure
from polyveil.report.det_plot import det_plot
from polyveil.report.html import environment, frame, stage_rows

ENCODERS = {
    "run": "a recogniser trained by polyveil",
    "network": "a face network from a file",
    "embeddings": "embeddings that were ready-made",
}


def render_calibration(report: CalibrationReport) -> str:
    """The page, as text to be written in UTF-8."""
    best = report.sets[0] if report.sets else None
    return (
        environment()
        .get_template("calibration.html.jinja")
        .render(
            report=report,
            job=report.job,
            total=sentences.duration(report.job),
            stages=stage_rows(report.times),
            summed=sentences.seconds(sum(one.seconds for one in report.times)),
            encoder=ENCODERS[report.encoder],
            best=best,
            tiles=_tiles(report),
            plot=det_plot(report.sets),
            sets=[(one, [_row(rate) for rate in one.rates]) for one in report.sets],
            rate=figures.figure(report.far, "share"),
            write=figures,
            **frame(),
        )
    )


def _tiles(report: CalibrationReport) -> list[tuple[str, str]]:
    """The figures that a reader looks for first: of the largest set of modalities."""
    if not report.sets:
        return []
    one = report.sets[0]
    wanted = (
        "equal error rate",
        STORED,
        "false rejects at the stored threshold",
    )
    found = {rate.name: rate for rate in one.rates}
    tiles = [
        (name, figures.figure(found[name].value.estimate, "share"))  # type: ignore[union-attr]
        for name in wanted
        if name in found and found[name].value is not None
    ]
    return [*tiles, ("people judged", f"{one.people:,}")]


def _row(rate: Figure) -> dict[str, Any]:
    value = rate.value
    strip = None
    if value is not None:
        strip = {"low": 100 * value.low, "wide": max(0.4, 100 * (value.high - value.low))}
    return {
        "name": rate.name[:1].upper() + rate.name[1:],
        "note": rate.note,
        "reason": rate.reason,
        "estimate": "" if value is None else figures.figure(value.estimate, "share"),
        "interval": ""
        if value is None
        else f"{figures.figure(value.low, 'share')} to {figures.figure(value.high, 'share')}",
        "strip": strip,
    }
