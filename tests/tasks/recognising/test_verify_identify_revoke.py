# SPDX-License-Identifier: Apache-2.0
"""Claims, searches and revocations of people whom the recogniser has never seen."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from made_up import Place, names, rows_of, vectors, write

import polyveil
from polyveil.errors import (
    EXIT_CLEAN,
    EXIT_RECORDS_REFUSED,
    EXIT_RISK_FOUND,
    UnreadableRecord,
    UsageError,
)


def file_of(folder: Path, name: str, modality: str = "face") -> Path:
    path = folder / f"{name} {modality}.npy"
    np.save(path, vectors(name, modality, 1, session=7)[0])
    return path


@pytest.fixture
def where(place: Place, gallery: Path) -> dict[str, Any]:
    return {"recogniser": place.recogniser, "gallery": gallery, "key": place.key}


def test_a_person_is_verified_an_impostor_rejected_a_stranger_not_enrolled(
    where: dict[str, Any], tmp_path: Path
) -> None:
    own, other = file_of(tmp_path, "Staff Nr003"), file_of(tmp_path, "Somebody Else")
    voice = file_of(tmp_path, "Staff Nr003", "voice")
    found = polyveil.verify("Staff Nr003", face=own, voice=voice, **where)
    assert (found.decision, found.exit_code) == ("verified", EXIT_CLEAN)
    assert found.modalities == ("face", "voice") and found.far == 0.02
    assert found.guarantee is None
    assert polyveil.verify("Staff Nr003", voice=voice, **where).modalities == ("voice",)
    wrong = polyveil.verify("Staff Nr003", face=other, **where)
    assert (wrong.decision, wrong.exit_code) == ("rejected", EXIT_RISK_FOUND)
    nobody = polyveil.verify("Nobody", face=own, **where)
    assert (nobody.decision, nobody.exit_code) == ("not enrolled", EXIT_RISK_FOUND)


def test_neither_score_nor_name_is_told(where: dict[str, Any], tmp_path: Path) -> None:
    found = polyveil.verify("Staff Nr003", face=file_of(tmp_path, "Staff Nr003"), **where)
    assert "score" not in {key.lower() for key in found.to_json()}
    assert "Staff" not in json.dumps(found.to_json()) + found.summary()


def test_probes_are_identified_and_strangers_unknown(
    place: Place, where: dict[str, Any], tmp_path: Path
) -> None:
    staff, visitors = names(12, "Staff"), names(20, "Visitor")
    rows = rows_of(staff, sessions=3, each=1, person=False)[2::3]
    rows += rows_of(visitors, sessions=1, each=1, person=False)
    probes = write(tmp_path / "probes", [*rows, {"embedding_face": "no file"}])
    listed = tmp_path / "names.txt"
    listed.write_text("\n".join([*staff, "", "Nobody"]), "utf-8")
    report = polyveil.identify(probes, names=listed, **where)
    assert report.exit_code == EXIT_RECORDS_REFUSED and report.enrolled == 12
    told = [one.name for one in report.answers]
    assert told[:12].count(None) <= 2
    assert all(name in (None, own) for name, own in zip(told, staff, strict=False))
    assert told[12:].count(None) >= 19
    bare = polyveil.identify(probes, **where)
    assert all(one.name is None for one in bare.answers) and "Staff" not in bare.summary()


def test_one_probe_of_a_stranger_ends_with_one(where: dict[str, Any], tmp_path: Path) -> None:
    report = polyveil.identify(face=file_of(tmp_path, "A Stranger"), **where)
    assert report.unknown == 1 and report.exit_code == EXIT_RISK_FOUND
    with pytest.raises(UsageError, match="not both"):
        polyveil.identify(**where)
    (tmp_path / "x.npy").write_bytes(b"no array")
    with pytest.raises(UnreadableRecord):
        polyveil.identify(face=tmp_path / "x.npy", **where)


def test_what_was_revoked_is_recognised_no_more_and_can_be_enrolled_again(
    place: Place, where: dict[str, Any], tmp_path: Path
) -> None:
    held = {"gallery": where["gallery"], "key": place.key}
    own = file_of(tmp_path, "Staff Nr001")
    planned = polyveil.revoke("Staff Nr001", dry_run=True, **held)
    assert planned.templates == 2
    assert planned.summary().startswith("2 templates would be erased of subject ")
    half = polyveil.revoke("Staff Nr001", modality="voice", **held)
    assert half.templates == 1 and half.summary().startswith("1 template erased of subject ")
    assert polyveil.verify("Staff Nr001", face=own, **where).decision == "verified"
    assert polyveil.revoke("Staff Nr001", **held).templates == 1
    assert polyveil.verify("Staff Nr001", face=own, **where).decision == "not enrolled"
    back = polyveil.enroll(person="Staff Nr001", face=[own], **where)
    assert back.enrolled == 1 and back.summary().startswith("1 person enrolled; 1 record read")
    assert polyveil.verify("Staff Nr001", face=own, **where).decision == "verified"
    gone = polyveil.revoke("Staff Nr001", forget=True, **held)
    assert gone.forgotten and gone.templates == 3 and gone.exit_code == EXIT_CLEAN
    assert polyveil.revoke("Staff Nr001", **held).exit_code == EXIT_RISK_FOUND
    with pytest.raises(UsageError, match="no modality"):
        polyveil.revoke("Staff Nr001", modality="face", forget=True, **held)


def test_a_mistyped_gallery_is_no_empty_one(place: Place, tmp_path: Path) -> None:
    own, gone = file_of(tmp_path, "Staff Nr001"), tmp_path / "gone.db"
    with pytest.raises(UsageError, match="none there"):
        polyveil.verify(
            "Staff Nr001", face=own, recogniser=place.recogniser, gallery=gone, key=place.key
        )
    with pytest.raises(UsageError, match="none there"):
        polyveil.revoke("Staff Nr001", gallery=gone, key=place.key)
    assert not gone.exists()


def test_a_rate_that_the_development_people_cannot_support_is_refused(
    where: dict[str, Any], tmp_path: Path
) -> None:
    own = file_of(tmp_path, "Staff Nr001")
    with pytest.raises(UsageError, match="cannot support"):
        polyveil.verify("Staff Nr001", face=own, far=1e-7, **where)
    with pytest.raises(UsageError, match="were kept"):
        polyveil.verify("Staff Nr001", face=own, far=0.5, **where)
