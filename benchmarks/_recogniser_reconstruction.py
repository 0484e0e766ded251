# SPDX-License-Identifier: Apache-2.0
"""Inputs rebuilt from a recogniser's codes, fast enough to be part of a table.

Whoever holds the codes (all that the recogniser sees of an input) and the network rebuilds the
inputs. He asks for the codes of people of his own, several times each, averages the noise away, and
learns the way back: by ridge regression, and by the autoencoder's own decoder with its mistakes
corrected (a perceptron where there is no autoencoder). The better one on people he held out is
used. He is judged by RE beside that of his mean, and by whether a matcher that was trained apart,
on his people, takes what he rebuilt for another record of the same person.

A system is a module that maps modality -> tensor to something with `.codes`. Labels are people.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

from _chimeric_sets import Set
from _matcher import chance, chosen_matcher
from _spread import spread
from polyveil.attack.classifier import evaluating
from polyveil.attack.examples import Examples, Inputs
from polyveil.attack.inversion.controls import Parts
from polyveil.attack.inversion.decoder import Decoder, Pairs, Ridge, Trained
from polyveil.attack.inversion.encoder import Encoder
from polyveil.attack.inversion.given import Corrected, Given
from polyveil.attack.inversion.network import Perceptron, Schedule
from polyveil.attack.inversion.reconstruction import errors, r_squared
from polyveil.attack.splits import prove_disjoint
from polyveil.interval import Interval, bootstrap
from polyveil.models.recognition.modality import slot
from polyveil.models.vae import VAE
from polyveil.recognize.chimeric import Pairing, Part

Floats = NDArray[np.floating]
REPEATS = 32
"""Answers that the attacker averages, of each record."""
SHORT = Schedule(epochs=40, patience=6)


@dataclass(frozen=True)
class Rebuilt:
    """What an attacker rebuilt of one modality.

    Attributes:
      error: RE, mean squared error in squared units of the input, interval over people.
      mean_error: RE of his mean; share: 1 - RE / RE of the mean, what he learns beyond it.
      once_error: RE if each record's code is seen once only.
      decoder: the one he chose.
      recognised: share of reconstructions that the matcher takes for another record of the same
        person, rank 1; matcher: which it was, chosen on the attacker's people.
      originals: the same of the originals, the most that can be asked; chance: of a blind guess.
      values: float32 (targets, *shape), to be looked at. Secret.
    """

    error: Interval
    mean_error: float
    share: Interval
    once_error: float
    decoder: str
    recognised: Interval
    originals: float
    chance: float
    matcher: str
    values: Floats = field(repr=False)

    def as_json(self) -> dict[str, object]:
        """Figures alone."""
        return {
            "RE": spread(self.error),
            "RE of the mean": self.mean_error,
            "R2": spread(self.share),
            "RE, code seen once": self.once_error,
            "decoder": self.decoder,
            "re-identified": spread(self.recognised),
            "re-identified, originals": self.originals,
            "chance": self.chance,
            "matcher": self.matcher,
        }


Sides = Examples | Mapping[str, Examples]
"""Records of all modalities together, or of each modality apart, whose people need not agree."""


def reconstruction(
    system: nn.Module,
    background: Sides,
    targets: Sides,
    *,
    repeats: int = REPEATS,
    thorough: bool = False,
    seed: int = 0,
) -> dict[str, Rebuilt]:
    """Modality -> what an attacker rebuilds of the targets.

    Args:
      system: the recogniser, or anything with `.codes` in its answer.
      background: the attacker's own people (labels; at least three, with several records each for
        the matcher); targets: whose codes he holds. The labels of the two have nothing to do with
        each other: that nobody is on both sides is the caller's to see to; records are checked.
      repeats: answers averaged for each record, where answers are random.
      thorough: tries more decoders, for minutes.
    """
    names = targets.inputs if isinstance(targets, Examples) else targets
    return {
        name: _rebuilt(
            system, name, _alone(background, name), _alone(targets, name), repeats, thorough, seed
        )
        for name in names
    }


def sides(
    one: Set, pairing: Pairing, *, part: Part = "evaluation", most: int = 800
) -> tuple[dict[str, Examples], dict[str, Examples]]:
    """Attacker's and targets' records of a chimeric set, modality by modality, each record once.

    The attacker has all people of the background (on whom the autoencoders were trained: an
    insider's data) and of development, `most` records at most, whole people; the targets are probe
    records of the users.
    """
    known, targets = {}, {}
    for source in one.sources:
        values, people = one.arrays[source.modality], source.people
        others = [*source.parts.get("background", ()), *source.parts.get("development", ())]
        found: list[NDArray[np.intp]] = []
        for person in others if part == "evaluation" else source.parts.get("background", ()):
            rows = np.flatnonzero(people == person)
            if sum(map(len, found)) + len(rows) <= most:
                found.append(rows)
        known[source.modality] = _examples(source.modality, values, found)
        users = [user.people[source.modality] for user in pairing.users[part]]
        probes = [source.rows(person, "probe") for person in users]
        targets[source.modality] = _examples(source.modality, values, probes)
    return known, targets


def _examples(name: str, values: Floats, rows: list[NDArray[np.intp]]) -> Examples:
    who = np.repeat(np.arange(len(rows)), [len(found) for found in rows])
    return Examples({name: torch.from_numpy(values[np.concatenate(rows)])}, torch.from_numpy(who))


def _alone(side: Sides, name: str) -> Examples:
    """One modality's records, each once: a copy among the originals would be an easy find."""
    whole = side if isinstance(side, Examples) else side[name]
    one = Examples({name: whole.inputs[name]}, whole.labels)
    _, first = np.unique(np.array(one.digests()), return_index=True)
    return one.at(np.sort(first))


def coder(system: nn.Module, name: str) -> Encoder:
    """The code of one modality as the target of an inversion."""
    held = system.coders[slot(name)] if hasattr(system, "coders") else None

    def embed(inputs: Inputs) -> Tensor:
        with evaluating(system):
            if isinstance(held, VAE):  # the same numbers, without what is done with them
                return held.encode(inputs[name]).code
            found: Tensor = system({name: inputs[name]}).codes[name]
        return found

    return Encoder(embed)


def decoders(system: nn.Module, name: str, *, thorough: bool = False) -> tuple[Decoder, ...]:
    """What the attacker tries: with an autoencoder its own decoder, which he got with it;
    `thorough`: also trained further, for minutes."""
    held = system.coders[slot(name)] if hasattr(system, "coders") else None
    if not isinstance(held, VAE):
        return Ridge(), Perceptron(schedule=SHORT)
    own = Given(_Decoder(held), held.config.code, held.config.shape)
    return (Ridge(), Corrected(own), own) if thorough else (Ridge(), Corrected(own))


class _Decoder(nn.Module):
    """An autoencoder's second half."""

    def __init__(self, whole: VAE) -> None:
        super().__init__()
        self.whole = whole

    def forward(self, code: Tensor) -> Tensor:
        return self.whole.decode(code)


def _rebuilt(
    system: nn.Module,
    name: str,
    background: Examples,
    targets: Examples,
    repeats: int,
    thorough: bool,
    seed: int,
) -> Rebuilt:
    proof = prove_disjoint({"attacker": background.digests(), "targets": targets.digests()})
    if not proof.disjoint:
        raise ValueError(f"{name}: a record is on both sides; expected people of the attacker's.")
    target = coder(system, name)
    known, victims = ({name: one.inputs[name]} for one in (background, targets))
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(seed)
        rounds = repeats if target.is_random(known) else 1
        seen, held = target.embed(known, repeats=rounds), target.embed(victims, repeats=rounds)
        once = (target.embed(known), target.embed(victims)) if rounds > 1 else (seen, held)
    original = known[name].float()
    who, people = background.labels.numpy(), targets.labels.numpy()
    parts = _split(who, seed)
    best, way = _best(decoders(system, name, thorough=thorough), Pairs(seen, original), parts, seed)
    values = way.reconstruct(held).detach().numpy()
    single = parts.fit(best, Pairs(once[0], original), seed=seed) if rounds > 1 else way
    truth = victims[name].numpy()
    error = errors(truth, values)
    without = errors(truth, np.broadcast_to(original.mean(0).numpy(), truth.shape))
    out = parts.held.numpy()
    matcher = chosen_matcher(
        original.numpy(), who, out, way.reconstruct(seen[parts.held]).detach().numpy()
    )
    hits = matcher.hits(values, truth, people)
    return Rebuilt(
        error=_over_people(error, people, seed),
        mean_error=float(without.mean()),
        share=r_squared(error, without, people, seed=seed),
        once_error=float(errors(truth, single.reconstruct(once[1]).detach().numpy()).mean()),
        decoder=best.name,
        recognised=_over_people(hits, people, seed),
        originals=float(matcher.hits(truth, truth, people).mean()),
        chance=chance(people),
        matcher=matcher.name,
        values=values,
    )


def _best(
    kinds: tuple[Decoder, ...], pairs: Pairs, parts: Parts, seed: int
) -> tuple[Decoder, Trained]:
    fitted = [(one, parts.fit(one, pairs, seed=seed)) for one in kinds if one.suits(pairs.shape)]
    return min(fitted, key=lambda pair: pair[1].error)


def _split(who: NDArray[np.int64], seed: int) -> Parts:
    """Four fifths of the attacker's people to learn from, the others to choose by."""
    people = np.random.default_rng(seed).permutation(np.unique(who))
    out = np.isin(who, people[: max(1, len(people) // 5)])
    return Parts(*(torch.from_numpy(np.flatnonzero(rows)) for rows in (~out, out)))


def _over_people(each: Floats, people: NDArray[np.int64], seed: int) -> Interval:
    """Mean over records, interval over people."""
    _, whose = np.unique(people, return_inverse=True)
    total, count = np.bincount(whose, each), np.bincount(whose)

    def mean(chosen: Floats) -> float:
        rows = chosen.astype(np.intp)
        return float(total[rows].sum() / count[rows].sum())

    return bootstrap(np.arange(len(total), dtype=np.float64), mean, seed=seed)
