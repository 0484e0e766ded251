# SPDX-License-Identifier: Apache-2.0
"""Enrolment: whole people or none, resumable, without a name or a number of anybody in what is
said."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest
from made_up import Place, names, rows_of, vectors, write

import polyveil
from polyveil.errors import EXIT_RECORDS_REFUSED, GalleryError, UsageError
from polyveil.privacy.key import ProjectKey
from polyveil.recognize.gallery import Gallery
from polyveil.tasks.events import Event, RecordDone


def entries(place: Place, gallery: Path) -> list[tuple[str, str, str]]:
    found = Gallery(gallery, key=ProjectKey.load_or_create(place.key)).entries()
    return sorted((one.subject, one.modality, one.status) for one in found)


def test_everybody_is_enrolled_once_and_skipped_the_next_time(place: Place, tmp_path: Path) -> None:
    gallery = tmp_path / "g.db"
    arguments = {"recogniser": place.recogniser, "gallery": gallery, "key": place.key}
    planned = polyveil.enroll(place.staff, dry_run=True, **arguments)
    assert planned.enrolled == 12 and not gallery.exists()
    first = polyveil.enroll(place.staff, **arguments)
    assert (first.enrolled, first.already, first.exit_code) == (12, 0, 0)
    assert first.modalities == {"face": 12, "voice": 12}
    before = entries(place, gallery)
    again = polyveil.enroll(place.staff, **arguments)
    assert (again.enrolled, again.already) == (0, 12) and entries(place, gallery) == before


def test_nothing_of_a_person_is_in_what_is_said_or_kept(place: Place, tmp_path: Path) -> None:
    rows = [*rows_of(names(2, "Staff"), sessions=1), {"person": "Bad One", "embedding_face": [1]}]
    people = write(tmp_path / "people", rows)
    gallery = tmp_path / "g.db"
    report = polyveil.enroll(people, recogniser=place.recogniser, gallery=gallery, key=place.key)
    assert report.exit_code == EXIT_RECORDS_REFUSED and report.not_enrolled == 1
    said = json.dumps(report.to_json()) + report.summary()
    assert "Staff" not in said and "Bad" not in said and len(said) < 3000
    assert b"Staff" not in gallery.read_bytes()


def test_a_kill_leaves_whole_people_and_the_same_call_goes_on(place: Place, tmp_path: Path) -> None:
    class KilledError(Exception):
        pass

    def killed_at(last: int) -> object:
        seen = []

        def listen(event: Event) -> None:
            seen.append(isinstance(event, RecordDone))
            if sum(seen) == last:
                raise KilledError

        return listen

    gallery = tmp_path / "g.db"
    arguments = {"recogniser": place.recogniser, "gallery": gallery, "key": place.key}
    for last in (3, 5, 1):
        with pytest.raises(KilledError):
            polyveil.enroll(place.staff, on_event=killed_at(last), **arguments)  # type: ignore[arg-type]
        each: dict[str, set[str]] = {}
        for subject, modality, _ in entries(place, gallery):
            each.setdefault(subject, set()).add(modality)
        assert all(found == {"face", "voice"} for found in each.values())
    report = polyveil.enroll(place.staff, **arguments)
    assert report.enrolled + report.already == 12 and report.already >= 3
    assert len(entries(place, gallery)) == 24


def test_what_a_person_lacks_is_added_and_renewing_changes_every_template(
    place: Place, tmp_path: Path
) -> None:
    gallery = tmp_path / "g.db"
    arguments = {"recogniser": place.recogniser, "gallery": gallery, "key": place.key}
    face, voice = tmp_path / "f.npy", tmp_path / "v.npy"
    np.save(face, vectors("Ada", "face", 1)[0])
    np.save(voice, vectors("Ada", "voice", 1)[0])
    polyveil.enroll(person="Ada", face=[face, face], **arguments)
    more = polyveil.enroll(person="Ada", face=[face], voice=[voice], **arguments)
    assert more.enrolled == 1 and more.modalities == {"voice": 1}
    again = polyveil.enroll(person="Ada", face=[face], voice=[voice], renew=True, **arguments)
    assert again.renewed == 1 and again.subject == more.subject
    states = [status for _, _, status in entries(place, gallery)]
    assert sorted(states) == ["active", "active", "revoked", "revoked"]


def test_templates_of_another_calibration_are_never_mixed(place: Place, tmp_path: Path) -> None:
    others = write(tmp_path / "others", rows_of(names(50, "Else")))
    other = tmp_path / "other"
    polyveil.calibrate(others, encoder="embeddings:test net", out=other, key=place.key, far=0.02)
    gallery = tmp_path / "g.db"
    polyveil.enroll(place.staff, recogniser=place.recogniser, gallery=gallery, key=place.key)
    with pytest.raises(UsageError, match="another encoder, or by another calibration"):
        polyveil.enroll(place.staff, recogniser=other, gallery=gallery, key=place.key)
    with pytest.raises(GalleryError, match="another encoder than the one at hand"):
        polyveil.identify(place.staff, recogniser=other, gallery=gallery, key=place.key)
    moved = polyveil.enroll(
        place.staff, recogniser=other, gallery=gallery, key=place.key, renew=True
    )
    assert moved.renewed == 12
    found = polyveil.identify(place.staff, recogniser=other, gallery=gallery, key=place.key)
    assert found.unknown <= 2


@pytest.mark.parametrize(
    ("call", "said"),
    [
        ({}, "expected a data set, or --person"),
        ({"person": "Ada"}, "expected a file"),
        ({"person": "Ada", "face": ["gone.npy"]}, "no such file"),
        ({"people": ".", "face": ["a.npy"]}, "go with --person"),
    ],
)
def test_a_call_that_makes_no_sense_is_refused(
    place: Place, tmp_path: Path, call: dict[str, object], said: str
) -> None:
    with pytest.raises(UsageError, match=said):
        polyveil.enroll(
            recogniser=place.recogniser,
            gallery=tmp_path / "g.db",
            key=place.key,
            **call,  # type: ignore[arg-type]
        )
    assert not (tmp_path / "g.db").exists()
