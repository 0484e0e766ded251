# SPDX-License-Identifier: Apache-2.0
"""The audit's page: one file of eight parts that loads nothing and promises nothing."""

from __future__ import annotations

import base64
import hashlib
import re
from dataclasses import replace
from itertools import pairwise
from typing import Any

import pytest
from audit_example import example, members
from test_html import EVIL, Page

from polyveil.attack.guard import Guard
from polyveil.attack.result import Curve, Effort, Exposed
from polyveil.attack.splits import Part
from polyveil.attack.threat import Threat
from polyveil.report import (
    AuditReport,
    Claim,
    Job,
    Measure,
    Refusals,
    RefusedExample,
    Skipped,
    System,
    Untested,
    render_audit,
)
from polyveil.report import audit_words as words

TWO_MEGABYTES = 2_000_000


@pytest.fixture(scope="module")
def report() -> AuditReport:
    return example()


@pytest.fixture(scope="module")
def source(report: AuditReport) -> str:
    return render_audit(report)


@pytest.fixture(scope="module")
def page(source: str) -> Page:
    return Page(source)


def bare() -> AuditReport:
    """An audit in which nothing was tried."""
    return AuditReport(
        Job("audit", "0.1.0", "2026-11-21T09:00:00+00:00", "2026-11-21T09:00:01+00:00", "c", "k"),
        System("table", "d", "p", "f"),
    )


def test_eight_parts_in_order(page: Page) -> None:
    ids = [a["id"] for tag, a in page.tags if tag == "section"]
    assert ids == [
        "summary", "claims", "threats", "results", "health", "multiplicity", "reproduce",
        "residual",
    ]  # fmt: skip
    links = [a["href"] for tag, a in page.tags if tag == "a"]
    assert set(links) <= {f"#{a['id']}" for _, a in page.tags if "id" in a}


def test_every_tag_is_closed_and_no_heading_level_is_skipped(page: Page) -> None:
    assert page.open == []
    levels = [int(tag[1]) for tag, _ in page.tags if re.fullmatch(r"h[1-6]", tag)]
    assert levels[0] == 1 and levels.count(1) == 1
    assert all(below - above <= 1 for above, below in pairwise(levels))


@pytest.mark.parametrize("made", [example, bare])
def test_never_a_word_that_promises(made: Any) -> None:
    text = Page(render_audit(made())).text
    assert not re.search(r"\b(safe|safely|anonymous|anonymously|anonymi[sz]ed)\b", text, re.I)


def test_nothing_is_loaded_and_the_policy_admits_our_style_only(page: Page, source: str) -> None:
    for tag, attributes in page.tags:
        assert tag not in {"link", "iframe", "object", "embed", "base", "form", "img"}
        assert not {"src", "style", "srcset"} & set(attributes), (tag, attributes)
        assert not [name for name in attributes if name.startswith("on")], tag
    assert "http://" not in source and "https://" not in source and "url(" not in source
    policy = next(str(a["content"]) for _, a in page.tags if a.get("http-equiv"))
    [style] = re.findall(r"<style>(.*?)</style>", source, re.DOTALL)
    digest = base64.b64encode(hashlib.sha256(style.encode()).digest()).decode()
    assert f"style-src 'sha256-{digest}'" in policy and "unsafe" not in policy


def test_what_each_reader_looks_for_is_there(page: Page) -> None:
    for said in (
        "Of 9 threats tested, 2 leak",
        "20,000 customers of a bank in Austria",
        "Guessing names 10.",
        "Undecided: a check of the attack failed (attacker converged).",
        "ε recomputed from the settings",
        "2.79",
        "LiRA, online, 64 shadow models",
        "needs 38 minutes; 6 were allowed",
        "4.1 % to 7.0 % (Clopper-Pearson, 95 %, n = 1,000)",
        "Worst group: customers under 25",
        "record 7f3a",
        "Clean accuracy",
        "Twice the epochs raise the training score",
        "The verdict is therefore inconclusive.",
        "11 attacks with 23 thresholds and settings in all",
        "at most 5.0 %",
        "9f2c" * 16,
        "e5f6" * 16,
        "queries and held out: 12",
        "polyveil audit DIR --data DIR --minutes 6 --out DIR",
        "1: a leak was demonstrated or a claim refuted",
        "A demonstrated weakness does not change it",
        "Only 1,000 others were at hand",
        "Measure again by 2027-11-21",
        "Data-protection officer: name, date, signature",
    ):
        assert said in page.text.replace("\u00a0", " "), said


def test_failed_checks_come_first(page: Page) -> None:
    health = page.text[page.text.index("Health of the attacks") :]
    assert health.index("Failed") < health.index("Passed")
    assert health.index("Twice the epochs raise") < health.index("an overfit twin")


def test_the_three_risks_are_named_even_if_nothing_was_tried() -> None:
    text = Page(render_audit(bare())).text
    for risk in ("Singling out", "Linkability", "Inference"):
        assert risk in text
    assert text.count("No attack of this kind was run; nothing is known.") == 3
    assert "No threat was tested: nothing is known about what leaks." in text
    assert "Nothing was claimed about this system" in text
    assert "No proof of disjoint parts was handed in." in text


