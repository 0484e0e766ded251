# SPDX-License-Identifier: Apache-2.0
"""An audit as a real one comes out: ten attacks, a claim that holds, one that fails, gaps."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from polyveil.attack.guard import Guard
from polyveil.attack.multiplicity import holm_levels
from polyveil.attack.result import AttackResult, Curve, Effort, Exposed
from polyveil.attack.splits import Part
from polyveil.attack.threat import Threat
from polyveil.interval import clopper_pearson
from polyveil.report import (
    AuditReport,
    Claim,
    Counts,
    Interval,
    Job,
    Measure,
    Refusals,
    RefusedExample,
    Skipped,
    StageTime,
    System,
    Untested,
)

MEMBERSHIP = Threat(
    "membership",
    "Someone who asks whether a person was in the training data",
    "the model's outputs, any number of queries",
    "the person's record; other records of the same kind; our code",
    "privacy",
    "singling out",
)
CANARY = Threat(
    "canary",
    "The strongest attacker that the privacy claim allows",
    "the weights after every step",
    "every record but one; chose that one himself",
    "privacy",
    "singling out",
)
INVERSION = Threat(
    "inversion",
    "Someone who holds stored embeddings",
    "embeddings of people's pictures",
    "pictures of other people and their embeddings",
    "privacy",
    "inference",
)
ATTRIBUTE = Threat(
    "attribute",
    "Someone who guesses a private attribute",
    "the model's outputs",
    "all other attributes of the person",
    "privacy",
    "inference",
)
FACES = Threat(
    "faces",
    "Recipient with a face recogniser",
    "the released pictures",
    "one original picture of every person",
    "privacy",
    "linkability",
)
TEXT_FACE = Threat(
    "text-to-face",
    "Recipient who links text and picture",
    "both sides of one released record",
    "what the person looks like",
    "privacy",
    "linkability",
)
EVASION = Threat(
    "evasion",
    "Someone who changes inputs a little",
    "weights and gradients",
    "everything about the model; our code",
    "integrity",
)
BACKDOOR = Threat(
    "backdoor",
    "Contributor of poisoned records",
    "1 % of the training data",
    "the task; not the other records",
    "integrity",
)
EXTRACTION = Threat(
    "extraction",
    "Customer who copies the model",
    "answers to 10,000 queries",
    "unlabelled records of the same kind",
    "integrity",
)
GRADIENTS = Threat(
    "gradients",
    "Server that sees single updates",
    "one gradient of one client",
    "the architecture and the weights",
    "privacy",
    "inference",
)
VAULT = Threat(
    "vault", "Thief of the identity map", "the encrypted vault", "no passphrase", "privacy",
    "linkability",
)  # fmt: skip

DISJOINT = Guard(
    "disjoint splits",
    "false alarm",
    True,
    "members 1,000, others 1,000, reference 4,000: no record is in two of them",
)
NULL = Guard(
    "null control",
    "false alarm",
    True,
    "against an independent model the same attack reached AUC 0.503 (0.478 to 0.528)",
)
POSITIVE = Guard(
    "positive control", "false comfort", True, "an overfit twin was told apart: AUC 0.97"
)


def roc(name: str, gain: float, n: int = 1000) -> Curve:
    """An ROC of a Gaussian attacker, its band, and the diagonal."""
    rates = np.concatenate([[0.0], np.geomspace(1 / n, 1.0, 300)])
    from scipy.special import ndtr, ndtri

    hits: NDArray[np.float64] = ndtr(ndtri(np.clip(rates, 0, 1)) + gain)
    wide = 1.96 * np.sqrt(hits * (1 - hits) / n) + 1.5 / n
    return Curve(
        name,
        tuple(rates.tolist()),
        tuple(hits.tolist()),
        "false alarms, share of others",
        "members found, share of members",
        tuple(np.clip(hits - wide, 0, 1).tolist()),
        tuple(np.clip(hits + wide, 0, 1).tolist()),
        tuple(rates.tolist()),
        log=True,
    )


def strength(name: str, at: tuple[float, ...]) -> Curve:
    """Accuracy by strength of the perturbation."""
    x = (0.0, 0.02, 0.04, 0.06, 0.08, 0.1)
    spread = 0.03
    return Curve(
        name, x, at, "perturbation, L-infinity", "accuracy under attack",
        tuple(max(0.0, y - spread) for y in at), tuple(min(1.0, y + spread) for y in at),
    )  # fmt: skip


def members(
    name: str, hits: int, gain: float, p: float, threat: Threat = MEMBERSHIP
) -> AttackResult:
    """A membership attack on 1,000 members and 1,000 others."""
    rate = clopper_pearson(hits, 1000)
    return AttackResult(
        name,
        threat,
        Measure(
            "members found at 1 % false alarms", rate, better="lower", baseline={"chance": 0.01}
        ),
        f"Of 1,000 people in the data, an attacker names at most {round(1000 * rate.high)}, with "
        "10 false alarms among 1,000 others. Guessing names 10.",
        (DISJOINT, NULL, POSITIVE),
        p,
        measures=(
            Measure("members found at 0.1 % false alarms", clopper_pearson(hits // 8, 1000),
                    baseline={"chance": 0.001}),
            Measure("AUC", Interval(0.5 + gain / 4, 0.48 + gain / 4, 0.53 + gain / 4, 2000,
                    "bootstrap, 95 %, 2000 resamples"), "", baseline={"chance": 0.5}),
            Measure("worst group: customers under 25, members found at 1 % false alarms",
                    clopper_pearson(hits // 10 + 4, 120), baseline={"chance": 0.01}),
        ),
        curves=(roc(name, gain),),
        effort=Effort(41.3, 36_000, 16, 3),
        arrays={"score": np.linspace(0, 1, 2000), "member": np.arange(2000) < 1000},
    )  # fmt: skip


def attacks() -> tuple[AttackResult, ...]:
    """Ten results, every verdict among them."""
    lira = members("LiRA, offline, 16 shadow models", 54, 0.62, 1e-9)
    exposed = tuple(
        Exposed(f"record {code}", score, "named as a member in 16 of 16 repetitions")
        for code, score in (("7f3a", 9.12), ("02c9", 8.407), ("b1e0", 8.39), ("55d2", 7.7))
    )
    found = (
        AttackResult(
            **{**fields(lira), "exposed": exposed, "notes": ("Four shadow models suffice for "
               "the order of the records, not for the tail.",)}
        ),
        members("RMIA, 4 reference models", 38, 0.5, 2e-6),
        members("Population threshold", 13, 0.08, 0.21),
        one_run(),
        inversion(),
        attribute(),
        faces(),
        text_face(),
        evasion(),
        backdoor(),
        extraction(),
    )  # fmt: skip
    tested = [one for one in found if one.p_value is not None]
    levels = iter(holm_levels([one.p_value for one in tested if one.p_value is not None]))
    return tuple(one if one.p_value is None else one.at_level(next(levels)) for one in found)


def fields(result: AttackResult) -> dict[str, object]:
    """The result's fields, to build a changed copy."""
    return {name: getattr(result, name) for name in result.__slots__}


