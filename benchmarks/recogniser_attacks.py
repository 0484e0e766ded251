# SPDX-License-Identifier: Apache-2.0
"""The audit's attacks on a recogniser of chimeric users, beside one that protects nothing.

Faces of LFW, LibriSpeech, keystrokes. Both recognisers have plain convolutions and are trained
alike; the protected one sees noisy codes of an autoencoder, the other the maps of a stem.
Background people train what comes before the codes; the rest is trained on 40 users, half of whose
samples of each modality are in training ("members") and half are not ("others"): no sample is on
both sides. Every attack runs with its controls; whoever attacks a network that answers at random
averages over its answers.

    python benchmarks/recogniser_attacks.py [attack ...]

Results that are in the file are not repeated.
"""

from __future__ import annotations

import json
import sys
import time
from collections.abc import Callable
from dataclasses import dataclass, replace
from functools import cache
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn
from torch.nn import functional

from _chimeric_sets import Set, load
from _common import RESULTS, table, write
from _recogniser_background import background
from _recogniser_evasion import Strength, evasion, named
from _recogniser_recipe import RECIPE
from _recogniser_reconstruction import coder, decoders, sides
from polyveil.attack.classifier import Classifier
from polyveil.attack.evasion.fgsm import FGSM
from polyveil.attack.evasion.pgd import PGD
from polyveil.attack.examples import Examples, Inputs
from polyveil.attack.extraction import Extraction
from polyveil.attack.inversion.climb import Climb
from polyveil.attack.inversion.decoder import Ridge
from polyveil.attack.inversion.embedding import EmbeddingInversion
from polyveil.attack.inversion.encoder import Encoder
from polyveil.attack.inversion.model import ModelInversion
from polyveil.attack.membership import (
    Candidates,
    Lira,
    Population,
    Rmia,
    prepare,
    train_shadows,
    train_twin,
)
from polyveil.attack.poisoning import Backdoor, FlippedLabels, Poisoning
from polyveil.attack.poisoning.trigger import plain_trigger
from polyveil.attack.protocol import carry_out
from polyveil.attack.result import AttackResult
from polyveil.interval import Interval
from polyveil.models.recognition import MultimodalRecogniser, RecogniserConfig
from polyveil.models.vae import VAE
from polyveil.recognize.chimeric import Pairing

CLAIM = "recogniser_attacks"
EACH = 6
"""Records of a user on either side."""
USERS = 40
STEPS, BATCH, RATE = 120, 64, 2e-3
"""Of what is trained on users; batches drawn at random."""
FULL = Strength((FGSM(), PGD(10), PGD(10, "margin")), averaging=8, records=32, checks=4)
RATES = (0.10,)
SHADOWS = 8
APART = 10_000
"""Added to numbers of users: background people, who are others, are counted from 0, too."""


@dataclass(frozen=True)
class Kind:
    """A recogniser and how one like it is trained. A `Recipe`, and a `SoftRecipe` by `fitted`.

    Attributes:
      vae: protected or not.
    """

    vae: bool

    @property
    def name(self) -> str:
        return "protected" if self.vae else "unprotected"

    def build(self) -> MultimodalRecogniser:
        """Trained on the background, and not yet on users; nothing before the codes learns more."""
        one = data()
        config = RecogniserConfig(
            one.modalities, USERS, vae=self.vae, odconv=False, alignment="none", vae_weight=0.0
        )
        system = MultimodalRecogniser(config)
        for modality in one.modalities:
            recipe = replace(RECIPE, background_steps=80, network=(("vae", self.vae),))
            weights = background(one, modality, "without ODConv", recipe)
            parts = ("coders.", "encoders.", "projections.")
            own = {key: value for key, value in weights.items() if key.startswith(parts)}
            system.load_state_dict(own, strict=False)
        system.coders.requires_grad_(False)
        return system

    def __call__(self, examples: Examples, seed: int) -> nn.Module:
        """Trained on labelled records."""
        return self.fitted(examples.inputs, examples.labels, seed)

    def fitted(self, inputs: Inputs, targets: Tensor, seed: int) -> nn.Module:
        """Trained on labels, or on probabilities. Codes are drawn anew in every step."""
        with torch.random.fork_rng(devices=[]):
            torch.manual_seed(seed)
            system = self.build()
            codes = {name: _means(system, name, values) for name, values in inputs.items()}
            learning = [one for one in system.parameters() if one.requires_grad]
            optimizer = torch.optim.AdamW(learning, RATE, weight_decay=0.05)
            system.train()
            for step in range(STEPS):
                optimizer.param_groups[0]["lr"] = RATE * (1 - step / STEPS)
                rows = torch.randint(len(targets), (BATCH,))
                drawn = {
                    name: (mean[rows] + deviation[rows] * torch.randn_like(mean[rows]))
                    for name, (mean, deviation) in codes.items()
                }
                present = torch.ones(BATCH, len(codes), dtype=torch.bool)
                logits = system.recognise(drawn, present).logits
                optimizer.zero_grad()
                functional.cross_entropy(logits, targets[rows].to(_kind(targets))).backward()
                optimizer.step()
        return system.eval()


