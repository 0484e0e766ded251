# SPDX-License-Identifier: Apache-2.0
"""Labelled pictures in memory, read from a folder, Parquet or .npz; what is broken is refused.

| Where            | Picture                       | Class                                       |
|------------------|-------------------------------|---------------------------------------------|
| folder with rows | `file_name` of metadata.jsonl | the row's `label` column                    |
| folder           | each picture                  | name of the folder that it stands in        |
| Parquet          | the Image column, or `image`  | the `label` column                          |
| .npz             | `images`: (n, height, width)  | `label` or `labels`; names in `class_names` |
|                  | or (n, height, width, 1 or 3) |                                             |

A bad record is refused by itself and the rest goes on: whether one record is read depends on no
other record, which is what a promise about one record needs. For the same reason records are held
out by a keyed hash of their own content, not by a shuffle: adding one moves no other.
"""

from __future__ import annotations

import hmac
import zipfile
from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path, PurePosixPath
from typing import Any, TypeAlias

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from polyveil.errors import UnreadableRecord, UsageError
from polyveil.learn.plan import DataPlan
from polyveil.records.picture import decode
from polyveil.records.record import Record, Refused
from polyveil.records.source import open_source

Pixels: TypeAlias = NDArray[np.uint8]
_Example: TypeAlias = tuple[Pixels, str]


@dataclass(frozen=True, slots=True)
class Labelled:
    """Pictures of one size with their classes.

    Attributes:
      images: uint8 (n, channels, height, width). Secret.
      labels: int64 (n,), index into `classes`. Secret.
      classes: their names. Public: a model that tells them apart states them.
      refused: records that could not be used, each with the reason.
    """

    images: Pixels = field(repr=False)
    labels: NDArray[np.int64] = field(repr=False)
    classes: tuple[str, ...]
    refused: tuple[Refused, ...] = ()

    def __len__(self) -> int:
        return len(self.labels)

    @property
    def shape(self) -> tuple[int, int, int]:
        """(channels, height, width)."""
        channels, height, width = self.images.shape[1:]
        return channels, height, width

    def held_out(self, share: float, key: bytes) -> tuple[Labelled, Labelled]:
        """(the rest, about `share` of the records), by a keyed hash of each record alone.

        Equal records stay together, so no picture is both trained on and measured.
        """
        bound = int(share * 2**64)
        out = np.array(
            [
                held_out_number(key, image.tobytes(), int(label)) < bound
                for image, label in zip(self.images, self.labels, strict=True)
            ],
            dtype=bool,
        )
        return self._where(~out), self._where(out)

    def _where(self, chosen: NDArray[np.bool_]) -> Labelled:
        return Labelled(self.images[chosen], self.labels[chosen], self.classes, self.refused)


def held_out_number(key: bytes, content: bytes, label: int) -> int:
    """Of a record, in 0..2**64 - 1; evenly spread, and unknown to whoever lacks the key."""
    digest = hmac.digest(key, content + label.to_bytes(8, "big"), "sha256")
    return int.from_bytes(digest[:8], "big")


def read_labelled(
    plan: DataPlan, *, path: Path | None = None, like: Labelled | None = None
) -> Labelled:
    """Every usable record of the plan's data; or of `path`, in the shape and classes of others.

    Raises:
      UsageError: nothing usable is there, pictures of several sizes, or a single class.
    """
    refused: list[Refused] = []
    examples: list[_Example] = []
    if like is not None:
        plan = replace(plan, classes=like.classes)
    for item in _records(plan.path if path is None else path, plan):
        if isinstance(item, Refused):
            refused.append(item)
        else:
            examples.append(item)
    if not examples:
        why = f" First reason: {refused[0].reason}" if refused else ""
        raise UsageError(f"[data] path: no usable record among {len(refused)}.{why}")
    classes = plan.classes or in_order(label for _, label in examples)
    if len(classes) < 2:
        raise UsageError("[data] label: a single class; expected two or more to tell apart.")
    number = {name: at for at, name in enumerate(classes)}
    labels = np.array([number[label] for _, label in examples], np.int64)
    images = _stacked([pixels for pixels, _ in examples])
    if like is not None and images.shape[1:] != like.images.shape[1:]:
        raise UsageError(
            f"[data] validation: pictures {images.shape[1:]}; expected {like.images.shape[1:]} "
            "(channels, height, width), as those that are trained on. Set size."
        )
    return Labelled(images, labels, classes, tuple(refused))


def _records(path: Path, plan: DataPlan) -> Iterator[_Example | Refused]:
    stored = _arrays(path, plan) if path.suffix.lower() == ".npz" else _source(path, plan)
    allowed = None if plan.classes is None else frozenset(plan.classes)
    for record_id, image, label in stored:
        try:
            if isinstance(image, UnreadableRecord):
                raise image
            name = class_name(label, plan.label)
            if allowed is not None and name not in allowed:
                raise UnreadableRecord("label: none of the plan's classes; add it or leave it out.")
            pixels = decode(image).pixels if isinstance(image, bytes | Path) else image
            yield _scaled(pixels, plan.size), name
        except UnreadableRecord as error:
            yield Refused(record_id, "UnreadableRecord", str(error))


_Stored: TypeAlias = tuple[str, Pixels | Path | bytes | UnreadableRecord, Any]


