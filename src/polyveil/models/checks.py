# SPDX-License-Identifier: Apache-2.0
"""Checks of a network's configuration; each error names the option, what came and what fits."""

from __future__ import annotations

import math
from collections.abc import Collection

from polyveil.errors import NotPrivate, UsageError

# Everything that computes statistics over several records, by the names people ask for it.
MIXES_RECORDS = frozenset({"batch", "batch-norm", "batchnorm", "instance-running", "sync-batch"})


def one_of(option: str, value: str, allowed: Collection[str]) -> None:
    """`value` is among `allowed`."""
    if value not in allowed:
        raise UsageError(f"{option}: {value!r}; expected one of {', '.join(sorted(allowed))}.")


def at_least(option: str, value: int, minimum: int) -> None:
    """`value` is a whole number >= minimum."""
    if isinstance(value, bool) or not isinstance(value, int) or value < minimum:
        raise UsageError(f"{option}: {value!r}; expected a whole number >= {minimum}.")


def noise_scale(option: str, value: float) -> None:
    """`value` is finite and >= 0."""
    if not (math.isfinite(value) and value >= 0):
        raise UsageError(f"{option}: {value!r}; expected a finite number >= 0 (0: no noise).")


def image_shape(option: str, shape: tuple[int, int, int]) -> None:
    """`shape` is (channels, height, width), all >= 1."""
    if len(shape) != 3 or any(isinstance(n, bool) or not isinstance(n, int) for n in shape):
        raise UsageError(f"{option}: {shape!r}; expected (channels, height, width).")
    if min(shape) < 1:
        raise UsageError(f"{option}: {shape!r}; expected channels, height and width >= 1.")


def patch_fits(shape: tuple[int, int, int], patch: int) -> None:
    """Height and width are multiples of the patch side."""
    at_least("patch", patch, 1)
    if shape[1] % patch or shape[2] % patch:
        raise UsageError(
            f"patch: {patch} does not divide an image of {shape[1]} x {shape[2]} pixels. "
            "Choose a patch that divides both sides, or pad the images."
        )


def normalisation(value: str, allowed: Collection[str]) -> None:
    """A normalisation that looks at one record at a time.

    Raises:
      NotPrivate: it mixes records, so that one record would change the gradients of others.
      UsageError: it is unknown.
    """
    if value.lower().replace("_", "-") in MIXES_RECORDS:
        raise NotPrivate(
            f"norm: {value!r} computes statistics over the records of a batch, so one record "
            f"changes every other's gradient and clipping bounds nothing. "
            f"Choose one of {', '.join(sorted(allowed))}."
        )
    one_of("norm", value, allowed)
