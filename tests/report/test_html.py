# SPDX-License-Identifier: Apache-2.0
"""The page: one file that loads nothing, executes nothing of the job and promises nothing."""

from __future__ import annotations

import base64
import hashlib
import io
import re
from dataclasses import replace
from html.parser import HTMLParser
from itertools import pairwise

import numpy as np
import pytest
from PIL import Image

from polyveil.report import (
    Count,
    Counts,
    DesensitizeReport,
    Guarantee,
    Measure,
    Pair,
    RecordRisk,
    Refusals,
    RefusedExample,
    ScanReport,
    render,
)
from polyveil.report.pictures import BUDGET, shown_pairs

EVIL = "<script>alert('x')</script><img src=x onerror=alert(1)>"


def jpeg(side: int = 64) -> bytes:
    return jpeg_of(np.full((side, side, 3), 120, np.uint8))


class Page(HTMLParser):
    """Tags with attributes, and the text that a reader sees."""

    VOID = frozenset({"meta", "img", "input", "br"})

    def __init__(self, source: str) -> None:
        super().__init__()
        self.tags: list[tuple[str, dict[str, str | None]]] = []
        self.open: list[str] = []
        self.words: list[str] = []
        self.feed(source)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append((tag, dict(attrs)))
        if tag not in self.VOID:
            self.open.append(tag)

    def handle_startendtag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append((tag, dict(attrs)))

    def handle_endtag(self, tag: str) -> None:
        assert self.open.pop() == tag, f"</{tag}> closes something else"

    def handle_data(self, data: str) -> None:
        if self.open and self.open[-1] not in {"style", "script"}:
            self.words.append(data)

    @property
    def text(self) -> str:
        return " ".join(" ".join(self.words).split())


@pytest.fixture(params=["desensitize", "scan", "pairs"])
def source(
    request: pytest.FixtureRequest, report: DesensitizeReport, scan: ScanReport, pair: Pair
) -> str:
    one = {"desensitize": report, "scan": scan, "pairs": replace(report, pairs=(pair,))}
    return render(one[request.param])


def test_every_tag_is_closed_and_no_heading_level_is_skipped(source: str) -> None:
    page = Page(source)
    assert page.open == []
    levels = [int(tag[1]) for tag, _ in page.tags if re.fullmatch(r"h[1-6]", tag)]
    assert levels[0] == 1 and levels.count(1) == 1
    assert all(below - above <= 1 for above, below in pairwise(levels))


def test_nothing_is_loaded_from_anywhere(source: str) -> None:
    page = Page(source)
    for tag, attributes in page.tags:
        for name in ("src", "href", "action", "data", "srcset", "style", "background"):
            value = attributes.get(name)
            assert value is None or value.startswith(("#", "data:image/jpeg;base64,")), (tag, value)
        assert not [name for name in attributes if name.startswith("on")], tag
        assert tag not in {"link", "iframe", "object", "embed", "base", "form"}
    assert "http://" not in source and "https://" not in source
    assert "@import" not in source and "url(" not in source


def test_the_policy_admits_our_style_and_script_only(source: str) -> None:
    page = Page(source)
    policy = next(a["content"] for t, a in page.tags if a.get("http-equiv"))
    assert policy is not None and policy.startswith("default-src 'none'")
    assert "unsafe" not in policy and "*" not in policy
    for tag in ("style", "script"):
        [body] = re.findall(rf"<{tag}>(.*?)</{tag}>", source, re.DOTALL)
        digest = base64.b64encode(hashlib.sha256(body.encode()).digest()).decode()
        assert f"{tag}-src 'sha256-{digest}'" in policy


def test_no_claim_beyond_a_measurement(source: str) -> None:
    assert not re.search(r"\b(safe|safely|anonymous|anonymi[sz]ed)\b", Page(source).text, re.I)


