# SPDX-License-Identifier: Apache-2.0
"""The vocabulary in which text and pictures speak of how a person looks: facet -> values.

`detect` reads it out of captions and crops, `replace` makes stand-ins that satisfy it, `verify`
compares the two. A facet that nobody mentions and nothing shows is simply absent.
"""

from __future__ import annotations

from collections.abc import Mapping

FACE_FACETS: Mapping[str, tuple[str, ...]] = {
    "sex": ("man", "woman"),
    "age": ("baby", "child", "teenager", "adult", "senior"),
    "hair": ("black", "brown", "blond", "red", "grey", "dyed", "bald"),
    "hair_length": ("short", "long"),
    "glasses": ("none", "glasses", "sunglasses"),
    "beard": ("none", "stubble", "moustache", "goatee", "beard"),
    "hat": ("none", "hat"),
    "expression": ("neutral", "smiling", "sad", "angry", "surprised"),
}
"""Facets of a head, as the alignment model tells them from a crop."""

INSIDE_FACE: frozenset[str] = frozenset({"sex", "age", "glasses", "beard", "expression"})
"""Facets that the stand-in decides; hair, hat and clothes stay as they are in the picture."""

COLOURS: tuple[str, ...] = (
    "red", "orange", "yellow", "green", "blue", "purple", "pink", "brown", "black", "white", "grey",
)  # fmt: skip
"""Values of the facet `clothes`."""

POSITIONS: tuple[str, ...] = ("left", "middle", "right", "front", "back", "top", "bottom")
"""Values of the facet `position`, as the viewer sees it."""
