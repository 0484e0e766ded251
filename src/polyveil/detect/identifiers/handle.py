# SPDX-License-Identifier: Apache-2.0
"""Account names: "@name", and a name after "username", "Instagram", "handle" ..."""

from __future__ import annotations

import re
from collections.abc import Iterator

from polyveil.detect.identifiers._reading import CAREFUL, mention
from polyveil.detect.normalise import Normalised
from polyveil.records.finding import Kind, Mention

VIEWS = CAREFUL
_AT = re.compile(
    r"(?<![\w@.+%/-])@(?=[\w.]{0,29}[A-Za-z])[A-Za-z0-9_](?:[\w.]{0,28}\w)?(?![\w@]|\.\w)"
)
_CUED = re.compile(
    r"(?i)(?<!\w)(?:user ?name|user ?id|login|screen ?name|nick ?name|insta(?:gram)?"
    r"|twitter|tiktok|"
    r"snap(?:chat)?|telegram|skype|discord|github|handle|benutzername|pseudo)"
    r"(?: (?:handle|id|name|account|user))?[ ]?(?:[:=]|is\b|ist\b)[ ]?[\"']?"
    r"(@?[A-Za-z][\w.-]{2,30}\w)(?![\w@])"
)


def find(view: Normalised) -> Iterator[Mention]:
    """Every account name; canonical in lower case without "@"."""
    if "@" in view.text:
        for found in _AT.finditer(view.text):
            yield mention(view, found.span(), Kind.HANDLE, found[0][1:].lower(), score=0.9)
    if ":" in view.text or "=" in view.text or " is" in view.text:
        for found in _CUED.finditer(view.text):
            canonical = found[1].lstrip("@").lower()
            plain_word = found[1].isalpha() and found[1].islower() and "is" in found[0].lower()
            if not plain_word or re.search(r"[:=]", found[0]):
                yield mention(view, found.span(1), Kind.HANDLE, canonical, score=0.8)
