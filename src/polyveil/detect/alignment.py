# SPDX-License-Identifier: Apache-2.0
"""Image-text alignment: is this face the person that the words describe?

Two encoders share one space, as in CLIP, with a sigmoid per pair: a small convolutional one for a
head with its hair (96 x 96), and a bag of hashed n-grams with two layers for any phrase. Beside the
embedding the image side says P(value | head) for every facet of a head, temperatures fitted on
pictures that training never saw. What it reads of sex and age is how a picture looks to an
annotator, never what a person is.

Source: Radford et al., ICML 2021 (CLIP), https://arxiv.org/abs/2103.00020; Zhai et al., ICCV 2023
(SigLIP, sigmoid per pair), https://arxiv.org/abs/2303.15343. Weights: `training/alignment.py`.
"""

from __future__ import annotations

import dataclasses
import math
from collections.abc import Mapping, Sequence
from functools import cached_property
from typing import TYPE_CHECKING, Any

import cv2
import numpy as np
from numpy.typing import NDArray

from polyveil import _weights
from polyveil.detect import facet_text
from polyveil.detect.clothes import dressed
from polyveil.records.facets import FACE_FACETS
from polyveil.records.finding import Face

if TYPE_CHECKING:
    import onnxruntime

HEAD = 96
"""Side of the square that the image encoder reads, in pixels."""

_REACH = 1.8
# A head with its hair and collar, in heights of the face box; eyes-to-mouth centre lies at CENTRE.
_CENTRE = (0.5, 0.575)
_EYES_TO_MOUTH = 0.233
_NEUTRAL = 0.5
"""Agreement where the words say nothing that a head shows."""

_CHUNK = 32


def head_transform(face: Face) -> NDArray[np.float64]:
    """Affine map (2, 3) from the picture's pixels to the unit square of the head.

    Roll and place follow the five points, size the mean of points and box; a detector without
    points, or points that contradict the box (a profile, a wrong guess), leave the box alone.
    """
    box, points = face.box, np.asarray(face.points, np.float64)
    size, angle = _REACH * max(box.height, box.width, 1.0), 0.0
    middle = np.array([(box.left + box.right) / 2, box.top + 0.55 * box.height])
    if points.shape == (5, 2) and np.isfinite(points).all():
        eyes, mouth = points[:2].mean(axis=0), points[3:].mean(axis=0)
        down = mouth - eyes
        along = points[1] - points[0] + points[4] - points[3]
        # Both directions vote: in a profile the eyes fall together and only `down` is left.
        upright = down + np.array([-along[1], along[0]]) / 2
        reach = float(np.linalg.norm(down)) / _EYES_TO_MOUTH
        if 0.6 * size < reach < 1.6 * size:
            size, middle = float(np.sqrt(size * reach)), (eyes + mouth) / 2
            angle = float(np.arctan2(-upright[0], upright[1]))
    cosine, sine = np.cos(angle) / size, np.sin(angle) / size
    turn = np.array([[cosine, sine], [-sine, cosine]])
    return np.hstack([turn, (np.array(_CENTRE) - turn @ middle)[:, None]])


def head(
    pixels: NDArray[np.uint8], face: Face, *, side: int = HEAD, zoom: float = 1.0
) -> NDArray[np.uint8]:
    """The head of a face, uint8 (side, side, 3) RGB, upright; beyond the picture its edge goes on.

    `zoom` below 1 shows more of the surroundings (training cuts its own jitter out of that).
    """
    unit = head_transform(face)
    unit[:, 2] += (0.5 / zoom - 0.5) if zoom != 1.0 else 0.0
    matrix = unit * (side * zoom)
    # Averaging needs a picture that is not much larger than the target: shrink by area first.
    shrink = 1.0 / (np.linalg.norm(matrix[:, 0]) + 1e-9)
    source: NDArray[Any] = pixels
    if shrink > 2.0:
        left, top, right, bottom = _bounds(matrix, side, pixels.shape)
        part = pixels[top:bottom, left:right]
        small = (max(1, round(part.shape[1] / shrink)), max(1, round(part.shape[0] / shrink)))
        source = cv2.resize(part, small, interpolation=cv2.INTER_AREA)
        across, along = part.shape[1] / small[0], part.shape[0] / small[1]
        matrix = np.column_stack(
            [matrix[:, 0] * across, matrix[:, 1] * along, matrix @ np.array([left, top, 1.0])]
        )
    cut = cv2.warpAffine(
        source, matrix, (side, side), flags=cv2.INTER_LINEAR, borderMode=cv2.BORDER_REPLICATE
    )
    if cut.ndim == 2:
        cut = np.repeat(cut[:, :, None], 3, axis=2)
    return np.ascontiguousarray(cut[:, :, :3], np.uint8)


