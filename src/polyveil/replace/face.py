# SPDX-License-Identifier: Apache-2.0
"""Replaces a face by that of a persona who does not exist.

What is carried over from the face that goes: where its head points, seven tenths of the coarse line
of its jaw, how far its mouth and eyes are open, the light in twelve numbers, most of them rounded.
No pixel inside of it is copied.
What stays: hair, ears, neck, clothes, background.
"""

from __future__ import annotations

from dataclasses import dataclass

import cv2
import numpy as np
from numpy.typing import NDArray

from polyveil.records.finding import Face
from polyveil.replace import blend, light
from polyveil.replace.arrays import Array, f32
from polyveil.replace.expression import Expression
from polyveil.replace.face_model import FRAME, GRID, WIDTH, Cast, bend, cast, fine_enough, shipped
from polyveil.replace.persona import Persona
from polyveil.replace.replacement import Replacement
from polyveil.replace.warp import Pose, fit_pose, invert

OPEN = 3.0
"""Gap between the lips, in pixels of the frontal frame, from which on a mouth counts as open."""
JAW = 0.7
"""How far a persona's jaw follows the one that goes: enough to meet the neck, no portrait of it."""
MARGIN = 0.02
"""How much farther than both faces the replaced part reaches: temples, spectacle arms, jaw."""
LARGEST = 288.0
"""Width in pixels beyond which a face is made at this size and enlarged."""


@dataclass(frozen=True, slots=True)
class Site:
    """Geometry of one replacement, in pixels of a crop.

    Attributes:
      knots: float32 (78, 2), where the texture's knots go.
      forward: float32 (GRID, GRID, 2), where the texture's grid goes.
      depth: float32 (GRID, GRID).
      border: float32 (n, 2), closed curve around what is replaced.
      brow: float32 (3,): a point p is above the brows of both faces where p . brow[:2] > brow[2].
      width: of the face, pixels.
    """

    knots: Array
    forward: Array
    depth: Array
    border: Array
    brow: Array
    width: float


class ModelReplacer:
    """The embedded faces of nobody."""

    name = "model"
    weak = False
    warning = ""

    def replace(self, pixels: NDArray[np.uint8], face: Face, persona: Persona) -> Replacement:
        outline = landmarks(face)
        pose = fit_pose(outline, shipped().knots[:68])
        mouth = Expression.of(pose.lift(outline, shipped().knots[:68])).mouth
        window, scale = frame(outline, pixels.shape[:2])
        size = fine_enough(_width(outline) * scale)
        who = cast(persona.face_seed, wishes(persona, face), speaking=mouth > OPEN, size=size)
        if window is None:
            return Replacement(pixels.copy(), np.zeros(pixels.shape[:2], bool), {})
        left, top, right, bottom = window
        crop = pixels[top:bottom, left:right]
        if scale < 1:
            small = cv2.resize(crop, None, fx=scale, fy=scale, interpolation=cv2.INTER_AREA)
            crop = np.asarray(small, np.uint8)
        factor = f32([crop.shape[1] / (right - left), crop.shape[0] / (bottom - top)])
        seen = (outline - f32([left, top]) + 0.5) * factor - 0.5
        site = place(f32(seen), who)
        old = light.to_lab(crop)
        new, alpha = render(old, site, who, observe(old, site), persona.face_seed)
        if scale < 1:
            whole = (right - left, bottom - top)
            new = f32(cv2.resize(new, whole, interpolation=cv2.INTER_CUBIC))
            alpha = f32(np.clip(cv2.resize(alpha, whole, interpolation=cv2.INTER_LINEAR), 0, 1))
        return _paste(pixels, window, light.to_rgb(new), alpha, who)


def landmarks(face: Face) -> Array:
    """The 68 landmarks: the detector's, or those of a mean head turned to its five points."""
    if face.outline is not None:
        return face.outline.astype(np.float32)
    head = shipped().knots[:68]
    five = np.stack([head[36:42].mean(0), head[42:48].mean(0), head[30], head[48], head[54]])
    centre3, centre2 = five.mean(0), face.points.mean(0)
    camera = np.linalg.lstsq(five - centre3, face.points - centre2, rcond=0.05)[0].T
    u, singular, vt = np.linalg.svd(camera, full_matrices=False)
    rows = u @ vt
    rotation = np.vstack([rows, np.cross(rows[0], rows[1])]).astype(np.float32)
    scale = float(singular[0])
    shift = (centre2 - scale * rows @ centre3).astype(np.float32)
    return Pose(rotation, scale, shift).project(head)


