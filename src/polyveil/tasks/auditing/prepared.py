# SPDX-License-Identifier: Apache-2.0
"""A target, read and understood: what it is, and which attacks fit it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

from polyveil.assess.measure import Measure
from polyveil.attack.splits import SplitProof
from polyveil.report.audit import Claim, System, Untested
from polyveil.report.facts import Refusals
from polyveil.tasks.auditing.battery import Step


@dataclass(frozen=True, slots=True)
class Prepared:
    """Everything that an audit of one target needs.

    Attributes:
      system: what it is.
      steps: attacks that fit, those that tell most for their time first.
      fingerprint: of its content: an audit goes on only with the same one.
      utility: what it is good for, unattacked.
      claims: promises that no step speaks to.
      proof: that the parts share no record; None where there are none.
      untested: threats that no attack of polyveil stands for here.
      disclosed: threat -> why what he learns is known and kept on purpose.
      refusals: records that could not be read.
      warnings, not_tested: plain sentences.
      uses_weights: whether weights that ship take part in the attacks.
    """

    system: System
    steps: tuple[Step, ...]
    fingerprint: str
    utility: tuple[Measure, ...] = ()
    claims: tuple[Claim, ...] = ()
    proof: SplitProof | None = None
    untested: tuple[Untested, ...] = ()
    disclosed: Mapping[str, str] = field(default_factory=dict)
    refusals: tuple[Refusals, ...] = ()
    warnings: tuple[str, ...] = ()
    not_tested: tuple[str, ...] = ()
    uses_weights: bool = False
