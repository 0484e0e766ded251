# SPDX-License-Identifier: Apache-2.0
"""The embedded faces of nobody: exemplars bent to one shape, and how a persona is mixed from them.

A stand-in takes its fine detail from one exemplar, so that it is sharp, and its shape and shading
from several, so that it is none of them. Which ones is decided by the persona's seed alone, within
its sex, age, glasses and beard: never by what the replaced face looks like.

The file is safetensors: eight bytes of length, a JSON header, raw numbers. Pictures in it are WebP.
"""

from __future__ import annotations

import json
from dataclasses import dataclass
from functools import cache, lru_cache
from pathlib import Path

import cv2
import numpy as np
from numpy.typing import NDArray

from polyveil._weights import checked
from polyveil.errors import WeightsError
from polyveil.replace import light
from polyveil.replace.arrays import Array, f32
from polyveil.replace.warp import MIRRORED, spline

FRAME = 192
WIDTH = 136.0
"""Of the mean face in the frame, from ear to ear."""
GRID = 65
LEAD, MOUTH = 1, 2
LOW = 48
SIZES = (96, 128, 144, FRAME)
"""Sides at which a texture is worked on: small faces need no large ones."""
MIX = 4
"""Exemplars that a face is mixed from."""
BORROWED = 0.45
"""Share of shape and shading that comes from others than the dominant one."""
EVENED = (0.4, 0.65, 0.65)
"""How much of its exemplar's patchy light a face loses, in L*, a*, b*."""
FEWEST = 4
"""A wish that fewer exemplars fulfil is not granted: too few faces for many people."""
STIFFNESS = 1e-3
KNOTS: NDArray[np.intp] = np.array([k for k in range(78) if k not in (60, 64)])
"""Knots of the spline. The inner corners of the mouth touch the outer ones and would fold it."""
FILE = "face_model.safetensors"
_TYPES = {"F32": np.float32, "F16": np.float16, "U8": np.uint8, "I64": np.int64, "I8": np.int8}


@dataclass(frozen=True, slots=True)
class Cast:
    """The face that a persona wears, before pose and light.

    Attributes:
      texture: float32 (n, n, 3), CIE Lab, bent to the mean shape; it fills the frame.
      head: float32 (68, 3), landmarks in the frontal frame.
      facets: what the face shows, facet -> value.
      light: under which the texture was taken.
      exemplars: indices of the exemplars that it was mixed from, the dominant one first.
    """

    texture: Array
    head: Array
    facets: dict[str, str]
    light: light.Light
    exemplars: tuple[int, ...]


@dataclass(frozen=True, eq=False)
class FaceModel:
    """What the weight file holds.

    Attributes:
      knots: float32 (78, 3), the mean head: 68 landmarks, seven knots at the hairline, three below.
      heads: float32 (n, 68, 3), every exemplar's landmarks in the frontal frame.
      labels: facet -> value of every exemplar.
      lights: float32 (n, 13), the light that each texture was taken under.
      roles: int8 (n,): LEAD, a closed mouth under even light and a free forehead; MOUTH, an open
        mouth that stands in where the lead's is closed.
    """

    knots: Array
    heads: Array
    labels: dict[str, list[str]]
    roles: NDArray[np.int8]
    lights: Array
    images: NDArray[np.uint8]
    offsets: NDArray[np.int64]

    def texture(self, index: int, size: int = FRAME) -> Array:
        """float32 Lab (size, size, 3) of one exemplar."""
        picture = self._picture(index)
        if size < FRAME:
            small = cv2.resize(picture, (size, size), interpolation=cv2.INTER_AREA)
            picture = np.asarray(small, np.uint8)
        return _lab(picture)

    @lru_cache(maxsize=256)  # noqa: B019 (there is one model, and it stays)
    def shading(self, index: int) -> Array:
        """float32 Lab (LOW, LOW, 3) of one exemplar, blurred."""
        small = cv2.resize(self._picture(index), (LOW, LOW), interpolation=cv2.INTER_AREA)
        return np.asarray(cv2.GaussianBlur(_lab(f32(small)), (0, 0), 2.5), np.float32)

    @lru_cache(maxsize=256)  # noqa: B019
    def _picture(self, index: int) -> NDArray[np.uint8]:
        raw = self.images[self.offsets[index] : self.offsets[index + 1]]
        picture = cv2.imdecode(raw, cv2.IMREAD_COLOR)
        if picture is None:
            raise WeightsError(f"weights/{FILE} holds a picture that cannot be decoded.")
        return np.asarray(picture, np.uint8)


