# SPDX-License-Identifier: Apache-2.0
"""One full report, with everything that a report can hold."""

from __future__ import annotations

import io

import pytest
from PIL import Image

from polyveil.interval import clopper_pearson
from polyveil.report import (
    Count,
    Counts,
    DesensitizeReport,
    Interval,
    Job,
    Measure,
    Pair,
    RecordRisk,
    Refusals,
    RefusedExample,
    Release,
    ScanReport,
    StageTime,
    ThreatRow,
    threat_table,
)

EVIL = "<script>alert('x')</script><img src=x onerror=alert(1)>"


def jpeg(side: int = 64, colour: tuple[int, int, int] = (200, 40, 40), note: bytes = b"") -> bytes:
    """A small picture, with a comment in its header where asked."""
    stream = io.BytesIO()
    extra = {"comment": note} if note else {}
    Image.new("RGB", (side, side), colour).save(stream, "JPEG", **extra)
    return stream.getvalue()


@pytest.fixture
def job() -> Job:
    counts = Counts(
        records_read=10,
        records_released=8,
        records_refused=2,
        pictures=9,
        texts=21,
        faces=Count(12, 10),
        mentions={"name": Count(7, 6), "expression": Count(5, 5)},
        persons=6,
        links=5,
        ambiguous={"two faces match the words equally well": 2},
        attempts={"1": 7, "2": 1},
    )
    return Job(
        verb="desensitize",
        version="0.1.0",
        started="2026-11-21T09:00:00+00:00",
        finished="2026-11-21T09:01:30+00:00",
        command="polyveil desensitize DIR --out DIR",
        input_kind="folder with metadata.jsonl",
        counts=counts,
        settings={"face_backend": "model", "keep_sex": True, "vault": None, "lambda_image": 1.0},
        versions={"numpy": "2.3.5"},
        hashes={"face.onnx": "ab" * 32},
        machine="2 cores",
    )


@pytest.fixture
def report(job: Job) -> DesensitizeReport:
    return DesensitizeReport(
        job,
        Release("one-way", "k-1"),
        measures=(
            Measure(
                "re-identification",
                clopper_pearson(1, 100),
                better="lower",
                baseline={"original": 0.97, "blur": 0.9, "chance": 0.01},
                attacker="a face recogniser",
            ),
            Measure("text similarity", Interval(0.95, 0.94, 0.96, 8, "bootstrap, 95 %"), ""),
            Measure("Fréchet distance", 12.5, "", "lower", {"blur": 48.0}),
        ),
        threats=threat_table(
            [
                ThreatRow(
                    "recogniser", "Recipient", "the output", "a photo", "inconclusive", "1 of 100."
                )
            ]
        ),
        refusals=(
            Refusals("UnsafeRecord", 2, (RefusedExample("metadata.jsonl:4", f"text: {EVIL}"),)),
        ),
        times=(StageTime("find faces", 3.0, 9), StageTime("export", 0.0, 0)),
        not_tested=("Voice is not searched.",),
        warnings=("Backend 'blur' is weak.",),
    )


@pytest.fixture
def scan(job: Job) -> ScanReport:
    return ScanReport(
        job,
        records=(
            RecordRisk("metadata.jsonl:1", 1, {"name": 2}, 1, 1, ("EXIF GPS",)),
            RecordRisk("metadata.jsonl:2"),
        ),
        not_tested=("Voice is not searched.",),
    )


@pytest.fixture
def pair() -> Pair:
    return Pair(
        "metadata.jsonl:1",
        jpeg(note=b"canary-comment"),
        jpeg(32),
        "Ann Lee smiles",
        "Eva Poe smiles",
    )
