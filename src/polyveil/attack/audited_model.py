# SPDX-License-Identifier: Apache-2.0
"""A model and what its owner knows of it: all that `polyveil.audit` needs to attack it.

target = AuditedModel(
    Classifier(my_network),
    members=Examples({"image": pictures, "sound": sounds}, labels),   # trained on
    others=Examples({"image": ..., "sound": ...}, ...),               # same people's kind, not
    recipe=train_one,                                                 # (Examples, seed) -> module
)
polyveil.audit(target, minutes=5)
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field

from torch import nn

from polyveil.attack.classifier import Classifier
from polyveil.attack.examples import Examples
from polyveil.attack.hidden import Hidden
from polyveil.attack.inversion.encoder import Embed
from polyveil.attack.recipe import Recipe
from polyveil.errors import UsageError
from polyveil.privacy.guarantee import Guarantee

FEWEST = 50
"""Records of each part below which no rate says anything."""


@dataclass(frozen=True, slots=True)
class AuditedModel:
    """A classifier under audit, one input or several.

    Attributes:
      classifier: the model.
      members: records that it was trained on. Secret.
      others: records of the same population that it was not trained on. Secret.
      recipe: trains a network the way this one was trained; without it, attacks that need networks
        of their own are skipped and the report says so.
      unprotected: trains such a network without privacy: the positive control, which an attack must
        catch; None where `recipe` itself protects nobody.
      build: makes an untrained network of this form; None where each layer can be drawn anew.
      hidden: a value of each record that an attacker could want to learn, e.g.
        `Hidden("table", 3, (0.0, 1.0))`; None where attribute inference is not asked for.
      embed: inputs -> vectors that leave of each record, e.g. templates; None where none do.
      description: what it is and does, one sentence.
      data_subjects: whose data it was trained on.
      claim: a promise about it that somebody makes, or None.
    """

    classifier: Classifier
    members: Examples = field(repr=False)
    others: Examples = field(repr=False)
    recipe: Recipe | None = None
    unprotected: Recipe | None = None
    build: Callable[[], nn.Module] | None = None
    hidden: Hidden | None = None
    embed: Embed | None = None
    description: str = "A classifier."
    data_subjects: str = "not stated"
    claim: Guarantee | None = None

    def __post_init__(self) -> None:
        for name in ("members", "others"):
            part = getattr(self, name)
            if len(part) < FEWEST:
                raise UsageError(f"{name}: {len(part)} records; expected at least {FEWEST}.")
        here = {name: tuple(values.shape[1:]) for name, values in self.members.inputs.items()}
        there = {name: tuple(values.shape[1:]) for name, values in self.others.inputs.items()}
        if here != there:
            raise UsageError(f"others: inputs {there}; expected those of the members, {here}.")

    @property
    def classes(self) -> int:
        """How many classes the model tells apart."""
        few = {name: values[:1] for name, values in self.members.inputs.items()}
        return int(self.classifier.logits(few).shape[1])