def read(source: bytes) -> tuple[dict[str, NDArray[np.generic]], dict[str, str]]:
    """Tensors and metadata of a safetensors file.

    Raises:
      WeightsError: it is not one, or an offset points outside of it.
    """
    try:
        length = int.from_bytes(source[:8], "little")
        header = json.loads(source[8 : 8 + length])
        body = memoryview(source)[8 + length :]
        notes: dict[str, str] = header.pop("__metadata__", {})
        tensors: dict[str, NDArray[np.generic]] = {}
        for name, entry in header.items():
            first, last = entry["data_offsets"]
            if not 0 <= first <= last <= len(body):
                raise ValueError(f"offsets {first}-{last} of {name} lie outside of the file")
            flat = np.frombuffer(body[first:last], dtype=_TYPES[entry["dtype"]])
            tensors[name] = flat.reshape(entry["shape"])
    except (ValueError, KeyError, TypeError) as error:
        raise WeightsError(f"not a readable safetensors file: {error}") from error
    return tensors, notes


def pack(tensors: dict[str, NDArray[np.generic]], notes: dict[str, str]) -> bytes:
    """The inverse of `read`, for the script that makes the file."""
    names = {np.dtype(kind): name for name, kind in _TYPES.items()}
    header: dict[str, object] = {"__metadata__": notes}
    body, at = [], 0
    for name, tensor in tensors.items():
        raw = np.ascontiguousarray(tensor).tobytes()
        header[name] = {
            "dtype": names[tensor.dtype],
            "shape": list(tensor.shape),
            "data_offsets": [at, at + len(raw)],
        }
        body.append(raw)
        at += len(raw)
    text = json.dumps(header).encode()
    text += b" " * (-len(text) % 8)
    return len(text).to_bytes(8, "little") + text + b"".join(body)


def load(path: Path) -> FaceModel:
    """A face model from a file that was already checked."""
    tensors, notes = read(path.read_bytes())
    values = json.loads(notes["values"])
    codes = tensors["labels"].astype(int)
    labels = {
        facet: [names[code] for code in codes[:, column]]
        for column, (facet, names) in enumerate(values.items())
    }
    return FaceModel(
        knots=tensors["knots"].astype(np.float32),
        heads=tensors["heads"].astype(np.float32),
        labels=labels,
        roles=tensors["roles"].astype(np.int8),
        lights=tensors["lights"].astype(np.float32),
        images=tensors["images"].astype(np.uint8),
        offsets=tensors["offsets"].astype(np.int64),
    )


@cache
def shipped() -> FaceModel:
    """The face model that comes with the package.

    Raises:
      WeightsError: the file is missing or not the one that was signed off.
    """
    return load(checked(FILE))


def canonical_knots(knots: Array) -> Array:
    """Where the knots (78, 3) lie in the texture: frontal, the mouth a little open.

    Lips that part leave room for the teeth of those exemplars that show them.
    """
    flat = knots[:, :2].copy()
    flat[[61, 62, 63], 1] -= 1.5
    flat[[65, 66, 67], 1] += 5
    flat[[56, 57, 58], 1] += 5
    flat[[55, 59], 1] += 2.5
    return flat