def _source(path: Path, plan: DataPlan) -> Iterator[_Stored]:
    """(id, picture or what is wrong with it, label) of a folder or Parquet."""
    for item in open_source(path).records():
        if isinstance(item, Refused):
            yield item.id, UnreadableRecord(item.reason), None
        elif item.image is None:
            yield item.id, UnreadableRecord("record: no picture; expected one."), None
        else:
            yield item.id, item.image, stated_class(item, plan.label)


def stated_class(record: Record, column: str) -> Any:
    """What the row says; for a picture without a row, the name of its folder."""
    if record.row or record.image_name is None:
        return record.row.get(column)
    return PurePosixPath(record.image_name).parent.name or None


def class_name(value: Any, column: str) -> str:
    """What a row says of its class, as text; whole numbers without a point.

    Raises:
      UnreadableRecord: nothing, or neither a text nor a whole number.
    """
    if isinstance(value, bool | int | np.integer | str) and value != "":
        return str(value)
    if isinstance(value, float | np.floating) and float(value).is_integer():
        return str(int(value))
    came = "nothing" if value is None or value == "" else f"a {type(value).__name__}"
    raise UnreadableRecord(f"{column}: {came}; expected a text or a whole number.")


def _arrays(path: Path, plan: DataPlan) -> Iterator[_Stored]:
    """(id, picture or what is wrong with it, label) of an .npz without pickles."""
    try:
        with np.load(path, allow_pickle=False) as file:
            label = plan.label if plan.label in file else "labels"
            missing = [name for name in ("images", label) if name not in file]
            if missing:
                raise UsageError(f"[data] path: no array {missing[0]} in the .npz.")
            images, labels = file["images"], file[label]
            names = [str(name) for name in file["class_names"]] if "class_names" in file else None
    except (OSError, ValueError, EOFError, zipfile.BadZipFile) as error:
        raise UsageError(
            f"[data] path: {type(error).__name__}; expected an .npz of plain arrays."
        ) from None
    if images.ndim not in {3, 4} or len(images) != len(labels) or labels.ndim != 1:
        raise UsageError(
            f"[data] path: images {images.shape}, labels {labels.shape}; expected "
            "(n, height, width) or (n, height, width, channels) and (n,)."
        )
    for at, (image, value) in enumerate(zip(images, labels, strict=True), start=1):
        yield f"row:{at}", _pixels(image), value if names is None else _named(value, names)


def _named(value: Any, names: Sequence[str]) -> Any:
    whole = isinstance(value, np.integer) and 0 <= value < len(names)
    return names[int(value)] if whole else None


def _pixels(image: NDArray[Any]) -> Pixels | UnreadableRecord:
    """8-bit pixels, grey or RGB, of what an array holds."""
    if image.ndim == 3 and image.shape[2] == 1:
        image = image[:, :, 0]
    if image.ndim == 3 and image.shape[2] != 3:
        return UnreadableRecord(f"picture: {image.shape[2]} channels; expected 1 or 3.")
    if image.dtype == np.uint8:
        return image
    if not np.issubdtype(image.dtype, np.floating):
        return UnreadableRecord(f"picture: {image.dtype} values; expected uint8, or 0.0 to 1.0.")
    if not (np.isfinite(image).all() and image.min() >= 0 and image.max() <= 1):
        return UnreadableRecord("picture: values that are not in 0.0 to 1.0; expected only those.")
    whole: Pixels = np.rint(image * 255).astype(np.uint8)
    return whole


def as_shape(pixels: Pixels, shape: tuple[int, int, int], *, size: int | None) -> Pixels:
    """One more picture, (channels, height, width), for a network that was trained on others.

    Args:
      pixels: decoded, (height, width) or (height, width, 3).
      shape: of those that it was trained on.
      size: that they were scaled to; None: as they came.

    Raises:
      UnreadableRecord: another size, or colours where they were grey.
    """
    found = _stacked([_scaled(pixels, size)])[0]
    if found.shape[0] < shape[0]:
        found = np.repeat(found, shape[0], axis=0)
    if found.shape != shape:
        raise UnreadableRecord(
            f"picture: {found.shape} (channels, height, width); expected {shape}, as those that "
            "the network was trained on."
        )
    return np.ascontiguousarray(found)


def _scaled(pixels: Pixels, size: int | None) -> Pixels:
    if size is None or pixels.shape[:2] == (size, size):
        return pixels
    picture = Image.fromarray(np.ascontiguousarray(pixels))
    return np.asarray(picture.resize((size, size), Image.Resampling.BILINEAR))


def _stacked(pictures: list[Pixels]) -> Pixels:
    """(n, channels, height, width): RGB if any picture is, else grey."""
    sizes = Counter(picture.shape[:2] for picture in pictures)
    if len(sizes) > 1:
        raise UsageError(
            f"[data] size: pictures come in {len(sizes)} sizes; expected e.g. size = 32, "
            "to which every picture is scaled."
        )
    if any(picture.ndim == 3 for picture in pictures):
        rgb = [p if p.ndim == 3 else np.repeat(p[:, :, None], 3, axis=2) for p in pictures]
        return np.ascontiguousarray(np.stack(rgb).transpose(0, 3, 1, 2))
    return np.stack(pictures)[:, None]


def in_order(labels: Iterable[str]) -> tuple[str, ...]:
    """Names in order: numbers by value, else by letters."""
    names = set(labels)
    whole = all(name.lstrip("-").isdecimal() for name in names)
    return tuple(sorted(names, key=int)) if whole else tuple(sorted(names))
