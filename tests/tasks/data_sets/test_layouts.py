# SPDX-License-Identifier: Apache-2.0
"""The registry of layouts: each is recognised, alone, and split without cutting a tie."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

pytest.importorskip("torch")

from small_sets import MADE, emo_db

from polyveil.errors import UsageError
from polyveil.tasks.data_sets.layouts import AV_MNIST, EMO_DB, LAYOUTS, TWEETS, named, recognised
from polyveil.tasks.reproducing import pamrl

NAMES = [one.name for one in LAYOUTS]


@pytest.mark.parametrize("inner", [".", "dev"])
@pytest.mark.parametrize("name", NAMES)
def test_a_folder_is_recognised_as_what_it_is(tmp_path: Path, name: str, inner: str) -> None:
    root = tmp_path / "given"
    MADE[name](root / inner)
    matching = [one.name for one in LAYOUTS if one.folders(root)]
    assert matching == [name] and recognised(root) is named(name)
    found = named(name).read(root)
    assert len(found) > 20 and len(found.units) == len(found)
    assert set(found.labels) <= set(found.classes)


@pytest.mark.parametrize("name", NAMES)
def test_the_folder_that_an_archive_unpacks_to_is_found(tmp_path: Path, name: str) -> None:
    root = tmp_path / "given"
    MADE[name](root / "Unpacked 1")
    for beside in (".hidden", "__MACOSX", "notes"):
        (root / beside).mkdir()
    MADE[name](root / "__MACOSX")
    assert recognised(root) is named(name)
    assert named(name).folders(root) == named(name).folders(root / "Unpacked 1") != ()


def test_of_several_data_sets_none_is_chosen(tmp_path: Path) -> None:
    emo_db(tmp_path / "a")
    emo_db(tmp_path / "b")
    with pytest.raises(UsageError, match=r"several data sets: a \(EMO-DB\), b \(EMO-DB\)"):
        recognised(tmp_path)
    assert not EMO_DB.folders(tmp_path)
    MADE["tweets"](tmp_path / "c")
    with pytest.raises(UsageError, match=r"c \(tweets\)"):
        recognised(tmp_path)
    assert named("tweets").folders(tmp_path) == (tmp_path / "c",)


@pytest.mark.parametrize(("inside", "suffix"), [("wav", ".wav"), (".", ".flac"), ("dev", ".flac")])
def test_emo_db_may_be_a_folder_of_recordings(tmp_path: Path, inside: str, suffix: str) -> None:
    assert len(EMO_DB.read(emo_db(tmp_path, inside=inside, suffix=suffix))) == 32


@pytest.mark.parametrize("name", NAMES)
def test_a_split_of_a_table_cuts_no_tie(tmp_path: Path, name: str) -> None:
    layout, root = named(name), MADE[name](tmp_path / "given")
    found = layout.read(root)
    found = found.with_near_pictures() if layout.alike else found
    for seed in range(3):
        split = layout.split(found, seed)
        parts = (split.train, split.validation, split.test)
        assert sorted(np.concatenate(parts).tolist()) == list(range(len(found)))
        sides = [frozenset().union(*(found.ties[row] for row in part)) for part in parts]
        assert not (sides[0] & sides[1] or sides[0] & sides[2] or sides[1] & sides[2])


def test_what_is_none_of_them_hears_what_was_expected(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="none of the known layouts") as error:
        recognised(tmp_path)
    for one in LAYOUTS:
        assert one.name in str(error.value) and one.expected in str(error.value)
    with pytest.raises(UsageError, match="did you mean EMO-DB"):
        named("EMODB")
    with pytest.raises(UsageError, match=r"EMO-DB: expected a folder with wav/"):
        EMO_DB.read(tmp_path)


def test_steps_grow_with_the_budget_where_a_layout_says_so() -> None:
    small, large = EMO_DB.options(1.0), EMO_DB.options(4.0)
    assert (small.rate, large.rate) == (EMO_DB.private.rate, 2 * EMO_DB.private.rate)
    assert EMO_DB.options(None) is EMO_DB.plain
    assert AV_MNIST.options(1.0) == AV_MNIST.options(8.0) == AV_MNIST.private


def test_tables_of_a_chimeric_set_say_so(tmp_path: Path) -> None:
    found = pamrl.corpus(MADE["AV-MNIST"](tmp_path))
    assert "chimeric" in found.layout.title and "chimeric" in found.records.remarks[0]
    parts = found.parts(0)
    assert (len(parts.train), len(parts.validation), len(parts.test)) == (39, 6, 15)


def test_tables_of_tweets_say_that_pictures_were_compared(tmp_path: Path) -> None:
    found = pamrl.read(TWEETS, MADE["tweets"](tmp_path))
    assert any("'polyveil train' cannot" in one for one in found.records.remarks)


@pytest.mark.parametrize(
    ("pack", "layout"),
    [("voice_emodb", "EMO-DB"), ("imgtext_mvsa", "tweets"), ("av_mnist", "AV-MNIST")],
)
@pytest.mark.parametrize("inner", [".", "dev"])
def test_packs_are_taken_whole_and_by_their_inner_folder(
    data: Callable[[str], Path], pack: str, layout: str, inner: str
) -> None:
    root = data(pack) / inner
    assert recognised(root) is named(layout)
    assert named(layout).folders(root)[0].resolve().name == "dev"
    if named(layout) is AV_MNIST:
        data("voice_fsdd")
        assert len(AV_MNIST.folders(root)) == 2
