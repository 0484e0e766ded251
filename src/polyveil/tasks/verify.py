# SPDX-License-Identifier: Apache-2.0
"""Is this the person whose name was given? At a stated rate of strangers accepted.

polyveil.verify("Ada", face="door.jpg", recogniser="recogniser", gallery="gallery.db")
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

from polyveil.errors import EXIT_CLEAN, EXIT_RISK_FOUND
from polyveil.recognize.decision import NotEnrolled, Rejected, Verified
from polyveil.recognize.encoder import PROBE_DRAWS
from polyveil.report.calibration import NO_GUARANTEE
from polyveil.report.codec import encode
from polyveil.report.figures import figure
from polyveil.tasks.recognising.keys import project_key
from polyveil.tasks.recognising.opened import NOT_DONE, OpenedRecogniser
from polyveil.tasks.recognising.people import embed

Decision = Literal["verified", "rejected", "not enrolled"]
NO_SCORE = "the score is not told: scores of chosen probes lead to the template"


@dataclass(frozen=True, slots=True)
class VerifyReport:
    """A decision about one claim.

    Attributes:
      decision: "not enrolled" where nothing could be compared.
      subject: pseudonymous id of the claimed person.
      modalities: that were compared.
      far: chance that a stranger is verified, at most; of which `upper` is a 95 % bound given the
        development people. None where nothing was compared.
      guarantee: always None.
    """

    decision: Decision
    subject: str
    modalities: tuple[str, ...]
    far: float | None
    upper: float | None
    not_done: tuple[str, ...] = (*NOT_DONE, NO_SCORE)
    guarantee: None = None
    no_guarantee: str = NO_GUARANTEE

    @property
    def exit_code(self) -> int:
        """0 where the claim was verified, else 1."""
        return EXIT_CLEAN if self.decision == "verified" else EXIT_RISK_FOUND

    def to_json(self) -> dict[str, Any]:
        """JSON values, versioned by "schema"."""
        return {"schema": "polyveil.verify/1", "exit_code": self.exit_code, **encode(self)}

    def summary(self) -> str:
        """The decision, its rate, and what it does not say."""
        lines = [f"{self.decision}: subject {self.subject}"]
        if self.far is not None and self.upper is not None:
            lines.append(
                f"by {' + '.join(self.modalities)}, at most {figure(self.far, 'share')} of "
                f"strangers verified (95 % bound: {figure(self.upper, 'share')})"
            )
        lines.append(f"not checked: {NOT_DONE[0]}")
        return "\n".join(lines).replace("\u00a0", " ")


def verify(
    name: str,
    *,
    face: str | Path | None = None,
    voice: str | Path | None = None,
    behaviour: str | Path | None = None,
    recogniser: str | Path,
    gallery: str | Path,
    far: float | None = None,
    key: str | Path | None = None,
    vault: str | Path | None = None,
    passphrase: str | None = None,
) -> VerifyReport:
    """Whether the files are of the named person.

    Args:
      name: as the person was enrolled.
      face, voice, behaviour: files, at least one; for ready-made embeddings .npy files.
      recogniser: folder that `calibrate` wrote.
      gallery: path or URL.
      far: chance that a stranger is verified, at most; None for the calibrated one.
      key, vault, passphrase: the project key, as in calibration.

    Raises:
      UnreadableRecord: a file cannot be read, or shows nobody.
      UsageError: no file, or a rate that the development people cannot support.
      WeightsError: the recogniser was damaged or edited.
      GalleryError: another key's or encoder's gallery, damaged or not reachable.
    """
    held = project_key(key, vault=vault, passphrase=passphrase)
    opened = OpenedRecogniser.of(recogniser, key=held)
    recognizer = opened.recognizer(gallery, far)
    record = opened.records(
        face=() if face is None else (face,),
        voice=() if voice is None else (voice,),
        behaviour=() if behaviour is None else (behaviour,),
    )[0]
    return _report(recognizer.verify(name, embed(record, opened.encoder, draws=PROBE_DRAWS)))


def _report(decision: Verified | Rejected | NotEnrolled) -> VerifyReport:
    if isinstance(decision, NotEnrolled):
        return VerifyReport("not enrolled", decision.subject, (), None, None)
    word: Decision = "verified" if isinstance(decision, Verified) else "rejected"
    used = decision.threshold
    return VerifyReport(word, decision.subject, used.modalities, used.far, used.upper)