@cache
def bend() -> Array:
    """float32 (GRID * GRID, 78): positions of the texture's grid from positions of the knots."""
    axis = (np.arange(GRID, dtype=np.float32) + np.float32(0.5)) / GRID * FRAME - np.float32(0.5)
    x, y = np.meshgrid(axis, axis)
    flat = canonical_knots(shipped().knots)
    matrix = np.zeros((GRID * GRID, len(flat)), np.float32)
    matrix[:, KNOTS] = spline(
        flat[KNOTS], np.column_stack([x.ravel(), y.ravel()]), stiffness=STIFFNESS
    )
    return matrix


def order(seed: int, count: int) -> NDArray[np.intp]:
    """The seed's own ranking of all exemplars; leaving some out does not reorder the others."""
    with np.errstate(over="ignore"):
        value = np.arange(count, dtype=np.uint64) * np.uint64(0x9E3779B97F4A7C15)
        value ^= np.uint64(seed % 2**64)
        for shift, factor in ((30, 0xBF58476D1CE4E5B9), (27, 0x94D049BB133111EB)):
            value = (value ^ (value >> np.uint64(shift))) * np.uint64(factor)
        value ^= value >> np.uint64(31)
    return np.argsort(value, kind="stable")


def fine_enough(width: float) -> int:
    """The smallest side of a texture that shows all of a face `width` pixels wide."""
    needed = 0.95 * width * FRAME / WIDTH
    return next((size for size in SIZES if size >= needed), FRAME)


def cast(seed: int, wanted: dict[str, str], *, speaking: bool = False, size: int = FRAME) -> Cast:
    """The face of a persona. The seed also decides whether the face is mirrored.

    Args:
      seed: the persona's.
      wanted: facet -> value, most important first; a facet that too few exemplars satisfy together
        with those before it is left out.
      speaking: the mouth is open; its inside comes from an exemplar whose mouth is.
      size: side of the texture, one of `SIZES`.
    """
    model = shipped()
    ranking = order(seed, len(model.heads))
    chosen = [int(i) for i in _narrow(model, ranking[model.roles[ranking] == LEAD], wanted)[:MIX]]
    first, rest = chosen[0], chosen[1:]
    texture, head = _mixed(model, first, tuple(rest), size)
    facets = {facet: values[first] for facet, values in model.labels.items()}
    facets["expression"] = "neutral"
    lit = light.unpack(model.lights[first])
    if speaking:
        same = {facet: facets[facet] for facet in ("sex", "age", "beard") if facets.get(facet)}
        donor = int(_narrow(model, ranking[model.roles[ranking] == MOUTH], same)[0])
        chosen.append(donor)
        texture, head = _with_mouth(model, texture, head, first, donor)
        facets["expression"] = "smiling"
    if seed >> 7 & 1:
        texture = texture[:, ::-1]
        head = head[MIRRORED] * f32([-1, 1, 1]) + f32([FRAME - 1, 0, 0])
        lit = lit.mirrored()
    facets = {facet: value for facet, value in facets.items() if value}
    return Cast(np.ascontiguousarray(texture), head.astype(np.float32), facets, lit, tuple(chosen))


def _narrow(model: FaceModel, ranked: NDArray[np.intp], wanted: dict[str, str]) -> NDArray[np.intp]:
    for facet, value in wanted.items():
        labels = model.labels.get(facet)
        if labels is None:
            continue
        fitting = ranked[[labels[i] in (value, "") for i in ranked]]
        if len(fitting) >= FEWEST:
            ranked = fitting
    return ranked


@lru_cache(maxsize=16)
def _mixed(model: FaceModel, first: int, rest: tuple[int, ...], size: int) -> tuple[Array, Array]:
    """Fine detail of one exemplar, shape and shading shared with the others."""
    texture, head = model.texture(first, size), model.heads[first]
    if not rest:
        return texture, head
    share = np.float32(BORROWED / len(rest))
    own = light.unpack(model.lights[first])
    low = _low(texture)
    borrowed = _evened(low, own)
    for other in rest:
        # Its shading, under the lead's light: not how bright or how coloured it is.
        fitted = light.relight(model.shading(other), light.unpack(model.lights[other]), own)
        borrowed += share * np.clip(fitted - low, -9, 9)
        head = head + share * (model.heads[other] - model.heads[first])
    spread = cv2.resize(borrowed, (size, size), interpolation=cv2.INTER_CUBIC)
    return texture + spread, head.astype(np.float32)


