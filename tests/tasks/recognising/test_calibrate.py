# SPDX-License-Identifier: Apache-2.0
"""Calibration: disjoint people, honest figures, a folder without names that notices an edit."""

from __future__ import annotations

import json
import re
import shutil
from pathlib import Path

import numpy as np
import pytest
from made_up import Place, names, rows_of, vectors, write

import polyveil
from polyveil.errors import EXIT_RECORDS_REFUSED, UsageError, WeightsError
from polyveil.privacy.key import ProjectKey
from polyveil.recognize import recogniser_folder
from polyveil.report.calibration import CalibrationReport


def test_figures_of_people_whom_no_threshold_has_seen(
    calibrated: tuple[Place, CalibrationReport],
) -> None:
    place, report = calibrated
    assert report.exit_code == (1 if report.refuted else 0) and report.guarantee is None
    assert report.people["background"] == 0
    assert report.people["development"] + report.people["evaluation"] == 100
    both = report.sets[0]
    assert both.modalities == ("face", "voice") and {one.name for one in report.sets} == {
        "face + voice",
        "face",
        "voice",
    }
    rates = {one.name: one for one in both.rates}
    assert rates["equal error rate"].value is not None
    assert rates["equal error rate"].value.estimate < 0.02
    stored = rates["false accepts at the stored threshold"].value
    assert stored is not None
    assert ("face + voice" in report.refuted) == (stored.low > report.far)
    kept = recogniser_folder.read(place.recogniser, key=ProjectKey.load_or_create(place.key))
    assert len(kept.decider.fusion.people) == report.people["development"]
    assert "enrolment and probes are of different sessions." in report.remarks


def test_templates_cannot_be_linked_without_keys(
    calibrated: tuple[Place, CalibrationReport],
) -> None:
    assert {one.modality for one in calibrated[1].unlinkability} == {"face", "voice"}
    assert not all(one.demonstrated for one in calibrated[1].unlinkability)


def test_the_folder_holds_no_name_and_no_embedding(place: Place) -> None:
    # Four digits of an embedding, as JSON would write them.
    digits = f"{vectors('Person Nr000', 'face', 2)[0, 0]:.4f}"
    for path in place.recogniser.rglob("*"):
        content = path.read_bytes() if path.is_file() else b""
        assert b"Person" not in content and digits.encode() not in content, path.name
    decider = json.loads((place.recogniser / "decider.json").read_text())
    assert all(re.fullmatch("[0-9a-f]{32}", one) for one in decider["development"])


def test_the_page_opens_offline_and_names_what_was_not_done(place: Place) -> None:
    page = (place.recogniser / "calibration.html").read_text("utf-8")
    assert "default-src &#39;none&#39;" in page and 'class="plot"' in page
    assert "http://" not in page and "https://" not in page
    assert "spoofed faces" in page
    assert "face + voice" in page


@pytest.mark.parametrize(
    "name", ["recogniser.json", "decider.json", "people.sealed", "calibration.json"]
)
@pytest.mark.parametrize("damage", ["flip", "cut", "gone"])
def test_a_damaged_folder_is_refused(place: Place, tmp_path: Path, name: str, damage: str) -> None:
    folder = tmp_path / "copy"
    shutil.copytree(place.recogniser, folder)
    content = bytearray((folder / name).read_bytes())
    content[len(content) // 2] ^= 1
    if damage == "gone":
        (folder / name).unlink()
    else:
        (folder / name).write_bytes(bytes(content) if damage == "flip" else content[:-9])
    with pytest.raises((WeightsError, UsageError)):
        recogniser_folder.read(folder, key=ProjectKey.load_or_create(place.key))


def test_a_loosened_threshold_is_noticed_though_its_hash_was_mended(
    place: Place, tmp_path: Path
) -> None:
    import hashlib

    folder = tmp_path / "copy"
    shutil.copytree(place.recogniser, folder)
    decider = json.loads((folder / "decider.json").read_text())
    for one in decider["strangers"]:
        one["pairs"] = [score - 100 for score in one["pairs"]]
    (folder / "decider.json").write_text(json.dumps(decider))
    manifest = json.loads((folder / "recogniser.json").read_text())
    digest = hashlib.sha256((folder / "decider.json").read_bytes()).hexdigest()
    manifest["files"]["decider.json"] = digest
    (folder / "recogniser.json").write_text(json.dumps(manifest))
    with pytest.raises(WeightsError, match="seal"):
        recogniser_folder.read(folder, key=ProjectKey.load_or_create(place.key))


def test_another_project_key_is_refused_by_name(place: Place) -> None:
    with pytest.raises(UsageError, match="another project key"):
        recogniser_folder.read(place.recogniser, key=ProjectKey.ephemeral())


def test_a_folder_in_use_is_not_overwritten(place: Place, tmp_path: Path) -> None:
    taken = tmp_path / "taken"
    taken.mkdir()
    (taken / "thesis.txt").write_text("x")
    for out, said in ((place.recogniser, "already"), (taken, "other files")):
        with pytest.raises(UsageError, match=said):
            polyveil.calibrate(place.staff, encoder="embeddings", out=out, key=place.key)


def test_too_few_people_and_wild_rates_are_refused_and_nothing_is_written(
    place: Place, tmp_path: Path
) -> None:
    few = write(tmp_path / "few", rows_of(names(4)))
    some = write(tmp_path / "some", rows_of(names(14)))
    more = r"people: \d to set thresholds by have a face that can be used; expected at least 10\."
    cases = ((few, 0.01, "expected"), (some, 0.1, more), (place.staff, 0.5, "at most 0.1"))
    for people, far, said in cases:
        with pytest.raises(UsageError, match=said):
            polyveil.calibrate(
                people, encoder="embeddings", out=tmp_path / "r", key=place.key, far=far
            )
    assert not (tmp_path / "r").exists()


def test_a_dry_run_measures_and_writes_nothing_and_bad_records_are_counted(
    place: Place, tmp_path: Path
) -> None:
    rows = rows_of(names(40))
    rows += [{"person": "Broken", "embedding_face": [1.0, float(2)]}, {"embedding_face": [1.0]}]
    people = write(tmp_path / "people", rows)
    report = polyveil.calibrate(
        people, encoder="embeddings", out=tmp_path / "r", key=place.key, dry_run=True, far=0.02
    )
    assert report.exit_code in (1, EXIT_RECORDS_REFUSED) and not (tmp_path / "r").exists()
    assert sum(one.count for one in report.refusals) == 2
    assert "Broken" not in json.dumps(report.to_json()) + report.summary()


def test_the_same_key_and_seed_draw_the_same_sides(place: Place, tmp_path: Path) -> None:
    people = write(tmp_path / "people", rows_of(names(40)))
    first, second = (
        polyveil.calibrate(
            people, encoder="embeddings", out="x", key=place.key, dry_run=True, far=0.02
        )
        for _ in range(2)
    )
    assert first.people == second.people
    rates = zip(first.sets[0].rates, second.sets[0].rates, strict=True)
    # Templates are drawn anew, so that figures differ a little; who is judged does not.
    assert all((a.value is None) == (b.value is None) for a, b in rates)
    assert np.isclose(first.sets[0].impostor, second.sets[0].impostor)