def test_every_p_value_stands_beside_its_level(report: AuditReport, page: Page) -> None:
    part = page.text[page.text.index("Multiplicity", page.text.index("Passed")) :]
    assert re.search(r"LiRA, offline, 16 shadow models 3 < 0.000001 0.0063 more than chance", part)
    assert re.search(r"Population threshold 3 0.210 0.010 not told from chance", part)
    assert re.search(r"Text-to-face linkage 1 – – by its interval", part)


def test_two_attackers_of_one_threat_who_know_different_things_are_two_rows() -> None:
    other = replace(members("other", 12, 0.1, 0.3).threat, knowledge="nothing at all")
    both = (members("one", 12, 0.1, 0.3), replace(members("two", 12, 0.1, 0.3), threat=other))
    text = Page(render_audit(replace(example(), attacks=both))).text
    assert "nothing at all" in text and "other records of the same kind" in text


def test_values_of_single_records_never_reach_the_page(report: AuditReport) -> None:
    import numpy as np

    marked = replace(report.attacks[0], arrays={"canary-array": np.array([0.123456789])})
    source = render_audit(replace(report, attacks=(marked,)))
    assert "canary-array" not in source and "0.1234567" not in source


def test_text_of_an_audit_is_never_executed(report: AuditReport) -> None:
    threat = Threat(EVIL, EVIL, EVIL, EVIL)
    evil = replace(
        report,
        job=replace(report.job, command=EVIL, input_kind=EVIL, machine=EVIL, settings={EVIL: EVIL}),
        system=System(EVIL, EVIL, EVIL, EVIL, {EVIL: EVIL}, {EVIL: EVIL}),
        attacks=(
            replace(
                report.attacks[0],
                attack=EVIL,
                threat=threat,
                headline=Measure(EVIL, 0.5, EVIL, None, {EVIL: 0.1}, EVIL, EVIL),
                sentence=EVIL,
                guards=tuple(Guard(EVIL, "false alarm", fine, EVIL) for fine in (True, False)),
                measures=(Measure(EVIL, 1.0, EVIL, None, {EVIL: 0.5}, EVIL, EVIL),),
                curves=(Curve(EVIL, (0.0, 1.0), (0.0, 1.0), EVIL, EVIL, chance=(0.0, 0.0)),),
                exposed=(Exposed(EVIL, 1.0, EVIL),),
                not_tested=(EVIL,),
                notes=(EVIL,),
            ),
        ),
        claims=(Claim(EVIL, EVIL, 1.0, 1e-5, sentence=EVIL),),
        utility=(Measure(EVIL, 1.0),),
        skipped=(Skipped(EVIL, EVIL),),
        untested=(Untested(replace(threat, id="other"), EVIL),),
        parts=(Part(EVIL, 1, EVIL),),
        shared={EVIL: 1},
        refusals=(Refusals(EVIL, 1, (RefusedExample(EVIL, EVIL),)),),
        warnings=(EVIL,) * 3,
        not_tested=(EVIL,),
    )  # fmt: skip
    page = Page(render_audit(evil))
    tags = [tag for tag, _ in page.tags]
    assert tags.count("script") == 1 and "img" not in tags
    assert all("onerror" not in a and a.get("src") is None for _, a in page.tags)
    assert "<script>alert('x')</script>" in page.text


def test_a_large_audit_stays_below_two_megabytes(report: AuditReport) -> None:
    n = 800
    x = tuple(i / n for i in range(n))
    y = tuple(hash((i, "y")) % 997 / 1000 for i in range(n))
    curve = Curve("c", x, y, "noise", "found, share", y, y[::-1], x)
    many = tuple(
        replace(
            members(f"attack {i}", 20, 0.3, 0.1),
            threat=replace(members("x", 20, 0.3, 0.1).threat, id=str(i)),
            curves=tuple(replace(curve, name=f"c{k}") for k in range(20)),
            exposed=tuple(Exposed(f"record {k}", 1.0, "s" * 200) for k in range(500)),
        )
        for i in range(6)
    )
    source = render_audit(replace(report, attacks=many))
    assert len(source.encode()) < TWO_MEGABYTES
    assert "490 more in the JSON report" in source and "further plots in the JSON" in source


def test_every_plot_has_words_for_a_screen_reader(page: Page) -> None:
    images = [a for tag, a in page.tags if tag == "svg" and a.get("role") == "img"]
    said = " ".join(str(a["aria-label"]) for a in images).replace("\u00a0", " ")
    assert len(images) == 11 + 2 + 4, "a bar for each attack, for each epsilon, and four plots"
    assert "Members found, share of members by false alarms, share of others." in said
    assert re.search(r"LiRA, offline, 16 shadow models: 0.68 % at 0.1 %, 4.3 % at 0.98 %", said)
    assert "Epsilon: claimed 0.21; recomputed 2.79; shown at least 0.74" in said
    for tag, a in page.tags:
        if tag == "svg" and a.get("role") != "img":
            assert a.get("aria-hidden") == "true"


def test_models_that_attacks_share_were_trained_once() -> None:
    one = Effort(1.0, 300, 5, 2, shared_models=5, shared_seconds=19.0)
    alone = Effort(1.0, 10, 2)

    def said(*efforts: Effort) -> str:
        return words.spent(words.together(efforts)).replace("\u00a0", " ")

    assert said(one, one, one) == "900 queries, 5 models trained, 22.0 s"
    assert said(one, alone) == "310 queries, 7 models trained, 21.0 s"
    assert said(alone, alone) == "20 queries, 4 models trained, 2.0 s"