def _evened(low: Array, own: light.Light) -> Array:
    """What takes the patches out of shading `low`: side lamps and coloured reflexes of the
    exemplar's own scene, which no polynomial describes. Eyes and mouth keep their colours."""
    axis = (np.arange(LOW, dtype=np.float32) + np.float32(0.5)) / LOW
    plain = light.expected(own, f32(np.dstack(np.meshgrid(axis, axis))))
    skin = f32(cv2.resize(light.skin(), (LOW, LOW), interpolation=cv2.INTER_LINEAR))
    reach = cv2.GaussianBlur(skin, (0, 0), 2.5)[..., None]
    patches = cv2.GaussianBlur((low - plain) * skin[..., None], (0, 0), 2.5) / (reach + 0.15)
    return f32(np.clip(-patches * f32(EVENED) * np.minimum(1.3 * reach, 1), -12, 12))


def _with_mouth(
    model: FaceModel, texture: Array, head: Array, first: int, donor: int
) -> tuple[Array, Array]:
    """The lower face with the donor's open mouth, under the lead's light."""
    size = len(texture)
    fitted = light.relight(
        model.texture(donor, size),
        light.unpack(model.lights[donor]),
        light.unpack(model.lights[first]),
    )
    donor_head = model.heads[donor]
    alpha, edge = _mouth_area(size)
    # Meet the lead along the rim of the patch; the correction is smooth, so a quarter will do.
    weight = cv2.resize(edge, (LOW, LOW), interpolation=cv2.INTER_AREA)[..., None]
    gap = cv2.resize((texture - fitted) * edge[..., None], (LOW, LOW), interpolation=cv2.INTER_AREA)
    soft = cv2.GaussianBlur(weight, (0, 0), 3.5)[..., None] + 1e-4
    gap = cv2.GaussianBlur(gap, (0, 0), 3.5) / soft
    fitted = fitted + cv2.resize(gap, (size, size), interpolation=cv2.INTER_LINEAR)
    # Teeth under the donor's lamp are not lamps under this one.
    high, low, left, right = (k * size // FRAME for k in (110, 126, 60, 76))
    limit = np.float32(np.median(texture[high:low, left:right, 0])) + 9
    over = np.maximum(fitted[..., 0] - limit, 0)
    fitted[..., 0] -= over - 14 * over / (over + 14)
    moved = head.copy()
    moved[48:68] = donor_head[48:68] - donor_head[33] + head[33]
    out = texture + (fitted - texture) * alpha[..., None]
    return out.astype(np.float32), moved


@cache
def _mouth_area(size: int) -> tuple[Array, Array]:
    """Alpha (size, size) of the patch around the mouth, and its rim."""
    flat = canonical_knots(shipped().knots)
    centre, wide = flat[48:60].mean(0), flat[54, 0] - flat[48, 0]
    y, x = np.mgrid[0:size, 0:size].astype(np.float32) * np.float32(FRAME / size)
    far = np.hypot((x - centre[0]) / (0.82 * wide), (y - centre[1]) / (0.56 * wide))
    t = np.clip((1.15 - far) / 0.5, 0, 1)
    alpha = (t * t * (3 - 2 * t)).astype(np.float32)
    return alpha, 4 * alpha * (1 - alpha)


def _low(texture: Array) -> Array:
    small = cv2.resize(texture, (LOW, LOW), interpolation=cv2.INTER_AREA)
    return np.asarray(cv2.GaussianBlur(small, (0, 0), 2.5), np.float32)


def _lab(picture: NDArray[np.uint8] | Array) -> Array:
    scaled = np.multiply(picture, np.float32(1 / 255), dtype=np.float32)
    return np.asarray(cv2.cvtColor(scaled, cv2.COLOR_BGR2LAB), np.float32)