def one_run() -> AttackResult:
    """A one-run audit that shows a little."""
    return AttackResult(
        "One-run canary audit, 1,000 canaries",
        CANARY,
        Measure("canaries told apart among 100 confident guesses", clopper_pearson(58, 100),
                better="lower", baseline={"chance": 0.5}),
        "Of 100 confident guesses about planted records 58 were right; a coin gets 50.",
        (NULL, POSITIVE),
        0.067,
        effort=Effort(22.0, 1000, 1, 4),
        not_tested=("Canaries in the sound input.",),
    )  # fmt: skip


def inversion() -> AttackResult:
    """A decoder that reads embeddings."""
    x = (0.0, 0.5, 1.0, 2.0, 4.0)
    y = (0.81, 0.66, 0.48, 0.22, 0.04)
    return AttackResult(
        "Embedding inversion by a trained decoder",
        INVERSION,
        Measure("pictures matched to their person, top 1", clopper_pearson(412, 500),
                better="lower", baseline={"without the target": 0.002}),
        "From 500 stored embeddings a decoder drew pictures by which 412 people were recognised "
        "among 500; guessing recognises 1.",
        (DISJOINT, Guard("attacker converged", "false comfort", True,
                         "twice the epochs lower the error by 0.4 %")),
        1e-12,
        measures=(
            Measure("R2 against the attacker's mean", Interval(0.81, 0.79, 0.83, 500,
                    "bootstrap, 95 %, 2000 resamples"), "", "lower", {"class mean": 0.21,
                    "nearest neighbour": 0.35, "without the target": 0.0}),
        ),
        curves=(
            Curve("decoder, 40 epochs", x, y, "noise added to the embedding, std",
                  "explained variance R2", tuple(v - 0.03 for v in y),
                  tuple(v + 0.03 for v in y), (0.0,) * 5),
        ),
        exposed=(Exposed("record c41d", 0.97, "the picture drawn is nearly the original"),),
        effort=Effort(63.0, 6000, 1, 1),
    )  # fmt: skip


