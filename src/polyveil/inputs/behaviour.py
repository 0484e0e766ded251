# SPDX-License-Identifier: Apache-2.0
"""Behaviour as a sequence of numbers: how somebody types, or whatever a sensor tells.

Keystrokes, by default. Times are logarithms, because they spread over decades, and are scaled by
fixed round numbers near what 168,000 typists do on average, so that most lie within -2 and 2:

    hold          ln(held / 100 ms) / 0.5
    down_down     ln(press to press / 200 ms) / 1.0; 0 for the first key
    gap           asinh(release to press / 50 ms) / 1.5, < 0 where keys overlap; 0 for the first
    groups        a 1 for the group of the key, see `keys`; by default one group holds every key

Other traces come as they are, less `centre`, over `scale`, which the plan gives.

Source: Dhakal, Feit, Kristensson & Oulasvirta, Observations on Typing from 136 Million Keystrokes,
CHI 2018, https://doi.org/10.1145/3173574.3174220
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from polyveil import _validate
from polyveil.errors import UnreadableRecord
from polyveil.inputs import keys as key_groups
from polyveil.inputs import part as parts
from polyveil.records import behaviour
from polyveil.records.record import Record

COLUMNS = ("hold_ms", "down_down_ms", "keycode")
"""Of a trace of keystrokes; without names, in this order. Other columns are not read."""

_TIMES = 3
_HOLD, _DOWN_DOWN, _GAP = 100.0, 200.0, 50.0
_HOLD_SPREAD, _DOWN_DOWN_SPREAD, _GAP_SPREAD = 0.5, 1.0, 1.5
_SHORTEST, _LONGEST = 1.0, 10_000.0
_FURTHEST = 10.0


@dataclass(frozen=True, slots=True)
class BehaviourReader:
    """float32 [steps, features]; a shorter trace is padded by zeros, a longer one is cut.

    Attributes:
      steps: rows that are read, from the first on.
      keys: how finely keys are told apart: "none", "hands" or "rows".
      centre, scale: of each column of a trace that is none of keystrokes; both empty for those.
      part: which part of the trace is read, as shares of its rows.
    """

    steps: int = 64
    keys: str = "none"
    centre: tuple[float, ...] = ()
    scale: tuple[float, ...] = ()
    part: tuple[float, ...] = parts.WHOLE

    def __post_init__(self) -> None:
        _validate.at_least(2, steps=self.steps)
        if self.keys not in key_groups.LEVELS:
            raise ValueError(f"expected keys as one of {', '.join(key_groups.LEVELS)}.")
        if len(self.centre) != len(self.scale):
            raise ValueError("expected as many numbers in centre as in scale.")
        for centre, scale in zip(self.centre, self.scale, strict=True):
            _validate.positive(scale=scale)
            _validate.not_negative(centre=abs(centre))
        parts.check(self.part)

    @property
    def shape(self) -> tuple[int, int]:
        """(steps, features)."""
        return self.steps, len(self.scale) or _TIMES + key_groups.groups(self.keys)

    @property
    def spread(self) -> float:
        """Half of what the values spread."""
        return 0.5

    def read(self, record: Record) -> NDArray[np.float32] | None:
        """The behaviour of a record; None without one.

        Raises:
          UnreadableRecord: it cannot be decoded safely, has other columns than expected, or none
            of its rows is in the part.
        """
        if record.behaviour is None:
            return None
        trace = behaviour.decode(record.behaviour)
        trace = behaviour.Trace(trace.values[parts.cut(len(trace.values), self.part)], trace.names)
        if not len(trace.values):
            raise UnreadableRecord("behaviour: no rows in this part; expected a longer trace.")
        rows = self._numbers(trace.values) if self.scale else keystrokes(trace, self.keys)
        padded = np.zeros(self.shape, dtype=np.float32)
        padded[: len(rows)] = rows[: self.steps]
        return padded

    def _numbers(self, values: NDArray[np.float32]) -> NDArray[np.float32]:
        if values.shape[1] != len(self.scale):
            raise UnreadableRecord(
                f"behaviour: {values.shape[1]} columns; expected {len(self.scale)}."
            )
        scaled = (values.astype(np.float64) - self.centre) / self.scale
        return np.clip(scaled, -_FURTHEST, _FURTHEST).astype(np.float32)


def keystrokes(trace: behaviour.Trace, level: str) -> NDArray[np.float32]:
    """Times and groups of the keys, float32 (steps, 3 + groups).

    Raises:
      UnreadableRecord: a column is missing, or a key is held for less than no time.
    """
    hold, down_down, codes = _columns(trace)
    if float(hold.min()) < 0:
        raise UnreadableRecord("behaviour: a hold_ms below 0; expected milliseconds.")
    gap = np.zeros(len(hold))
    gap[1:] = down_down[1:].astype(np.float64) - hold[:-1]
    times = np.stack(
        [
            np.log(np.clip(hold, _SHORTEST, _LONGEST) / _HOLD) / _HOLD_SPREAD,
            np.log(np.clip(down_down, _SHORTEST, _LONGEST) / _DOWN_DOWN) / _DOWN_DOWN_SPREAD,
            np.arcsinh(np.clip(gap, -_LONGEST, _LONGEST) / _GAP) / _GAP_SPREAD,
        ],
        axis=1,
    )
    times[0, 1:] = 0.0
    return np.hstack([times, key_groups.one_hot(codes, level)]).astype(np.float32)


def _columns(trace: behaviour.Trace) -> tuple[NDArray[np.float32], ...]:
    names = trace.names or COLUMNS
    if len(names) != trace.values.shape[1] or not set(COLUMNS) <= set(names):
        raise UnreadableRecord(
            f"behaviour: other columns than expected; expected {', '.join(COLUMNS)}."
        )
    return tuple(trace.values[:, names.index(column)] for column in COLUMNS)