def wishes(persona: Persona, face: Face) -> dict[str, str]:
    """Facets that the stand-in should show, most important first."""
    wanted: dict[str, str] = {}
    for facet in ("glasses", "sex", "age", "beard"):
        told = {"sex": persona.sex, "age": persona.age}.get(facet) or persona.facets.get(facet)
        value = told or face.likely(facet) or {"glasses": "none", "beard": "none"}.get(facet)
        if value:
            wanted[facet] = "glasses" if value == "sunglasses" else value
    return wanted


def frame(outline: Array, size: tuple[int, ...]) -> tuple[tuple[int, int, int, int] | None, float]:
    """The part of the picture to work on and the factor at which to work on it."""
    low, high = outline.min(0), outline.max(0)
    extent = float(max(high - low))
    low = low - [0.2 * extent, 0.55 * extent]
    high = high + 0.2 * extent
    left, top = (int(max(0, np.floor(v))) for v in low)
    right, bottom = (int(min(size[1 - k], np.ceil(high[k]))) for k in (0, 1))
    if right - left < 2 or bottom - top < 2:
        return None, 1.0
    return (left, top, right, bottom), min(1.0, LARGEST / extent)


def place(seen: Array, who: Cast) -> Site:
    """Where the persona's face goes, from the landmarks `seen` (68, 2) of the one that goes."""
    mean = shipped().knots
    pose = fit_pose(seen, mean[:68])
    shown = Expression.of(pose.lift(seen, mean[:68]))
    head = shown.on(who.head)
    own = pose.project(head)
    own[17:] += (seen[17:48] - own[17:48]).mean(0)
    own[:17] = _jaw(own[:17], seen[:17])
    extra = pose.project(mean[68:])
    extra += (own[17:27] - pose.project(mean[17:27])).mean(0)
    knots = np.vstack([own, extra]).astype(np.float32)
    near = np.concatenate([pose.depth(head), pose.depth(mean[68:])])
    grid = (bend() @ np.column_stack([knots, near]).astype(np.float32)).reshape(GRID, GRID, 3)
    forward, depth = np.ascontiguousarray(grid[..., :2]), np.ascontiguousarray(grid[..., 2])
    width = _width(knots)
    # All of both faces: on a turned head the nose leaves the line from jaw to hair.
    inner = np.vstack([own[17:], seen[17:]])
    inner = inner + (inner - inner.mean(0)) * np.float32(0.15)
    everything = np.vstack([knots[:17], knots[68:75], inner, seen[:17]])
    everything = everything + (everything - everything.mean(0)) * np.float32(MARGIN)
    border = f32(cv2.convexHull(everything)[:, 0])
    up = knots[17:27].mean(0) - knots[48:60].mean(0)
    up = up / max(float(np.linalg.norm(up)), 1e-6)
    top = max(float((points[17:27] @ up).max()) for points in (own, seen))
    brow = np.array([*up, top + 0.035 * width], np.float32)
    return Site(knots, forward, depth, border, brow, width)


def _width(points: Array) -> float:
    """Of a face in pixels, from its landmarks; its height where it is turned away."""
    across, down = points[0] - points[16], points[8] - points[27]
    return max(float(np.linalg.norm(across)), float(np.linalg.norm(down)))


def _jaw(own: Array, seen: Array) -> Array:
    """The persona's jaw moved towards the coarse line of the one that goes."""
    t = np.linspace(-1, 1, 17)
    basis = np.polynomial.legendre.legvander(t, 4)
    # The ends, at the ears, are the least certain landmarks of all.
    weight = np.where(np.abs(t) > 0.9, 0.5, 1.0)[:, None]
    fit = np.linalg.lstsq(basis * weight, (seen - own) * weight, rcond=None)[0]
    return f32(own + np.float32(JAW) * (basis @ fit))


def observe(old: Array, site: Site) -> light.Light:
    """The light on the face in a crop `old` (h, w, 3) in Lab."""
    seen = _samples(old, site.forward, site.width)
    return light.coarse(light.measure(*seen, old[..., 0], _core(old, site)))


def _samples(picture: Array, forward: Array, width: float) -> tuple[Array, Array]:
    soft = cv2.GaussianBlur(picture, (0, 0), max(width / 24, 0.3))
    at = cv2.resize(forward, (light.GRID, light.GRID), interpolation=cv2.INTER_AREA)
    values = cv2.remap(
        soft, at[..., 0], at[..., 1], cv2.INTER_LINEAR, borderMode=cv2.BORDER_REPLICATE
    )
    height, length = picture.shape[:2]
    inside = (at[..., 0] >= 0) & (at[..., 0] < length) & (at[..., 1] >= 0) & (at[..., 1] < height)
    return f32(values), f32(light.skin() * inside)