def test_text_of_a_job_is_never_executed(report: DesensitizeReport) -> None:
    job = replace(
        report.job,
        command=EVIL,
        input_kind=EVIL,
        machine=EVIL,
        settings={EVIL: EVIL},
        counts=replace(report.job.counts, ambiguous={EVIL: 1}, attempts={EVIL: 1}),
    )
    evil = replace(
        report,
        job=job,
        warnings=(EVIL,),
        not_tested=(EVIL,),
        no_guarantee=EVIL,
        refusals=(Refusals(EVIL, 1, (RefusedExample(EVIL, EVIL),)),),
        measures=(Measure(EVIL, 1.0, EVIL, None, {EVIL: 0.5}, EVIL, EVIL),),
        pairs=(Pair(EVIL, jpeg(), jpeg(), EVIL, '"' + EVIL),),
    )
    page = Page(render(evil))
    assert [tag for tag, _ in page.tags].count("script") == 1
    assert all(a.get("src", "data:") != "x" and "onerror" not in a for _, a in page.tags)
    assert "<script>alert('x')</script>" in page.text
    scanned = ScanReport(job, (RecordRisk(EVIL, 1, {EVIL: 1}, metadata=(EVIL,)),))
    assert [tag for tag, _ in Page(render(scanned)).tags].count("script") == 1


def test_the_summary_page_says_it_in_sentences(report: DesensitizeReport) -> None:
    text = Page(render(report)).text
    for part in (
        "10 records went in",
        "8 records came out",
        "2 records were refused",
        "1 of 100.",
        "Not tested:",
        "What remains.",
        "no differential-privacy guarantee",
        "Backend 'blur' is weak.",
        "Measure again by 2027-11-21",
    ):
        assert part in text
    assert (
        "Differential privacy with ε"
        in Page(render(replace(report, guarantee=Guarantee(1.0, 1e-6, "one person")))).text
    )


def test_expressions_that_stay_are_explained(report: DesensitizeReport) -> None:
    note = "An identity expression that is true of the stand-in"
    assert note not in render(report)
    counts = replace(report.job.counts, mentions={"expression": Count(5, 3)})
    assert note in render(replace(report, job=replace(report.job, counts=counts)))


def test_every_figure_has_words_for_a_screen_reader(report: DesensitizeReport) -> None:
    images = [a for t, a in Page(render(report)).tags if t == "svg" and a.get("role") == "img"]
    assert len(images) == len(report.measures)
    assert "interval 0.0 % to 5.4 %" in str(images[0]["aria-label"]).replace("\u00a0", " ")
    assert "original 97.0 %" in str(images[0]["aria-label"]).replace("\u00a0", " ")


def test_originals_are_marked_and_carry_no_metadata(report: DesensitizeReport, pair: Pair) -> None:
    without, page = render(report), render(replace(report, pairs=(pair,)))
    warning = "This file contains original pictures and texts of people."
    assert warning not in without and "data:image" not in without
    assert warning in page
    for data in re.findall(r"data:image/jpeg;base64,([A-Za-z0-9+/=]+)", page):
        decoded = base64.b64decode(data)
        assert b"canary-comment" not in decoded and b"Exif" not in decoded
    assert "<mark>Ann</mark>" in page and "<mark>Poe</mark>" in page


def test_a_page_with_pairs_stays_below_five_megabytes(report: DesensitizeReport) -> None:
    noise = np.random.default_rng(3).integers(0, 256, (900, 1200, 3), np.uint8)
    busy = jpeg_of(noise)
    page = render(replace(report, pairs=tuple(Pair(str(i), busy, busy) for i in range(30))))
    assert 500_000 < len(page.encode()) <= 5_000_000
    assert "left out to keep this page small" in page


def test_broken_pictures_are_left_out_and_counted() -> None:
    pairs = (Pair("1", b"not a picture", b""), Pair("2", jpeg()[:40], None), Pair("3", None, None))
    shown, left_out = shown_pairs(pairs)
    assert [one.record_id for one in shown] == ["3"]
    assert left_out == 2
    assert BUDGET < 5_000_000


def test_long_lists_are_cut_with_a_word_about_it(scan: ScanReport) -> None:
    many = tuple(RecordRisk(f"metadata.jsonl:{i}", 1) for i in range(5000))
    page = render(replace(scan, records=many))
    assert len(page) < 2_000_000
    assert "4,500 further records in the JSON report" in page


def test_an_empty_job_renders(report: DesensitizeReport, scan: ScanReport) -> None:
    job = replace(report.job, counts=Counts(), settings={}, versions={}, hashes={}, machine="")
    text = Page(render(DesensitizeReport(job, report.release))).text
    assert "No attack was run on this output" in text
    assert "Nothing was measured on this output" in text
    assert "No record was read." in Page(render(ScanReport(job))).text


def jpeg_of(pixels: np.ndarray[tuple[int, ...], np.dtype[np.uint8]]) -> bytes:
    stream = io.BytesIO()
    Image.fromarray(pixels).save(stream, "JPEG", quality=95)
    return stream.getvalue()
