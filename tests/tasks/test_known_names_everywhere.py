# SPDX-License-Identifier: Apache-2.0
"""A name that is found in one record is replaced in every one, also where no recogniser sees it."""

from __future__ import annotations

import json
import re
from pathlib import Path

import pytest

import polyveil
from polyveil.records.finding import Kind, Mention
from polyveil.tasks import find


class Waving:
    """Sees a name in one kind of sentence only."""

    name = "waving"

    def find(self, text: str) -> list[Mention]:
        return [
            Mention((), m.start(), m.end(), Kind.NAME, m.group(), m.group().casefold(), 1.0, "test")
            for m in re.finditer(r"\w+ \w+(?= waves)", text)
        ]


def released(tmp_path: Path, rows: list[dict[str, str]]) -> list[dict[str, str]]:
    source, out = tmp_path / "in", tmp_path / "out"
    source.mkdir()
    (source / "metadata.jsonl").write_text("\n".join(map(json.dumps, rows)))
    polyveil.desensitize(source, out, one_way=True, workers=1)
    return [json.loads(line) for line in (out / "metadata.jsonl").read_text().splitlines()]


@pytest.fixture
def nearly_blind(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("polyveil.detect.mentions.default_detectors", lambda: (Waving(),))
    monkeypatch.setattr(find, "default_detectors", lambda: (Waving(),))


@pytest.mark.usefixtures("nearly_blind")
def test_a_name_of_one_record_is_replaced_in_all_by_the_same_stand_in(tmp_path: Path) -> None:
    rows = released(
        tmp_path, [{"text": "A question for Ann Lee today."}, {"text": "Ann Lee waves."}]
    )
    stand_in = rows[1]["text"].removesuffix(" waves.")
    assert "Ann" not in str(rows) and "Lee" not in str(rows)
    assert rows[0]["text"] == f"A question for {stand_in} today."


@pytest.mark.usefixtures("nearly_blind")
def test_a_label_of_the_person_names_him_in_the_text(tmp_path: Path) -> None:
    rows = released(tmp_path, [{"text": "A question for Bo Derek.", "person": "Bo_Derek"}])
    assert "Derek" not in rows[0]["text"]
