# SPDX-License-Identifier: Apache-2.0
"""Small SVG figures: DET curves on normal-deviate axes, and figures as disturbance grows."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path

import matplotlib
import numpy as np
from numpy.typing import NDArray
from scipy.special import ndtri

from _common import ROOT
from polyveil.recognize.curves import Det

matplotlib.use("svg")
import matplotlib.pyplot as plt

IMAGES = ROOT / "docs" / "images"
TICKS = (0.001, 0.01, 0.05, 0.1, 0.2, 0.4, 0.6, 0.8, 0.95)
_POINTS = 120
_STYLE = {
    "svg.hashsalt": "polyveil",  # the same figures give the same file
    "svg.fonttype": "none",
    "font.size": 9,
    "axes.spines.top": False,
    "axes.spines.right": False,
    "axes.grid": True,
    "grid.color": "#dddddd",
    "lines.linewidth": 1.6,
}
Curve = tuple[Sequence[float], Sequence[float]]


def det_figure(name: str, curves: Mapping[str, Det], title: str) -> Path:
    """False rejects over false accepts, both as normal deviates; a dashed line for 'plain ...'."""
    with plt.rc_context(_STYLE):
        figure, axes = plt.subplots(figsize=(4.6, 4.8), layout="constrained")
        for label, curve in curves.items():
            x, y = _thinned(*curve.probits())
            axes.plot(x, y, label=label, linestyle="--" if label.startswith("plain") else "-")
        chance = ndtri([0.999, 0.001])
        axes.plot(chance[::-1], chance, color="#999999", linewidth=0.8, label="chance")
        for axis in (axes.xaxis, axes.yaxis):
            axis.set_ticks(ndtri(TICKS), [f"{100 * one:g}" for one in TICKS])
        axes.set_xlim(ndtri(0.0007), ndtri(0.97))
        axes.set_ylim(ndtri(0.0007), ndtri(0.97))
        axes.set_xlabel("false accepts, %")
        axes.set_ylabel("false rejects, %")
        axes.set_title(title, fontsize=9)
        # Below the axes: within them it lies across the line of chance.
        figure.legend(loc="outside lower center", ncols=2, frameon=False, fontsize=7.5)
        return _save(figure, name)


def curves_figure(name: str, panels: Mapping[str, Mapping[str, Curve]], xlabel: str) -> Path:
    """Panel -> line -> (x, y), shares of 1, side by side."""
    with plt.rc_context(_STYLE):
        figure, all_axes = plt.subplots(
            *(1, len(panels)),
            figsize=(2.6 * len(panels), 2.8),
            squeeze=False,
            sharex=True,
            layout="tight",
        )
        for axes, (title, lines) in zip(all_axes[0], panels.items(), strict=True):
            for label, (x, y) in lines.items():
                axes.plot(100 * np.asarray(x), 100 * np.asarray(y), label=label, marker=".")
            axes.set_title(title, fontsize=9)
            axes.set_xlabel(xlabel)
            axes.set_ylim(-2, 102)
            axes.legend(frameon=False, fontsize=7)
        all_axes[0][0].set_ylabel("%")
        return _save(figure, name)


def _thinned(
    x: NDArray[np.float64], y: NDArray[np.float64]
) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Evenly along the first axis; a curve of 50,000 points is as many lines of SVG."""
    if len(x) <= _POINTS:
        return x, y
    kept = np.unique(np.searchsorted(x, np.linspace(x[0], x[-1], _POINTS)).clip(0, len(x) - 1))
    return x[kept], y[kept]


def _save(figure: plt.Figure, name: str) -> Path:
    IMAGES.mkdir(exist_ok=True)
    target = IMAGES / f"{name}.svg"
    figure.savefig(target, metadata={"Date": None})
    plt.close(figure)
    return target