def _kind(targets: Tensor) -> torch.dtype:
    return torch.float32 if targets.is_floating_point() else torch.int64


@torch.no_grad()
def _means(system: MultimodalRecogniser, name: str, values: Tensor) -> tuple[Tensor, Tensor]:
    """Mean and deviation of each code."""
    held = system.coders[f"of_{name}"]
    if not isinstance(held, VAE):
        maps = held(values)
        return maps, torch.zeros_like(maps)
    coded = held.eval().encode(values)
    return coded.mean, held.config.noise * torch.exp(coded.log_variance / 2)


@cache
def data() -> Set:
    """The set."""
    return load("lfw")


@cache
def pairing() -> Pairing:
    """Who is joined with whom."""
    return Pairing.draw(data().sources, seed=0)


@cache
def split() -> tuple[Examples, Examples]:
    """Members and others: of each user and modality, half of the samples each."""
    draw = np.random.default_rng(0)
    found: tuple[dict[str, list[Any]], ...] = ({}, {})
    users = pairing().users["evaluation"][:USERS]
    for user in users:
        for source in data().sources:
            rows = draw.permutation(np.flatnonzero(source.people == user.people[source.modality]))
            for side, half in zip(found, np.array_split(rows, 2), strict=True):
                taken = np.resize(half, EACH)
                side.setdefault(source.modality, []).append(draw.permutation(taken))
    labels = torch.arange(len(users)).repeat_interleave(EACH)
    order = torch.from_numpy(draw.permutation(len(labels)))
    members, others = (
        Examples(
            {
                name: torch.from_numpy(data().arrays[name][np.concatenate(rows)])
                for name, rows in side.items()
            },
            labels,
        ).at(order)
        for side in found
    )
    return members, others


@cache
def strangers() -> tuple[Examples, np.ndarray]:
    """The attacker's own people, chimeric, too; and who is in each record."""
    found = pairing().records("background", "enrolment", each=EACH)
    inputs = {name: torch.from_numpy(x) for name, x in found.take(data().arrays).items()}
    return Examples(inputs, torch.from_numpy(found.users % USERS)), found.users


@cache
def model(kind: Kind) -> nn.Module:
    """The one under attack."""
    return kind(split()[0], 0)


def target(kind: Kind) -> Classifier:
    """It, as attacks ask it."""
    return Classifier(model(kind), calling=named)


def membership(kind: Kind) -> list[AttackResult]:
    """Was this record in training?"""
    members, others = split()
    whom = Candidates(members, others).set_aside(0.25, seed=0)
    shadows = train_shadows(kind, whom, SHADOWS, seed=1)
    twin = train_twin(kind, whom, seed=2)
    study = prepare(whom, shadows=shadows, twin=twin, key=b"benchmark", calling=named)
    attacks = (Lira(study, "online"), Rmia(study), Population(study))
    return [carry_out(one, target(kind)) for one in attacks]


def adversarial(kind: Kind) -> list[AttackResult]:
    """Inputs changed a little, each modality alone and all together."""
    found = evasion(model(kind), split()[1], strength=FULL)
    return [one.result for one in found.values()]


def extraction(kind: Kind) -> list[AttackResult]:
    """A copy by asking; the thief has other records of the same users, labelled."""
    others, members = split()[1], split()[0]
    cut = len(others) * 2 // 5
    attack = Extraction(
        others.at(slice(cut, None)), others.at(slice(0, cut)), kind.fitted, (140,),
        trained_on=tuple(members.digests()), calling=named,
    )  # fmt: skip
    return [carry_out(attack, target(kind))]


def poisoning(kind: Kind) -> list[AttackResult]:
    """Someone hands in records under wrong labels; or marked ones, and carries the mark later."""
    members, others = split()
    plans = FlippedLabels(USERS), Backdoor(plain_trigger(members.inputs))
    return [carry_out(Poisoning(one, members, others, RATES, calling=named), kind) for one in plans]


