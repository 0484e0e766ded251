# SPDX-License-Identifier: Apache-2.0
"""Texts speak of stand-ins, the rest is untouched, nothing replaced is left, it turns back."""

from __future__ import annotations

from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from polyveil.errors import UsageError
from polyveil.privacy.key import ProjectKey
from polyveil.privacy.vault import Vault
from polyveil.records.finding import Kind, Mention
from polyveil.replace.attributes import change
from polyveil.replace.casting import Part, PersonaRegistry, cast, name_words
from polyveil.replace.leftovers import leftovers
from polyveil.replace.persona import Persona
from polyveil.replace.text import Rewritten, rewrite

KEY = ProjectKey(bytes(32))
REGISTRY = PersonaRegistry()
JOHN = cast(KEY, Part("john", names=("John Smith",), sex="man"), REGISTRY)
ANN = cast(KEY, Part("ann", names=("Ann Jones",), sex="woman"), REGISTRY)
filler = st.text(alphabet="bcdfgh .,é\n'\"()日", max_size=20)


def found(text: str, surface: str, kind: Kind = Kind.NAME, canonical: str = "") -> Mention:
    start = text.index(surface)
    return Mention(
        (), start, start + len(surface), kind, surface, canonical or surface.lower(), 1, "t"
    )


def told(text: str, who: Persona = JOHN, **surfaces: Kind) -> Rewritten:
    mentions = [found(text, s, k) for s, k in (surfaces or {"John Smith": Kind.NAME}).items()]
    return rewrite(
        text, mentions, dict.fromkeys(range(len(mentions)), who), key=KEY, registry=REGISTRY
    )


@given(filler, filler, filler)
@settings(max_examples=60, deadline=None)
def test_text_outside_the_edits_is_untouched(a: str, b: str, c: str):
    text = f"{a} John Smith {b} john@acme.com {c}"
    mentions = [found(text, "John Smith"), found(text, "john@acme.com", Kind.EMAIL)]
    new = rewrite(text, mentions, {0: JOHN, 1: JOHN}, key=KEY, registry=REGISTRY)
    old_at, new_at, grown = 0, 0, 0
    for edit in new.edits:
        start = edit.start + grown
        assert new.text[new_at:start] == text[old_at : edit.start]
        old_at, new_at = edit.end, start + len(edit.replacement)
        assert new.text[start:new_at] == edit.replacement
        grown += len(edit.replacement) - (edit.end - edit.start)
    assert new.text[new_at:] == text[old_at:]
    assert not leftovers(new.texts, mentions, stand_ins=new.stand_ins())


def test_every_recurrence_is_replaced_and_the_leftover_check_is_awake():
    text = "John Smith came. JOHN waved; smith's dog, /john/ and Smith."
    new = told(text)
    assert not {"john", "smith"} & set(name_words(new.text))
    left = leftovers(text, [found(text, "John Smith")])
    assert len({(x.start, x.end) for x in left if not x.whole}) == 6


def test_common_words_count_as_names_only_where_they_are_names():
    text = "Will Young said he will dance; young Will."
    left = leftovers("he will, young. Will it? Hello Will.", [found(text, "Will Young")])
    assert [x.start for x in left] == [31]


def test_articles_capitals_and_possessives():
    adam = Persona(("Adam",), ("Olson",), "man", None, 0, 200, "0" * 32)
    tess = Persona(("Tess",), ("Wu",), "woman", None, 0, 200, "1" * 32)
    for text, surface, who, expected in (
        ("a Smith by name", "Smith", adam, "an Olson by name"),
        ("An Ito by name", "Ito", tess, "A Wu by name"),
        ("James' car", "James", adam, "Adam's car"),
        ("James' car", "James", tess, "Tess' car"),
    ):
        mention = found(text, surface)
        registry = PersonaRegistry(
            originals={who.token: ("Mia Ito",) if surface == "Ito" else ("James Smith",)}
        )
        assert rewrite(text, [mention], {0: who}, key=KEY, registry=registry).text == expected


