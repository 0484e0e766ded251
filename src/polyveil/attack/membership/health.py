# SPDX-License-Identifier: Apache-2.0
"""Whether a membership figure may be believed: the controls of the attacks on training sets.

| Guard | against | fails if |
|---|---|---|
| disjoint splits | false alarm | two of members, non-members, population share a record |
| blind attacker | false alarm | records alone, without a model, explain a quarter of the figure |
| look alike | false comfort | records alone tell the two samples apart |
| null control | false alarm | the same attack on models that saw neither explains a quarter |
| null control, fresh records | false alarm | the target tells two fresh samples apart |
| positive control | false comfort | a model that remembers is not caught |
| shadow models | false comfort | they are far worse than the target, or rank records otherwise |
| more shadow models | false comfort | half of them do clearly worse: the attack still grows |
| plain loss | false comfort | the loss alone beats the attack |

A quarter, and not anything at all: with many records a difference that explains nothing of a leak
is significant too.
"""

from __future__ import annotations

import numpy as np

from polyveil.attack.guard import Guard
from polyveil.attack.membership.answers import Answers, Bools, View
from polyveil.attack.membership.evidence import Evidence
from polyveil.attack.membership.signal import Floats
from polyveil.attack.roc import Area, area_under, midranks
from polyveil.attack.splits import SplitProof

FRESH = "null control, fresh records"
"""What an attack without shadow models has in place of models that never saw the record."""
BLIND = "blind attacker"
ALIKE = "members and non-members look alike"
_EXPLAINED = 0.25
_SIGNIFICANT = 0.05
_CAUGHT = 0.6
"""AUC from which on a control counts as caught, if p <= 0.01 too."""
_DIFFERENT = 0.55
"""Lower end of the blind attacker's AUC beyond which one sample says nothing of the other."""
_GROWTH = 0.03
_BEATEN = 0.05
_SKILL = 0.75
"""Share of the target's skill on unseen records that shadow models must have."""
_AGREEMENT = 0.5
"""Share of the agreement among shadow models that they must have with the target."""
_WIDTH = 2.0
"""Factor between the spread of the target's margins and theirs."""


def guards(evidence: Evidence, area: Area) -> tuple[Guard, ...]:
    """All checks of one attack, its own ones last."""
    found = [
        disjoint(evidence.answers.proof),
        *_blind(evidence, area),
        _positive(evidence),
    ]
    if evidence.unseen is not None or not any(one.name == FRESH for one in evidence.guards):
        found.append(_null(evidence, area))
    if evidence.halved is not None:
        found.append(_growth(evidence, evidence.halved, area))
    found.append(_not_beaten(evidence, area))
    return (*found, *evidence.guards)


def disjoint(proof: SplitProof) -> Guard:
    """No record is in two parts."""
    return proof.guard()


def resemblance(answers: Answers) -> Guard:
    """Shadow models do on records that they did not see what the target does on non-members.

    Judged by non-members alone, for on members the two must differ if the target leaks.
    """
    view, others = answers.view, ~answers.is_member
    skill, theirs = _skills(view, others)
    agreement, usual = _agreements(view, others)
    width = _widths(view, others)
    passed = (
        theirs >= _SKILL * skill
        and agreement >= _AGREEMENT * usual
        and 1 / _WIDTH <= width <= _WIDTH
    )
    return Guard(
        "shadow models resemble the target",
        "false comfort",
        bool(passed),
        f"on records they did not see, shadow models beat guessing by {theirs:.3f}, the target by "
        f"{skill:.3f}; rank correlation of their margins with the target's {agreement:.2f}, with "
        f"each other's {usual:.2f}; spread of margins {width:.2f} times the target's",
    )


def _blind(evidence: Evidence, area: Area) -> tuple[Guard, Guard]:
    """The same samples can accuse the innocent, and the other way round hide a leak."""
    blind = evidence.answers.blind
    if blind is None:
        said = "was not tried"
        return Guard(BLIND, "false alarm", False, said), Guard(ALIKE, "false comfort", False, said)
    who = "records alone, without a model"
    found = area_under(blind, evidence.answers.is_member).area
    told = f"{who}, tell members from non-members with AUC {found.estimate:.3f}"
    alike = Guard(ALIKE, "false comfort", found.low <= _DIFFERENT, told)
    return _innocent(BLIND, who, blind, evidence, area), alike


def _null(evidence: Evidence, area: Area) -> Guard:
    if evidence.unseen is None:
        said = "too few shadow models to play an innocent target; it takes 4, or 2 for an attack "
        return Guard("null control", "false alarm", False, said + "that needs none")
    who = "the same attack on shadow models that never saw the record"
    return _innocent("null control", who, evidence.unseen, evidence, area)