def model_inversion(kind: Kind) -> list[AttackResult]:
    """What does user 17 look, sound and type like, by the model's weights alone?"""
    attack = ModelInversion(
        known=strangers()[0], gallery=split()[1], trained_on=split()[0],
        plan=Climb(steps=60, starts=1),
    )  # fmt: skip
    return [carry_out(attack, target(kind))]


def from_templates(kind: Kind) -> list[AttackResult]:
    """Records rebuilt from the embedding of all modalities, as it is before keys protect it."""
    known, who = strangers()
    attack = EmbeddingInversion(
        known=known, victims=split()[1], known_people=who,
        victim_people=APART + split()[1].labels.numpy(),
        decoders=(Ridge(),), repeats=15,
    )  # fmt: skip
    return [carry_out(attack, Encoder(lambda inputs: model(kind)(inputs).fused))]


def from_codes(kind: Kind) -> list[AttackResult]:
    """Records rebuilt from what the recogniser sees of each modality."""
    known, victims = sides(data(), pairing(), most=400)
    found = []
    for name in known:
        attack = EmbeddingInversion(
            known=known[name], victims=victims[name], known_people=known[name].labels.numpy(),
            victim_people=APART + victims[name].labels.numpy(), repeats=15,
            decoders=decoders(model(kind), name)[:2] if kind.vae else (Ridge(),),
        )  # fmt: skip
        found.append(replace(carry_out(attack, coder(model(kind), name)), attack=f"{name} codes"))
    return found


ATTACKS: dict[str, Callable[[Kind], list[AttackResult]]] = {
    "membership": membership,
    "extraction": extraction,
    "poisoning": poisoning,
    "model inversion": model_inversion,
    "rebuilt from embeddings": from_templates,
    "rebuilt from codes": from_codes,
    "adversarial samples": adversarial,
}
KINDS = (Kind(True), Kind(False))


def as_json(result: AttackResult) -> dict[str, Any]:
    """Figures of one attack."""
    value = result.headline.value
    interval = [value.low, value.high] if isinstance(value, Interval) else None
    return {
        "attack": result.attack,
        "headline": result.headline.name,
        "value": result.headline.estimate,
        "interval": interval,
        "baseline": dict(result.headline.baseline),
        "p": result.p_value,
        "verdict": result.verdict,
        "sentence": result.sentence,
        "guards that did not hold": {
            one.name: one.sentence for one in result.guards if not one.passed
        },
        "guards": len(result.guards),
        "measures": {one.name: one.estimate for one in result.measures},
        "seconds": result.effort.seconds,
        "queries": result.effort.queries,
        "models": result.effort.models,
    }


def utility(kind: Kind) -> dict[str, float]:
    """Accuracy on records in training and on others."""
    names = ("members", "others")
    return {
        name: float(target(kind).correct(part).double().mean())
        for name, part in zip(names, split(), strict=True)
    }


def rows(figures: dict[str, Any]) -> list[list[str]]:
    """One an attack, protected beside unprotected."""
    made = []
    for name in ATTACKS:
        both = [figures.get(kind.name, {}).get(name, []) for kind in KINDS]
        for pair in zip(*both, strict=True):
            headlines = dict.fromkeys(one["headline"] for one in pair)
            cells = [f"{pair[0]['attack']}: {'; unprotected: '.join(headlines)}"]
            for one in pair:
                low, high = one["interval"] or (float("nan"),) * 2
                bases = [one["baseline"].get(key, 0.0) for key in ("chance", "without the target")]
                failed = ", ".join(one["guards that did not hold"]) or "all held"
                said = f"{one['value']:.3f} [{low:.3f}, {high:.3f}]"
                cells += [said, f"{max(bases):.3f}", one["verdict"], failed]
            made.append(cells)
    return made


def main() -> None:
    """All attacks, or those named."""
    torch.set_num_threads(1)
    file = RESULTS / f"{CLAIM}.json"
    figures: dict[str, Any] = json.loads(file.read_text())["figures"] if file.exists() else {}
    for name in sys.argv[1:] or ATTACKS:
        for kind in KINDS:
            own = figures.setdefault(kind.name, {"accuracy": utility(kind)})
            if name in own:
                continue
            begun = time.process_time()
            own[name] = [as_json(one) for one in ATTACKS[name](kind)]
            print(f"{kind.name}, {name}: {time.process_time() - begun:.0f} s", file=sys.stderr)
            write(CLAIM, figures, packages=("polyveil", "torch"))
    said = ("figure", "without the target", "verdict", "guards that failed")
    columns = [f"{what}, {kind.name}" for kind in KINDS for what in said]
    print(table(["attack", *columns], rows(figures)))
    print({kind.name: figures[kind.name]["accuracy"] for kind in KINDS})


if __name__ == "__main__":
    main()