def attribute() -> AttackResult:
    """Attribute inference that finds nothing."""
    return AttackResult(
        "Attribute inference: income band",
        ATTRIBUTE,
        Measure("income band guessed", clopper_pearson(341, 1000), better="lower",
                baseline={"without the target": 0.338}),
        "Of 1,000 people the income band of 341 was guessed; without the model 338.",
        (DISJOINT, POSITIVE),
        0.44,
        tolerance=0.05,
        effort=Effort(3.1, 4000, 0, 1),
    )  # fmt: skip


def faces() -> AttackResult:
    """Re-identification whose attacker did not converge."""
    return AttackResult(
        "Face re-identification, trained on our outputs",
        FACES,
        Measure("people recognised, top 1 of 100", clopper_pearson(3, 100), better="lower",
                baseline={"original": 0.97, "blur": 0.71, "chance": 0.01}),
        "Of 100 people the recogniser names 3; the attacker was still improving when his time "
        "was up, so that this says little.",
        (Guard("attacker converged", "false comfort", False,
               "twice the epochs raise the training score from 0.61 to 0.78"), DISJOINT, NULL),
        0.08,
        tolerance=0.03,
        effort=Effort(118.0, 2400, 1, 1),
    )  # fmt: skip


def text_face() -> AttackResult:
    """Linkage without a test, judged by its interval."""
    return AttackResult(
        "Text-to-face linkage",
        TEXT_FACE,
        Measure("texts matched to their picture, top 1 of 50", clopper_pearson(1, 50),
                better="lower", baseline={"before": 0.86, "chance": 0.02}),
        "Of 50 texts one was matched to its picture, as guessing does.",
        (DISJOINT, POSITIVE),
        tolerance=0.1,
        effort=Effort(1.2, 100, 0, 1),
    )  # fmt: skip


def evasion() -> AttackResult:
    """Joint perturbation of picture and sound."""
    return AttackResult(
        "PGD on image and sound together",
        EVASION,
        Measure("wrong after attack (ASR)", clopper_pearson(489, 512), better="lower",
                baseline={"without the target": 0.055}),
        "Of 512 inputs 489 are classified wrongly after changes that nobody sees; 28 are without.",
        (Guard("gradient masking", "false comfort", True, "share of zero gradients 0.002"),
         Guard("more steps", "false comfort", True, "twice the steps change 1 of 512")),
        1e-15,
        tolerance=0.02,
        measures=(
            Measure("ASR, image alone", clopper_pearson(301, 512)),
            Measure("ASR, sound alone", clopper_pearson(77, 512)),
            Measure("clean accuracy", clopper_pearson(484, 512), better="higher"),
        ),
        curves=(
            strength("joint", (0.945, 0.62, 0.31, 0.14, 0.07, 0.045)),
            strength("image alone", (0.945, 0.83, 0.70, 0.58, 0.49, 0.41)),
            strength("sound alone", (0.945, 0.94, 0.92, 0.90, 0.87, 0.85)),
        ),
        effort=Effort(9.6, 40_960, 0, 4),
    )  # fmt: skip


def backdoor() -> AttackResult:
    """A trigger that was not learned."""
    return AttackResult(
        "Backdoor trigger, 1 % poison",
        BACKDOOR,
        Measure("triggered inputs sent to the target class", clopper_pearson(4, 900),
                better="lower", baseline={"without the target": 0.003}),
        "Of 900 inputs with a trigger 4 were sent to the attacker's class, as without poison.",
        (POSITIVE,),
        0.39,
        tolerance=0.02,
        effort=Effort(37.0, 900, 2, 1),
    )  # fmt: skip


def extraction() -> AttackResult:
    """A copy whose gain a leaked split could explain."""
    return AttackResult(
        "Extraction by 10,000 queries",
        EXTRACTION,
        Measure("answers of the copy that agree", clopper_pearson(861, 1000), better="lower",
                baseline={"without the target": 0.79}),
        "A copy agrees with the model in 861 of 1,000 answers; trained on the attacker's own "
        "labels in 790.",
        (Guard("disjoint splits", "false alarm", False,
               "queries 10,000, held out 1,000: shared: queries and held out 12"),),
        0.0004,
        tolerance=0.02,
        curves=(
            Curve("copy", (100.0, 1000.0, 10_000.0), (0.62, 0.78, 0.861), "queries",
                  "agreement", log=True),
        ),
        effort=Effort(14.0, 11_000, 1, 1),
    )  # fmt: skip


