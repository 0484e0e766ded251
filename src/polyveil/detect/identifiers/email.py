# SPDX-License-Identifier: Apache-2.0
"""E-mail addresses, as RFC 5322 lets people write them in practice: dot-atoms at a domain name."""

from __future__ import annotations

import re
from collections.abc import Iterator

from polyveil.detect.identifiers._domains import is_top_level
from polyveil.detect.identifiers._reading import STRUCTURED, mention
from polyveil.detect.normalise import Normalised
from polyveil.records.finding import Kind, Mention

VIEWS = STRUCTURED
_ADDRESS = re.compile(
    r"(?<![\w.+%-])(?:mailto:)?([\w!#$%&'*+/=?^`{|}~-]{1,64}+(?:\.[\w!#$%&'*+/=?^`{"
    r"|}~-]{1,64}+){0,8}+)"
    r"[ \t]{0,2}@[ \t]{0,2}"
    r"((?:[^\W_](?:[\w-]{0,61}[^\W_])?\.){1,8}[^\W\d_][\w-]{1,23}|\[\d{1,3}"
    r"(?:\.\d{1,3}){3}\])(?![\w@])"
)


def find(view: Normalised) -> Iterator[Mention]:
    """Every address; canonical in lower case."""
    if "@" not in view.text:
        return
    for found in _ADDRESS.finditer(view.text):
        local, domain = found[1].strip("'`{}|"), found[2].lower()
        start = found.start(1) + found[1].find(local)
        guessed = view.name not in ("plain", "folded") or any(c.isspace() for c in found[0])
        if not local or (guessed and not is_top_level(domain.rpartition(".")[2])):
            continue
        canonical = f"{local.lower()}@{domain}"
        yield mention(view, (start, found.end()), Kind.EMAIL, canonical, score=0.99)
