# SPDX-License-Identifier: Apache-2.0
"""The page of a reproduced table: whole with any part missing, loads nothing, marks no noise."""

from __future__ import annotations

import base64
import hashlib
import re
from dataclasses import replace
from itertools import pairwise
from typing import Any

import pytest
from reproduced_example import example, row, spread
from test_html import EVIL, Page

from polyveil.report.reproduced import Paper, Printed, Reproduced
from polyveil.report.reproduced_html import render_reproduced

SHAPES: dict[str, dict[str, Any]] = {
    "whole": {},
    "one method": {"methods": ["joint"]},
    "one seed": {"seeds": 1},
    "no paper": {"printed": False},
    "one budget": {"budgets": [8.0]},
    "no budget": {"budgets": [None]},
    "unfinished": {"left": 7, "seeds": 1, "budgets": [None, 1.0]},
}


@pytest.fixture(params=SHAPES)
def table(request: pytest.FixtureRequest) -> Reproduced:
    return example(**SHAPES[request.param])


def test_eight_parts_closed_and_linked(table: Reproduced) -> None:
    page = Page(render_reproduced(table))
    assert page.open == []
    parts = [a["id"] for tag, a in page.tags if tag == "section"]
    assert parts == [
        "summary", "cost", "figures", "fusion", "calibration", "guarantees", "limits", "reproduce",
    ]  # fmt: skip
    ids = [a["id"] for _, a in page.tags if "id" in a]
    assert len(ids) == len(set(ids))
    assert {a["href"] for tag, a in page.tags if tag == "a"} <= {f"#{one}" for one in ids}
    levels = [int(tag[1]) for tag, _ in page.tags if re.fullmatch(r"h[1-6]", tag)]
    assert levels.count(1) == 1 and all(below - above <= 1 for above, below in pairwise(levels))
    assert not re.search(r"\b(None|nan|inf|Undefined|safe|anonymous)\b", page.text)


def test_nothing_is_loaded_and_the_policy_admits_our_style_only(table: Reproduced) -> None:
    source = render_reproduced(table)
    page = Page(source)
    for tag, attributes in page.tags:
        assert tag not in {"link", "iframe", "object", "embed", "base", "form", "img"}
        assert not {"src", "style", "srcset"} & set(attributes), (tag, attributes)
        assert not [name for name in attributes if name.startswith("on")], tag
    assert "http://" not in source and "https://" not in source and "url(" not in source
    policy = next(str(a["content"]) for _, a in page.tags if a.get("http-equiv"))
    [style] = re.findall(r"<style>(.*?)</style>", source, re.DOTALL)
    digest = base64.b64encode(hashlib.sha256(style.encode()).digest()).decode()
    assert f"style-src 'sha256-{digest}'" in policy and "unsafe" not in policy
    for tag, a in page.tags:
        if tag == "svg" and a.get("role") == "img":
            assert a["aria-label"]


def test_the_summary_tells_cost_paper_and_unit() -> None:
    text = Page(render_reproduced(example())).text.replace("\u00a0", " ")
    for part in (
        "Alternating without privacy is right on 90.0 ± 1.6 % of the test records of EMO-DB (5 se",
        "Naming the commonest class every time is right on 25.0 ± 1.6 %",
        "costs 40.0 and 10.0 points",
        "The paper (Sun et al. 2025) prints 72.0 % without privacy and loses 9.5 points at ε = 1",
        "one record with all its modalities, with δ = 1e-5",
        "340 records read, 2 of them refused",
        "train 150 to 154",
        "Covered, for every method",
        "Each seed has a split of its own.",
        "The paper's encoders.",
        "polyveil reproduce pamrl",
    ):
        assert part in text, part


def test_a_set_that_the_paper_lacks_is_named() -> None:
    text = Page(render_reproduced(example(printed=False))).text
    assert "has no figure for EMO-DB" in text and "Diamonds" not in text


