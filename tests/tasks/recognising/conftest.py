# SPDX-License-Identifier: Apache-2.0
"""One calibration for all tests of this folder; it is only read."""

from __future__ import annotations

from pathlib import Path

import pytest
from made_up import Place, fixed_key, names, rows_of, write

import polyveil
from polyveil.report.calibration import CalibrationReport


@pytest.fixture(scope="session")
def calibrated(tmp_path_factory: pytest.TempPathFactory) -> tuple[Place, CalibrationReport]:
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