def _innocent(name: str, who: str, scores: Floats, evidence: Evidence, area: Area) -> Guard:
    """An attacker who cannot know anything tells members from non-members no better than that."""
    found = area_under(scores, evidence.answers.is_member)
    excess = found.area.estimate - 0.5
    explained = excess >= _EXPLAINED * max(area.area.estimate - 0.5, 0.0)
    passed = not (found.p_value <= _SIGNIFICANT and explained)
    spread = f"AUC {found.area.estimate:.3f} [{found.area.low:.3f}, {found.area.high:.3f}]"
    seen = f"{who}: {spread}, p {found.p_value:.2g}"
    more = "" if passed else "; members and non-members differ without the target"
    return Guard(name, "false alarm", passed, seen + more)


def _positive(evidence: Evidence) -> Guard:
    """A target that remembers must be caught."""
    keep, played = evidence.answers.twin_keep, _played(evidence)
    if evidence.twin is not None and keep is not None:
        who = f"a twin trained on {int(keep.sum()):,} records again and again"
        found = area_under(evidence.twin, keep)
    elif played is not None:
        who, found = "two shadow models played as targets, no overfit twin being given,", played
    else:
        said = "no twin, and too few shadow models to play one; nothing shows that it can succeed"
        return Guard("positive control", "false comfort", False, said)
    passed = found.p_value <= 0.01 and found.area.estimate >= _CAUGHT
    verb = "caught" if passed else "NOT caught"
    told = f"{who} {verb}: AUC {found.area.estimate:.3f}, p {found.p_value:.2g}"
    if not passed and played is not None and played.area.estimate < _CAUGHT:
        told += (
            f"; shadow models do not remember either (AUC {played.area.estimate:.3f}), so that "
            "what an attack learns from them helps little"
        )
    return Guard("positive control", "false comfort", passed, told)


def _played(evidence: Evidence) -> Area | None:
    """How well shadow models that saw a record are told from ones that did not."""
    if evidence.seen is None or evidence.unseen is None:
        return None
    mask = np.repeat([True, False], len(evidence.seen))
    return area_under(np.concatenate([evidence.seen, evidence.unseen]), mask)


def _growth(evidence: Evidence, halved: Floats, area: Area) -> Guard:
    half = area_under(halved, evidence.answers.is_member).area.estimate
    passed = area.area.estimate - half <= _GROWTH
    told = f"AUC {half:.3f} with half of the shadow models, {area.area.estimate:.3f} with all"
    return Guard("more shadow models change little", "false comfort", passed, told)


def _not_beaten(evidence: Evidence, area: Area) -> Guard:
    answers = evidence.answers
    plain = area_under(answers.view.target.likelihood, answers.is_member).area.estimate
    passed = area.area.estimate >= plain - _BEATEN
    told = f"AUC {area.area.estimate:.3f}, of the loss alone {plain:.3f}"
    return Guard("not weaker than the plain loss", "false comfort", passed, told)


def _skills(view: View, others: Bools) -> tuple[float, float]:
    """Accuracy beyond always naming the commonest class: the target's, the shadow models' mean."""
    shadows = view.needed_shadows("resemblance")
    guess = np.bincount(view.labels[others]).max() / others.sum()
    out = ~view.keep & others
    theirs = (shadows.correct & out).sum() / max(out.sum(), 1)
    return float(view.target.correct[others].mean() - guess), float(theirs - guess)


def _agreements(view: View, others: Bools) -> tuple[float, float]:
    """Rank correlation over non-members of the mean unseen margin with the target's margin, and
    of each shadow model's with the mean of the rest (median)."""
    margins = view.needed_shadows("resemblance").margin
    out = ~view.keep
    total, count = (margins * out).sum(0), out.sum(0)
    known = others & (count > 0)
    agreement = _spearman(view.target.margin[known], (total / np.maximum(count, 1))[known])
    each = []
    for model in range(view.models):
        rows = others & out[model] & (count > 1)
        rest = (total - margins[model]) / np.maximum(count - 1, 1)
        each.append(_spearman(margins[model][rows], rest[rows]))
    return agreement, float(np.median(each))


def _widths(view: View, others: Bools) -> float:
    """Spread of the shadow models' unseen margins over that of the target's, robustly."""
    margins = view.needed_shadows("resemblance").margin
    theirs = [_spread(margins[model][others & ~view.keep[model]]) for model in range(view.models)]
    own = _spread(view.target.margin[others])
    return float(np.median(theirs)) / own if own > 0 else float("inf")


def _spread(values: Floats) -> float:
    return float(np.subtract(*np.percentile(values, [75, 25]))) if len(values) else 0.0


def _spearman(first: Floats, second: Floats) -> float:
    if len(first) < 3:
        return 0.0
    one, other = midranks(first), midranks(second)
    spread = float(one.std() * other.std())
    product = float(((one - one.mean()) * (other - other.mean())).mean())
    return product / spread if spread > 0 else 0.0