def test_weekdays_follow_the_date():
    text = "On Monday, March 5, 1984 it rained"
    mention = found(text, "March 5, 1984", Kind.DATE, "1984-03-05")
    who = Persona(("A",), ("B",), None, None, 0, 200, "0" * 32)
    assert (
        rewrite(text, [mention], {0: who}, key=KEY).text
        == "On Friday, September 21, 1984 it rained"
    )


def test_pronouns_follow_only_where_nobody_else_is_meant():
    text = "Ann Jones took her dog; it is hers. She saw her."
    mentions = [found(text, "Ann Jones")]
    old = {JOHN.token: {"sex": "woman"}}
    new = rewrite(text, mentions, {0: JOHN}, key=KEY, old_facets=old)
    assert new.text.endswith("took his dog; it is his. He saw him.")
    both = text + " Eva Lee left."
    mentions = [found(both, "Ann Jones"), found(both, "Eva Lee")]
    old = {JOHN.token: {"sex": "woman"}, ANN.token: {"sex": "woman"}}
    new = rewrite(both, mentions, {0: JOHN, 1: ANN}, key=KEY, old_facets=old)
    assert "took her dog" in new.text and new.notes


@pytest.mark.parametrize(
    ("text", "word", "facet", "new", "expected"),
    [
        ("the bearded man in red", "bearded", "beard", "none", "the man in red"),
        ("Bearded man in red", "Bearded", "beard", "none", "Man in red"),
        ("a man with a beard sits", "with a beard", "beard", "none", "a man sits"),
        ("he has a beard", "beard", "beard", "none", "he has no beard"),
        ("a man with a beard", "beard", "beard", "stubble", "a man with stubble"),
        ("a girl wearing glasses and a hat", "glasses", "glasses", "none", "a girl wearing a hat"),
        ("a man without glasses", "glasses", "glasses", "glasses", "a man with glasses"),
        ("the girl smiles at him", "smiles", "expression", "neutral", "the girl looks at him"),
        ("a boy runs", "boy", "sex", "woman", "a girl runs"),
        ("a boy runs", "boy", "age", "adult", "a man runs"),
    ],
)  # fmt: skip
def test_looks(text: str, word: str, facet: str, new: str, expected: str):
    start = text.index(word)
    result = change(text, (start, start + len(word)), facet, new, None)
    assert result is not None
    assert text[: result[0]] + result[2] + text[result[1] :] == expected


def test_only_what_is_no_longer_true_is_changed():
    text = "An elderly bearded man in red"
    mention = found(text, text, Kind.EXPRESSION)
    spans = {0: [("beard", "beard", 11, 18), ("age", "senior", 3, 10), ("clothes", "red", 26, 29)]}
    shown = {JOHN.token: {"beard": "none", "age": "senior", "clothes": "blue"}}
    new = rewrite(text, [mention], {0: JOHN}, key=KEY, new_facets=shown, attribute_spans=spans)
    assert new.text == "An elderly man in red"


def test_twice_changes_nothing_more():
    new = told("John Smith calls.")
    again = found(new.text, JOHN.full_name)
    assert rewrite(new.text, [again], {0: ANN}, key=KEY, registry=REGISTRY).text == new.text


def test_a_span_that_does_not_fit_is_refused_without_the_secret():
    with pytest.raises(UsageError) as refusal:
        rewrite("nobody", [found("John Smith", "John Smith")], {}, key=KEY)
    assert "John" not in str(refusal.value)


def test_a_vault_turns_it_back(tmp_path: Path):
    text = "John Smith, John and smith met a Smith."
    new = told(text)
    with Vault.create(tmp_path / "v", "a long passphrase", cost=2**14) as vault:
        spans = new.reversals()
        vault.put_texts("out", {path: (new.texts[path], spans[path]) for path in spans})
        assert vault.restore_text("out", new.text) == text


def test_a_neighbouring_age_band_leaves_the_words_true() -> None:
    from polyveil.replace.text import _still_true

    assert _still_true("age", "adult", "senior") and _still_true("age", "child", "baby")
    assert not _still_true("age", "child", "adult") and not _still_true("beard", "none", "beard")
