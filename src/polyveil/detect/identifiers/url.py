# SPDX-License-Identifier: Apache-2.0
"""Web addresses: with a scheme, with "www.", or a bare domain whose last label exists."""

from __future__ import annotations

import re
from collections.abc import Iterator

from polyveil.detect.identifiers._domains import is_top_level
from polyveil.detect.identifiers._reading import STRUCTURED, mention
from polyveil.detect.normalise import Normalised
from polyveil.records.finding import Kind, Mention

VIEWS = STRUCTURED
_LABELS = r"(?:[^\W_](?:[\w-]{0,61}[^\W_])?\.){1,8}[^\W_][\w-]{0,23}"
_TAIL = r"(?::\d{1,5})?(?:[/?#][^\s<>\"'\x60{}|\\^]{0,2000}+)?"
_WITH_SCHEME = re.compile(
    rf"(?i)(?<![a-z0-9])(?:https?|ftp|hxxps?|sftp|wss?)[ \t]{{0,2}}:[ \t]{{0,2}}//[ \t]{{0,2}}"
    rf"(?:[\w.%-]{{1,64}}(?::[^\s@/]{{0,64}})?@)?({_LABELS}|localhost"
    rf"|\[[0-9a-f:.]{{2,45}}\]){_TAIL}"
)
_BARE = re.compile(rf"(?i)(?<![\w@.%+:/-])(?:www\.)?({_LABELS}){_TAIL}")
_CLOSING = ".,;:!?)]}>'\"*"


def find(view: Normalised) -> Iterator[Mention]:
    """Every web address; canonical in lower case without scheme, "www." and last slash."""
    if "." not in view.text and "//" not in view.text:
        return
    done = 0
    for found in _WITH_SCHEME.finditer(view.text):
        if view.name == "unbroken" and not is_top_level(found[1].rpartition(".")[2]):
            continue
        done = found.end()
        yield _mention(view, found, 0.99)
    for found in _BARE.finditer(view.text):
        host = found[1].lower()
        name, _, last = host.rpartition(".")
        if found.start() < done and view.text[: found.start()].rfind("//") >= 0:
            continue
        if is_top_level(last) and _looks_like_host(found[0], name):
            careful = view.name in ("plain", "folded") or host.startswith("www.")
            if careful or view.name in ("joined", "spelled"):
                yield _mention(view, found, 0.9 if careful else 0.7)


def _looks_like_host(surface: str, name: str) -> bool:
    """Not a sentence without a space after its full stop, not an abbreviation, not a number."""
    if name.startswith("www.") or "/" in surface:
        return True
    label = name.rpartition(".")[2]
    if len(label) < 2 or name.replace(".", "").isdecimal():
        return False
    sentence = re.search(r"[a-z]\.[A-Z][a-z]*$", surface)
    return not sentence


def _mention(view: Normalised, found: re.Match[str], score: float) -> Mention:
    surface = found[0].rstrip(_CLOSING)
    canonical = re.sub(r"(?i)^\w+\s*:\s*//\s*|\s", "", surface).removeprefix("www.")
    host, slash, rest = canonical.partition("/")
    canonical = (host.lower().removeprefix("www.") + slash + rest).rstrip("/")
    span = (found.start(), found.start() + len(surface))
    return mention(view, span, Kind.URL, canonical, score=score)