def example() -> AuditReport:
    """The whole report."""
    return AuditReport(
        job=Job(
            verb="audit",
            version="0.1.0",
            started="2026-11-21T09:12:04+00:00",
            finished="2026-11-21T09:17:48+00:00",
            command="polyveil audit DIR --data DIR --minutes 6 --out DIR",
            input_kind="result folder of polyveil train",
            counts=Counts(records_read=6012, records_refused=2),
            settings={"seed": 7, "shadow_models": 16, "canaries": 1000, "device": "cpu",
                      "false_alarm_rates": "0.1 %, 1 %"},
            versions={"torch": "2.13.0", "numpy": "2.3.5", "scipy": "1.16.3"},
            hashes={"alignment_image.onnx": "77d0" * 16},
            machine="2 cores, 8 GB, Linux x86-64",
        ),
        system=System(
            "result folder of polyveil train",
            "A network that recommends one of ten offers from a customer's picture and voice, "
            "trained with noise by polyveil train.",
            "20,000 customers of a bank in Austria, adults, pictures and recordings of 2024",
            "weights, given to three partner banks; embeddings stay in-house",
            {"parameters": 61_706, "inputs": "image (1, 28, 28), sound (1, 32, 32)",
             "classes": 10, "noise multiplier": 1.1, "steps": 2400},
            {"model.safetensors": "9f2c" * 16, "plan.toml": "1b7e" * 16},
        ),
        attacks=attacks(),
        claims=(
            Claim("The weights are (8, 1e-05)-differentially private for one record.",
                  "polyveil accountant, Poisson batches", 8.0, 1e-5, 7.998, 1.31, 3.47, 0.95,
                  "not refuted",
                  "The attack shows a loss of 1.31 at least, below the claimed 8. It could not "
                  "have shown more than 3.47, so that this proves little."),
            Claim("The pilot model is (0.21, 1e-05)-differentially private for one record.",
                  "model card of the pilot", 0.21, 1e-5, 2.79, 0.74, 3.47, 0.95, "refuted",
                  "The claim does not hold: from the stated settings the loss is 2.79, and an "
                  "attack shows 0.74 at least. The batch size was counted wrongly."),
            Claim("No recipient can tell who is in a picture.", "data sheet of the release",
                  sentence="No attack of this audit was strong enough to test it."),
        ),
        utility=(
            Measure("clean accuracy", clopper_pearson(9450, 10_000), better="higher",
                    baseline={"without noise": 0.97, "chance": 0.1}),
            Measure("loss", Interval(0.183, 0.174, 0.192, 10_000, "bootstrap, 95 %"), "", "lower"),
        ),
        skipped=(
            Skipped("LiRA, online, 64 shadow models", "needs 38 minutes; 6 were allowed"),
            Skipped("APGD ensemble", "needs 11 minutes; 6 were allowed"),
        ),
        untested=(
            Untested(GRADIENTS, "No single gradient is released; no attack was run."),
            Untested(VAULT, "No identity map belongs to this system."),
        ),
        parts=(
            Part("members", 1000, "a1b2" * 16),
            Part("others", 1000, "c3d4" * 16),
            Part("reference", 4000, "e5f6" * 16),
            Part("queries", 10_000, "0718" * 16),
            Part("held out", 1000, "293a" * 16),
        ),
        shared={"queries and held out": 12},
        minutes=6.0,
        refusals=(
            Refusals("UnreadableRecord", 2, (RefusedExample("row 17", "sound: empty recording"),)),
        ),
        times=(
            StageTime("shadow models", 188.2, 16),
            StageTime("membership attacks", 41.3, 3),
            StageTime("inversion", 63.0, 1),
            StageTime("evasion", 9.6, 1),
            StageTime("report", 0.4, 1),
        ),
        warnings=("Only 1,000 others were at hand: rates below 0.1 % cannot be measured.",),
        not_tested=(
            "Several attackers who pool what they know.",
            "Records that resemble each other without being equal.",
        ),
    )  # fmt: skip
