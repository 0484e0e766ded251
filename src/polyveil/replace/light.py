# SPDX-License-Identifier: Apache-2.0
"""The light on a face, in a handful of numbers: enough to make a stand-in belong to its picture.

Light is measured as a second-order polynomial of lightness, a first-order one of the two colour
axes, and three figures for contrast, sharpness and grain. Of these, `coarse` lets twelve over from
the face that goes: first-order lightness in steps, colour, the three figures. Shading by a lamp
fits into them, eyes and noses do not.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from functools import cache
from typing import Any

import cv2
import numpy as np
from numpy.typing import NDArray

from polyveil.replace.arrays import Array, f32

GRID = 33
"""Nodes a side at which light is sampled."""
SHINE = np.float32(16)
"""Highlights are compressed towards this many L* above the skin around them."""
VIVID = np.float32(15)
"""Lips and cheeks lie within this distance of plain skin, in a* and b*."""
STEP = 4.0
"""In L*; in which lightness and contrast are carried over."""
SHARPER = 0.04
"""Step of sharpness; a sharp picture has about 0.25, a soft one half of that."""
CURVED = (-0.7, -0.1)
"""Terms u² and v² of lightness on a face that is lit from the front."""
_SIGMAS = (0.0, 0.45, 0.65, 0.9, 1.2, 1.6, 2.2, 3.0)


@dataclass(frozen=True, slots=True)
class Light:
    """Coarse light on a face, over the texture frame with u and v in [-1, 1].

    Attributes:
      lightness: float32 (6,), polynomial 1, u, v, uv, u², v² of CIE L*, in [0, 100].
      colour: float32 (2, 3), polynomials 1, u, v of a* and b*.
      contrast: robust spread of lightness around that polynomial, in L*.
      detail: sharpness: finest detail as a share of coarser detail; no unit.
      grain: standard deviation of noise in smooth parts, in L*.
    """

    lightness: Array
    colour: Array
    contrast: float
    detail: float
    grain: float

    def mirrored(self) -> Light:
        """The same light on the mirrored face."""
        sign = f32([1, -1, 1, -1, 1, 1])
        return replace(self, lightness=self.lightness * sign, colour=self.colour * sign[:3])


def to_lab(pixels: NDArray[np.uint8]) -> Array:
    """uint8 RGB (h, w, 3) or grey (h, w) -> float32 CIE Lab (h, w, 3), L* in [0, 100]."""
    if pixels.ndim == 2:
        pixels = np.repeat(pixels[..., None], 3, axis=2)
    return np.asarray(
        cv2.cvtColor(pixels[..., :3].astype(np.float32) / 255, cv2.COLOR_RGB2LAB), np.float32
    )


def to_rgb(lab: Array) -> Array:
    """float32 Lab -> float32 RGB in [0, 255], not rounded."""
    return np.clip(cv2.cvtColor(lab, cv2.COLOR_LAB2RGB), 0, 1) * np.float32(255)


def measure(samples: Array, weight: Array, fine: Array, inside: Array) -> Light:
    """The light on a face.

    Args:
      samples: float32 (g, g, 3), Lab of the blurred face on a grid over the texture frame.
      weight: float32 (g, g), how surely a node shows plain skin.
      fine: float32 (h, w), L* at the picture's own resolution around the face.
      inside: float32 (h, w), 1 on the face.
    """
    seen = weight.ravel() > 0 if (weight > 0).any() else np.ones(weight.size, bool)
    first, second = (basis[seen] for basis in _monomials(len(samples)))
    level, *colours = (samples[..., c].ravel()[seen] for c in range(3))
    lightness, trust = _robust(second, level, weight.ravel()[seen], limit=7.0)
    colour = np.stack([_ridge(first, values, trust)[:3] for values in colours])
    rest = level - second @ lightness
    contrast = float(np.sqrt((trust * rest**2).sum() / max(float(trust.sum()), 1e-6)))
    detail, grain = _texture(fine, inside)
    return Light(lightness, colour.astype(np.float32), contrast, detail, grain)


def coarse(light: Light) -> Light:
    """What may be carried over: how bright, how much brighter to one side, in steps.

    The curved terms become those of a mean face: they follow the relief of the one that goes.
    """
    c = light.lightness
    level = c[0] + (c[4] - CURVED[0]) / 4 + (c[5] - CURVED[1]) / 4
    steps = np.round(f32([level, c[1], c[2]]) / STEP) * STEP
    return replace(
        light,
        lightness=f32([*steps, 0, *CURVED]),
        contrast=round(light.contrast / STEP) * STEP,
        detail=max(1, round(light.detail / SHARPER)) * SHARPER,
    )


def of_texture(texture: Array) -> Array:
    """The light on a texture (n, n, 3) in Lab that fills the frame, as 13 numbers for `unpack`."""
    small = f32(cv2.resize(cv2.GaussianBlur(texture, (0, 0), 5.0), (GRID, GRID)))
    found = measure(small, skin(), texture[..., 0], np.zeros(texture.shape[:2], np.float32))
    return np.concatenate([found.lightness, found.colour.ravel(), [found.contrast]]).astype(
        np.float32
    )


def unpack(numbers: Array) -> Light:
    """The inverse of `of_texture`; sharpness and grain are unknown."""
    return Light(numbers[:6], numbers[6:12].reshape(2, 3), float(numbers[12]), 1.0, 0.0)


def relight(texture: Array, own: Light, wanted: Light) -> Array:
    """Lab texture (n, n, 3) under another light: its polynomial replaced, its relief scaled."""
    n = len(texture)
    old = np.clip(_plane(own.lightness, n), 6, 97)
    new = np.clip(_plane(wanted.lightness, n), 3, 95)
    # Relief follows brightness only half the way: a dark face that is lit up would burn out.
    relief = np.clip(np.sqrt((wanted.contrast + 1) / (own.contrast + 1)), 0.7, 1.15)
    gain = np.clip(np.sqrt(new / old) * np.float32(relief), 0.5, 1.2)
    rest = (texture[..., 0] - old) * gain
    # Shine is what a lamp leaves on skin, and this is another lamp.
    shine = np.maximum(rest, 0)
    lifted = new + np.minimum(rest, 0) + shine * SHINE / (shine + SHINE)
    # Bright spots bend towards white instead of being cut off there.
    over = np.maximum(lifted - 88, 0)
    lightness = np.maximum(np.minimum(lifted, 88) + over * 11.5 / (over + 11.5), 1)
    # Colour casts show less in the dark.
    fade = np.clip(lightness / 30, 0.3, 1)
    colours = [
        _recolour(texture[..., c + 1], _plane(own.colour[c], n), _plane(wanted.colour[c], n), fade)
        for c in (0, 1)
    ]
    return f32(cv2.merge([lightness, *colours]))


def _recolour(values: Array, old: Array, new: Array, fade: Array) -> Array:
    """Skin from colour `old` to `new` by a factor, so that teeth and eyes stay white; the rest by
    a difference."""
    factor = np.clip(new / np.maximum(old, 4), 0.35, 1.6)
    return f32(values * factor + (new - old * factor) * fade)


def _plane(c: Array, n: int) -> Array:
    """A polynomial of three or six coefficients over the frame, float32 (n, n)."""
    c = c.astype(np.float32)
    u = (np.arange(n, dtype=np.float32) + np.float32(0.5)) / np.float32(n / 2) - 1
    v = u[:, None]
    if len(c) == 3:
        return f32((c[0] + c[1] * u) + c[2] * v)
    return f32((c[0] + c[1] * u + c[4] * u * u) + (c[2] + c[5] * v) * v + (c[3] * v) * u)


def expected(light: Light, where: Array) -> Array:
    """Lab (h, w, 3) of plain skin at texture positions (h, w, 2) in [0, 1]."""
    u, v = where[..., 0] * 2 - 1, where[..., 1] * 2 - 1
    c = light.lightness
    plain = [np.clip(c[0] + (c[1] + c[3] * v + c[4] * u) * u + (c[2] + c[5] * v) * v, 3, 97)]
    plain += [np.clip(c[0] + c[1] * u + c[2] * v, -60, 60) for c in light.colour]
    return f32(cv2.merge(plain))


def likeness(picture: Array, plain: Array) -> Array:
    """float32 (h, w) in [0, 1]: how much like plain skin a pixel looks."""
    level, red, yellow = cv2.split(picture - plain)
    # Skin is lit brighter more often than it is shaded darker; hair and hats are darker.
    far = np.maximum(level * np.float32(0.7 / 17), level * np.float32(-1 / 17))
    far += (np.abs(red) + np.abs(yellow)) / 26
    return f32(np.clip(1.8 - far, 0, 1))


def temper(picture: Array, plain: Array) -> Array:
    """`picture` with no colour farther from plain skin than VIVID: dyed hair, neon, make-up."""
    level, *colours = cv2.split(picture)
    bases = cv2.split(plain)[1:]
    gaps = [colour - base for colour, base in zip(colours, bases, strict=True)]
    share = np.minimum(1, VIVID / np.maximum(cv2.magnitude(*gaps), np.float32(1e-3)))
    kept = [base + gap * share for base, gap in zip(bases, gaps, strict=True)]
    return f32(cv2.merge([level, *kept]))


def soften(lightness: Array, inside: Array, detail: float) -> float:
    """The blur, in pixels, after which `lightness` is no sharper than `detail`."""
    lightness, inside = _close(lightness, inside)
    for sigma in _SIGMAS:
        soft = f32(cv2.GaussianBlur(lightness, (0, 0), sigma)) if sigma else lightness
        if _detail(soft, inside > 0.9) <= detail * 1.05:
            return sigma
    return _SIGMAS[-1]


def _texture(lightness: Array, inside: Array) -> tuple[float, float]:
    """Sharpness, finest detail over coarser detail; and the deviation of noise in calm parts."""
    lightness, inside = _close(lightness, inside)
    chosen = inside > 0.9
    if min(lightness.shape) < 5 or chosen.sum() < 20:
        return 1.0, 0.0
    fine = f32(cv2.absdiff(lightness, cv2.GaussianBlur(lightness, (0, 0), 0.8)))
    local = cv2.blur(fine, (5, 5))[chosen]
    # The calmest tenth of the face is skin; 0.5 turns this mean into a deviation of white noise.
    return _detail(lightness, chosen), float(np.percentile(local, 10)) / 0.5


def _detail(lightness: Array, chosen: NDArray[np.bool_]) -> float:
    """Finest detail over coarser detail."""
    if min(lightness.shape) < 5 or chosen.sum() < 20:
        return 1.0
    area = chosen.astype(np.uint8)
    fine = cv2.absdiff(lightness, cv2.GaussianBlur(lightness, (0, 0), 0.8))
    coarse = cv2.absdiff(lightness, cv2.GaussianBlur(lightness, (0, 0), 3.2))
    return float(cv2.mean(fine, area)[0] / max(cv2.mean(coarse, area)[0], 1e-3))


def _close(lightness: Array, inside: Array) -> tuple[Array, Array]:
    """Both cut to what is inside, with a margin for the filters."""
    x, y, width, height = cv2.boundingRect((inside > 0.9).astype(np.uint8))
    if not width:
        return lightness, inside
    rows, columns = slice(max(y - 6, 0), y + height + 6), slice(max(x - 6, 0), x + width + 6)
    return np.ascontiguousarray(lightness[rows, columns]), inside[rows, columns]


@cache
def skin() -> Array:
    """float32 (GRID, GRID): how surely a place of the texture is plain skin, in any face.

    The frame's eyes, brows, nostrils and mouth are left out; beards live low and fringes high, so
    those parts count less.
    """
    axis = (np.arange(GRID) + 0.5) / GRID
    x, y = np.meshgrid(axis, axis)

    def disc(cx: float, cy: float, rx: float, ry: float) -> NDArray[np.bool_]:
        return np.asarray(((x - cx) / rx) ** 2 + ((y - cy) / ry) ** 2 < 1, np.bool_)

    face = disc(0.5, 0.50, 0.31, 0.42)
    for cx in (0.34, 0.66):
        face &= ~disc(cx, 0.385, 0.13, 0.085)
    face &= ~disc(0.5, 0.76, 0.17, 0.085) & ~disc(0.5, 0.625, 0.09, 0.05)
    return np.where(face, np.where((y < 0.27) | (y > 0.8), 0.35, 1.0), 0.0).astype(np.float32)


@cache
def _monomials(n: int) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    axis = (np.arange(n) + 0.5) / n * 2 - 1
    u, v = (plane.ravel() for plane in np.meshgrid(axis, axis))
    first = np.column_stack([np.ones_like(u), u, v])
    return first, np.column_stack([first, u * v, u * u, v * v])


def _ridge(
    basis: NDArray[np.float64], values: Array, weight: NDArray[np.floating[Any]]
) -> NDArray[np.float64]:
    penalty = np.full(basis.shape[1], 0.02)
    penalty[0], penalty[3:] = 0.0, 0.06
    weighted = basis * weight[:, None]
    system = weighted.T @ basis + np.diag(penalty) * max(float(weight.sum()), 1e-6)
    system[0, 0] += 1e-9
    return np.asarray(np.linalg.solve(system, weighted.T @ values), np.float64)


def _robust(
    basis: NDArray[np.float64], values: Array, weight: Array, *, limit: float
) -> tuple[Array, NDArray[np.floating[Any]]]:
    """Reweighted least squares: hair, glasses and hands are outliers, not light."""
    prior = weight.astype(np.float64)
    start = float(np.median(values[weight > 0.5])) if (weight > 0.5).any() else float(values.mean())
    trust: NDArray[np.float64] = prior / (
        1 + ((values.astype(np.float64) - start) / (3 * limit)) ** 2
    )
    for _ in range(6):
        fit = _ridge(basis, values, trust)
        rest = np.asarray(values - basis @ fit, np.float64)
        trust = prior / (1 + (rest / limit) ** 2) ** 2
    return _ridge(basis, values, trust).astype(np.float32), trust
