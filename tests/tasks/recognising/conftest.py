# SPDX-License-Identifier: Apache-2.0
"""One calibration for all tests of this folder; it is only read."""

from __future__ import annotations

import hashlib
from collections.abc import Iterator
from pathlib import Path

import pytest
from made_up import Place, fixed_key, names, rows_of, write

import polyveil
from polyveil.report.calibration import CalibrationReport


class Enrolments:
    """Stands for ids from the operating system: at the stated rate strangers ARE accepted, so a
    test that draws its templates anew would fail about as often."""

    def __init__(self) -> None:
        self.drawn = 0

    def __call__(self) -> str:
        self.drawn += 1
        return hashlib.sha256(b"%d" % self.drawn).hexdigest()[:32]


@pytest.fixture(scope="session", autouse=True)
def enrolments() -> Iterator[Enrolments]:
    drawn = Enrolments()
    with pytest.MonkeyPatch.context() as patch:
        for module in ("gallery", "trials"):
            patch.setattr(f"polyveil.recognize.{module}.new_enrolment", drawn)
        yield drawn


@pytest.fixture(autouse=True)
def same_templates(enrolments: Enrolments) -> None:
    """Whichever tests ran before."""
    enrolments.drawn = 0


@pytest.fixture(scope="session")
def calibrated(
    tmp_path_factory: pytest.TempPathFactory, enrolments: Enrolments
) -> tuple[Place, CalibrationReport]:
    enrolments.drawn = 0
    root = tmp_path_factory.mktemp("recognition")
    others = write(root / "others", rows_of(names(100)))
    staff = write(root / "staff", rows_of(names(12, "Staff"), sessions=1))
    place = Place(root / "recogniser", fixed_key(root / "project.key"), staff, root)
    report = polyveil.calibrate(
        others, encoder="embeddings:test net", out=place.recogniser, key=place.key, far=0.02
    )
    return place, report


@pytest.fixture
def place(calibrated: tuple[Place, CalibrationReport]) -> Place:
    return calibrated[0]


@pytest.fixture
def gallery(place: Place, tmp_path: Path) -> Path:
    """Twelve enrolled people."""
    path = tmp_path / "gallery.db"
    polyveil.enroll(place.staff, recogniser=place.recogniser, gallery=path, key=place.key)
    return path