def test_an_unfinished_table_says_so() -> None:
    text = Page(render_reproduced(example(left=7))).text
    assert "Not finished." in text and "7 cells are still to be done" in text
    assert "Not finished." not in Page(render_reproduced(example())).text


def test_only_what_is_beyond_noise_is_marked() -> None:
    whole = render_reproduced(example())
    # Accuracy, F1 and ECE of the first method at each of three budgets; recall is accuracy again.
    assert whole.count('<b class="best">') == 9
    assert "told apart from every other" in Page(whole).text
    alike = example()
    alike = replace(alike, rows=tuple(replace(one, figures=row("joint", one.epsilon, 5).figures)
                                      for one in alike.rows))  # fmt: skip
    even = render_reproduced(alike)
    assert (
        '<b class="best">' not in even and "no method of a budget is told apart" in Page(even).text
    )
    few = render_reproduced(example(seeds=2))
    assert '<b class="best">' not in few and "fewer than 3 seeds" in Page(few).text


def test_one_method_has_no_rival_and_its_cost_a_test() -> None:
    source = render_reproduced(example(methods=["alternating"]))
    assert '<b class="best">' not in source
    assert "A cost is told from noise by a paired test over seeds" in Page(source).text


def test_a_best_calibration_error_is_the_least() -> None:
    source = render_reproduced(example(budgets=[8.0]))
    marked = re.findall(r'<b class="best">([\d.]+)</b>', source)
    assert marked == ["80.0", "70.0", "20.0"]


def test_costs_stand_beside_the_paper_and_their_noise() -> None:
    text = Page(render_reproduced(example())).text.replace("\u00a0", " ")
    assert re.search(
        r"ε = 1 50\.0 ± 1\.6 40\.0 yes; 5 of 5 seeds lose 50\.0 ± 1\.6 62\.5 9\.5 18\.34", text
    )
    noisy = example()
    rows = tuple(
        replace(one, figures={**one.figures, "accuracy": spread(0.88, 5, -0.05)})
        if one.epsilon == 8.0
        else one
        for one in noisy.rows
    )
    assert "not shown" in Page(render_reproduced(replace(noisy, rows=rows))).text


def test_diagrams_compare_calibrated_with_not() -> None:
    images = [
        str(a["aria-label"])
        for tag, a in Page(render_reproduced(example())).tags
        if tag == "svg" and a.get("role") == "img"
    ]
    assert len(images) == 2 + 3, "two figures by budget, reliability at three budgets"
    assert all("not calibrated" in one for one in images[2:])
    bare = example()
    bare = replace(bare, rows=tuple(replace(one, reliability={}) for one in bare.rows))
    assert "No confidences were kept" in Page(render_reproduced(bare)).text


def test_text_of_a_table_is_never_executed() -> None:
    made = example()
    evil = replace(
        made,
        job=replace(made.job, command=EVIL, machine=EVIL, settings={EVIL: EVIL}, input_kind=EVIL),
        title=EVIL,
        set=EVIL,
        fusion=EVIL,
        rows=tuple(
            replace(
                one,
                method=f"{one.method} {EVIL}",
                reason=EVIL if one.guarantee is None else "",
                figures={**one.figures, EVIL: spread(0.1, 5)},
                fusions={EVIL: one.fusions["mean"]},
                alone={EVIL: spread(0.1, 5)},
                guarantee=one.guarantee and {**one.guarantee, "covers": [EVIL], "unit": EVIL},
            )
            for one in made.rows
        ),
        paper=Paper(EVIL, EVIL, (Printed(EVIL, None, "accuracy", 1.0),)),
        remarks=(EVIL,),
        not_done=(EVIL,),
    )
    page = Page(render_reproduced(evil))
    tags = [tag for tag, _ in page.tags]
    assert tags.count("script") == 1 and "img" not in tags
    assert "<script>alert('x')</script>" in page.text


def test_a_table_without_a_cell_is_no_page() -> None:
    with pytest.raises(ValueError, match="finished cell"):
        render_reproduced(replace(example(), rows=()))
