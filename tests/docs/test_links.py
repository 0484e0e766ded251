# SPDX-License-Identifier: Apache-2.0
"""Links between pages lead somewhere; no page claims what no measurement can show."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
PAGES = [*sorted((ROOT / "docs").glob("*.md")), ROOT / "KNOWN_LIMITS.md", ROOT / "CHANGELOG.md"]


def anchors(page: Path) -> set[str]:
    """Anchors that the headings of a page get."""
    heads = re.findall(r"^#+ (.+)$", page.read_text("utf-8"), re.MULTILINE)
    return {re.sub(r"[^\w\- ]", "", head.lower()).replace(" ", "-") for head in heads}


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)
def test_links_lead_somewhere(page: Path) -> None:
    for link in re.findall(r"\]\(([^)]+)\)", page.read_text("utf-8")):
        if link.startswith("https://"):
            continue
        file, _, anchor = link.partition("#")
        target = (page.parent / file).resolve() if file else page
        assert target.is_file(), f"{page.name}: {link}"
        assert not anchor or anchor in anchors(target), f"{page.name}: {link}"


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)
def test_no_page_calls_an_output_anonymous(page: Path) -> None:
    assert not re.search(r"\banonymi[sz]ed\b|\banonymous\b", page.read_text("utf-8"), re.I)