def _bounds(
    matrix: NDArray[np.float64], side: int, shape: tuple[int, ...]
) -> tuple[int, int, int, int]:
    """The part of the picture that the head's square covers, with a margin, never empty."""
    back = cv2.invertAffineTransform(matrix)
    corners = np.array([[0, 0, 1], [side, 0, 1], [0, side, 1], [side, side, 1]]) @ back.T
    (left, top), (right, bottom) = corners.min(axis=0) - 4, corners.max(axis=0) + 4
    left, top = int(np.clip(left, 0, shape[1] - 1)), int(np.clip(top, 0, shape[0] - 1))
    right, bottom = int(np.clip(right, left + 1, shape[1])), int(np.clip(bottom, top + 1, shape[0]))
    return left, top, right, bottom


class AlignmentModel:
    """Both encoders, loaded when first used."""

    @cached_property
    def _image(self) -> onnxruntime.InferenceSession:
        return _weights.session("alignment_image.onnx")

    @cached_property
    def _text(self) -> onnxruntime.InferenceSession:
        return _weights.session("alignment_text.onnx")

    def faces(self, pixels: NDArray[np.uint8], faces: Sequence[Face]) -> list[Face]:
        """The same faces with attributes, clothes included, and embedding, in the same order.

        Args:
          pixels: uint8 (height, width, 3) RGB or (height, width) grey, the upright picture.
          faces: faces found in it.
        """
        if not faces:
            return []
        embeddings, logits = self._encode(np.stack([head(pixels, face) for face in faces]))
        described = [
            dataclasses.replace(face, attributes=_probabilities(row), embedding=embedding)
            for face, embedding, row in zip(faces, embeddings, logits, strict=True)
        ]
        return dressed(pixels, described)

    def image(self, crops: NDArray[np.uint8]) -> NDArray[np.float32]:
        """Embeddings of heads as `head` cuts them: uint8 (n, 96, 96, 3) -> unit float32 (n, d)."""
        return self._encode(crops)[0]

    def text(self, phrases: Sequence[str]) -> NDArray[np.float32]:
        """Embeddings of phrases, float32 (n, d), unit length."""
        if not phrases:
            return np.zeros((0, self._text.get_outputs()[0].shape[-1]), np.float32)
        found: NDArray[np.float32] = self._text.run(
            ["embedding"], {"bag": facet_text.bags(phrases)}
        )[0]
        return found

    def agreement(self, face: Face, facets: Mapping[str, str]) -> float:
        """How well a face fits a description, in [0, 1]; 0.5 where nothing can be compared.

        Per facet that a head shows: log odds of the value asked for (near values count in part,
        see `facet_text.credit`) against a head about which nothing is known, so that facets of two
        and of seven values weigh alike; then their mean, as a probability. Monotone: a value that
        becomes more probable never lowers it.
        """
        asked = [name for name in facet_text.face_facets(facets) if face.attributes.get(name)]
        if not asked:
            return _NEUTRAL
        return 1.0 / (1.0 + math.exp(-self.log_odds(face, facets) / len(asked)))

    def log_odds(self, face: Face, facets: Mapping[str, str]) -> float:
        """Sum over facets of the log odds behind `agreement`, one unit a nat; 0 says nothing."""
        asked = facet_text.face_facets(facets)
        return sum(
            _log_odds(face.attributes[name], facet_text.credit(name, value))
            for name, value in sorted(asked.items())
            if face.attributes.get(name)
        )

    def _encode(self, crops: NDArray[np.uint8]) -> tuple[NDArray[np.float32], NDArray[np.float32]]:
        """Embeddings and facet logits, each the mean of a head and its mirror image."""
        embeddings, logits = [], []
        for at in range(0, len(crops), _CHUNK):
            part = crops[at : at + _CHUNK]
            both = np.ascontiguousarray(np.concatenate([part, part[:, :, ::-1]]))
            embedding, logit = self._image.run(["embedding", "logits"], {"heads": both})
            mean = embedding[: len(part)] + embedding[len(part) :]
            embeddings.append(mean / np.linalg.norm(mean, axis=1, keepdims=True))
            logits.append((logit[: len(part)] + logit[len(part) :]) / 2)
        return np.concatenate(embeddings), np.concatenate(logits)


def _probabilities(logits: NDArray[np.float32]) -> dict[str, dict[str, float]]:
    """One row of logits, facets in the order of FACE_FACETS, as facet -> value -> probability."""
    attributes, at = {}, 0
    for facet, values in FACE_FACETS.items():
        part = logits[at : at + len(values)].astype(np.float64)
        part = np.exp(part - part.max())
        attributes[facet] = dict(zip(values, (part / part.sum()).tolist(), strict=True))
        at += len(values)
    return attributes


def _log_odds(seen: Mapping[str, float], credit: Mapping[str, float]) -> float:
    """Log odds of the credited probability, against those of a head that is not known at all."""
    chance = sum(credit.values()) / len(credit)
    found = min(1.0, sum(p * credit.get(value, 0.0) for value, p in seen.items()))
    floor = 0.02
    return math.log((found + floor) / (1 - found + floor) * (1 - chance + floor) / (chance + floor))