def _core(old: Array, site: Site) -> Array:
    inner = site.border.mean(0) + (site.border - site.border.mean(0)) * np.float32(0.75)
    return blend.hull(inner, old.shape[:2])


def render(
    old: Array, site: Site, who: Cast, wanted: light.Light, seed: int
) -> tuple[Array, Array]:
    """The stand-in in its place: Lab (h, w, 3) and alpha (h, w).

    What is hidden of the old face is blanked before anything reads it.
    """
    size = old.shape[:2]
    back, reached = invert(site.forward, site.depth, size)
    plain = light.expected(wanted, back)
    solid, above = cover(site, size, reached)
    old, hidden = old.copy(), (solid >= 1) & (above <= 0)
    old[hidden] = plain[hidden]
    new = _bent(light.relight(who.texture, who.light, wanted), back, site.width)
    new = light.temper(new, plain)
    # Beyond its own jaw an exemplar shows its own background.
    own = blend.hull(f32(cv2.convexHull(site.knots[[*range(17), *range(68, 75)]])[:, 0]), size)
    own = f32(cv2.GaussianBlur(own, (0, 0), max(0.015 * site.width, 0.5)))
    new = plain + (new - plain) * own[..., None]
    core = _core(old, site)
    sigma = light.soften(new[..., 0], core, wanted.detail)
    if sigma:
        new = f32(cv2.GaussianBlur(new, (0, 0), sigma))
    if wanted.grain > 0:
        draw = np.random.Generator(np.random.PCG64(seed % 2**64))
        new[..., 0] += draw.standard_normal(size, np.float32) * np.float32(0.8 * wanted.grain)
    alpha = solid * (1 - above * (1 - _bare(old, new, plain, site.width)))
    new = new + blend.seam(new, old, f32(alpha), site.width * 0.12)
    return old + (new - old) * alpha[..., None], f32(alpha)


def _bent(texture: Array, back: Array, width: float) -> Array:
    """The texture sampled where `back` says; averaged first if it comes out smaller."""
    size = len(texture)
    ratio = width / WIDTH * FRAME / size
    if ratio < 0.8:
        texture = f32(cv2.GaussianBlur(texture, (0, 0), 0.45 / max(ratio, 0.02)))
    at = back * np.float32(size) - np.float32(0.5)
    return f32(
        cv2.remap(texture, at[..., 0], at[..., 1], cv2.INTER_CUBIC, borderMode=cv2.BORDER_REPLICATE)
    )


def cover(site: Site, size: tuple[int, int], reached: Array) -> tuple[Array, Array]:
    """How much of each pixel the stand-in takes, and how far above the brows (0 to 1) it lies.

    Both are geometry alone: soft towards the jaw and the hairline.
    """
    solid = blend.hull(site.border, size)
    alpha = blend.feather(solid, 0.09 * site.width) * np.clip(reached * 2 - 0.5, 0, 1)
    y, x = np.mgrid[0 : size[0], 0 : size[1]].astype(np.float32)
    height = x * site.brow[0] + y * site.brow[1] - site.brow[2]
    return f32(alpha), f32(np.clip(height / (0.07 * site.width), 0, 1))


def _bare(old: Array, new: Array, plain: Array, width: float) -> Array:
    """Where both pictures show skin: above the brows, hair and hats stay as they are."""
    # Creases are thin: blurred away, a furrowed forehead is skin and goes as a whole.
    smooth = f32(cv2.GaussianBlur(old, (0, 0), max(0.035 * width, 0.5)))
    like = np.minimum(light.likeness(smooth, plain), light.likeness(new, plain))
    return f32(cv2.GaussianBlur(like, (0, 0), max(0.02 * width, 0.5)))


def _paste(
    pixels: NDArray[np.uint8],
    window: tuple[int, int, int, int],
    rgb: Array,
    alpha: Array,
    who: Cast,
) -> Replacement:
    left, top, right, bottom = window
    out, mask = pixels.copy(), np.zeros(pixels.shape[:2], bool)
    touched = alpha > 1 / 512
    mask[top:bottom, left:right] = touched
    if pixels.ndim == 2:
        values: Array = rgb @ f32([0.299, 0.587, 0.114])
    else:
        values = rgb
        crop = pixels[top:bottom, left:right, :3]
        if (crop[..., 0] == crop[..., 1]).all() and (crop[..., 1] == crop[..., 2]).all():
            values = np.repeat((rgb @ f32([0.299, 0.587, 0.114]))[..., None], 3, 2)
    target = out[top:bottom, left:right]
    done = np.clip(np.round(values), 0, 255).astype(np.uint8)
    if pixels.ndim == 2:
        target[touched] = done[touched]
    else:
        target[..., :3][touched] = done[touched]
    return Replacement(out, mask, dict(who.facets))
