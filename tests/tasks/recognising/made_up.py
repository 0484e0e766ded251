# SPDX-License-Identifier: Apache-2.0
"""Folders of made-up people with ready-made embeddings; calibrated once for all tests."""

from __future__ import annotations

import json
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

SIZE = {"face": 24, "voice": 16}


def vectors(name: str, modality: str, count: int, *, session: int = 0) -> NDArray[np.float64]:
    """Embeddings of one person, cosine about 0.9 around a common offset; the same every time."""
    seed = [*name.encode(), *modality.encode()]
    person = np.random.default_rng(seed).normal(size=SIZE[modality])
    noise = np.random.default_rng([*seed, session]).normal(size=(count, SIZE[modality]))
    return 2.0 + person + 0.25 * noise


def rows_of(
    names: list[str], *, sessions: int = 2, each: int = 2, person: bool = True
) -> list[dict[str, Any]]:
    """Rows with face and voice, `each` a session."""
    rows = []
    for name in names:
        for session in range(sessions):
            face = vectors(name, "face", each, session=session)
            voice = vectors(name, "voice", each, session=session)
            for at in range(each):
                row: dict[str, Any] = {
                    "session": f"day {session}",
                    "embedding_face": face[at].tolist(),
                    "embedding_voice": voice[at].tolist(),
                }
                rows.append({"person": name, **row} if person else row)
    return rows


def write(folder: Path, rows: list[dict[str, Any]]) -> Path:
    folder.mkdir(parents=True, exist_ok=True)
    (folder / "metadata.jsonl").write_text("\n".join(map(json.dumps, rows)) + "\n")
    return folder


def names(count: int, first: str = "Person") -> list[str]:
    return [f"{first} Nr{at:03d}" for at in range(count)]


def fixed_key(path: Path, number: int = 0) -> Path:
    """A key file with the same bytes every time, so that the same people are judged."""
    path.write_bytes(b"a key of tests that has 32 byte%d" % number)
    path.chmod(0o600)
    return path


@dataclass(frozen=True)
class Place:
    """A calibrated recogniser, the key that seals it, and people whom it has never seen."""

    recogniser: Path
    key: Path
    staff: Path
    root: Path
