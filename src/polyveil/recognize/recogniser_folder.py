# SPDX-License-Identifier: Apache-2.0
"""A calibrated recogniser on disk: one folder with everything that decides, sealed by the key.

    recogniser.json    which encoder, which templates, which rate; SHA-256 of the rest; the seal
    encoder/           the network, where there is one
    decider.json       fitted weights and thresholds, see `stored_decider`
    people.sealed      what embeddings have in common and, if used, embeddings of a background
                       cohort; encrypted under the project key
    calibration.json   what was measured, and as a page: calibration.html

The seal is a MAC under the project key over recogniser.json, which holds the hashes of all else.
Without it, whoever can write to the folder could loosen a threshold and let himself in; with it, he
needs the key. An older folder of the same project put back whole is not noticed.

recogniser.json is written last: a folder without it is no recogniser.
"""

from __future__ import annotations

import hashlib
import hmac
import io
import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np

from polyveil import _disk
from polyveil.errors import UsageError, VaultError, WeightsError
from polyveil.privacy.key import ProjectKey
from polyveil.recognize import stored_decider
from polyveil.recognize.centre import Centre
from polyveil.recognize.decision import Decider
from polyveil.recognize.normalise import Cohort, Normalisation
from polyveil.recognize.scheme import Scheme

SCHEMA = "polyveil.calibrated-recogniser/1"
MANIFEST, DECIDER, SEALED, ENCODER = (
    "recogniser.json",
    "decider.json",
    "people.sealed",
    "encoder",
)
_PURPOSE = "recognize/recogniser"
_PEOPLE = "recognize/people"


@dataclass(frozen=True, slots=True, eq=False)
class Calibrated:
    """What recognises and decides.

    Attributes:
      encoder: facts that reopen the encoder, among them "id", as JSON values.
      schemes: modality -> how templates are made.
      decider: fitted on development people, under keyed tokens.
      centres: modality -> what its embeddings have in common.
      far: the rate that was calibrated for, and that is used where none is asked for.
      cohort: background people, as in calibration; None where scores are not normalised.
    """

    encoder: Mapping[str, Any]
    schemes: Mapping[str, Scheme]
    decider: Decider
    centres: Mapping[str, Centre] = field(repr=False)
    far: float
    cohort: Cohort | None = field(default=None, repr=False)


def check_free(folder: Path) -> None:
    """Raises UsageError unless a recogniser may be written there: a new or empty folder, or what a
    killed calibration left."""
    if folder.exists() and not folder.is_dir():
        raise UsageError("out: a file of that name exists; expected a new or empty folder.")
    if (folder / MANIFEST).exists():
        raise UsageError(
            "out: a recogniser is there already, and galleries may rest on it. Nothing was "
            "written. Choose a new folder."
        )
    ours = {DECIDER, SEALED, ENCODER, "calibration.json", "calibration.html"}
    foreign = {one.name for one in folder.iterdir()} - ours if folder.is_dir() else set()
    if any(not name.endswith(".part") for name in foreign):
        raise UsageError("out: the folder holds other files. Choose a new or empty folder.")


def write(
    folder: Path, made: Calibrated, *, key: ProjectKey, files: Mapping[str, bytes | Path]
) -> None:
    """Writes a recogniser; it is there as a whole or not at all.

    Args:
      key: of the project; seals it.
      files: name in the folder -> content, or where to copy it from: the encoder's and the report's

    Raises:
      UsageError: something else is there.
    """
    check_free(folder)
    folder.mkdir(mode=0o700, parents=True, exist_ok=True)
    hashes: dict[str, str] = {}
    parts: dict[str, bytes | Path] = {**files, DECIDER: _text(stored_decider.to_json(made.decider))}
    parts[SEALED] = key.seal(_PEOPLE, _people_bytes(made))
    for name, source in parts.items():
        content = source if isinstance(source, bytes) else source.read_bytes()
        (folder / name).parent.mkdir(mode=0o700, exist_ok=True)
        _disk.write_whole(folder / name, content)
        hashes[name] = hashlib.sha256(content).hexdigest()
    facts = {
        "schema": SCHEMA,
        "key": key.id,
        "encoder": dict(made.encoder),
        "templates": {
            name: {"dimension": one.dimension, "kept": one.kept, "bits": one.bits}
            for name, one in sorted(made.schemes.items())
        },
        "far": made.far,
        "files": dict(sorted(hashes.items())),
    }
    _disk.write_whole(folder / MANIFEST, _text({**facts, "seal": _seal(facts, key)}))


def read(folder: Path, *, key: ProjectKey) -> Calibrated:
    """A recogniser, every file of it as it was calibrated.

    Raises:
      UsageError: there is none, or it was made under another project key.
      WeightsError: a file is missing, damaged or edited.
    """
    facts = _manifest(folder, key)
    parts = {name: _part(folder, name, digest) for name, digest in facts["files"].items()}
    try:
        schemes = {name: Scheme(**one) for name, one in facts["templates"].items()}
        decider = stored_decider.from_json(json.loads(parts[DECIDER]))
        centres, cohort = _people_from(key.open(_PEOPLE, parts[SEALED]))
        far = float(facts["far"])
        return Calibrated(dict(facts["encoder"]), schemes, decider, centres, far, cohort)
    except (KeyError, TypeError, ValueError, UsageError, VaultError) as error:
        raise _broken(f"{type(error).__name__} while reading it") from None


def _manifest(folder: Path, key: ProjectKey) -> dict[str, Any]:
    path = folder / MANIFEST
    if not path.is_file():
        raise UsageError(
            f"recogniser: no {MANIFEST} there; expected a folder that `polyveil calibrate` wrote."
        )
    try:
        facts = json.loads(path.read_bytes())
        schema, seal, made_with = facts["schema"], facts.pop("seal", ""), facts.get("key")
    except (ValueError, TypeError, KeyError, AttributeError):
        raise _broken(f"{MANIFEST} is none") from None
    if schema == "polyveil.recogniser/1":
        raise UsageError(
            "recogniser: a result of training, which has no thresholds yet. Calibrate it first: "
            "polyveil calibrate PEOPLE --encoder RUN --out RECOGNISER."
        )
    if schema != SCHEMA:
        raise _broken(f"{MANIFEST} has another schema; expected {SCHEMA}")
    if made_with != key.id:
        raise UsageError(
            f"recogniser: calibrated with another project key than the one at hand, {key.id}. Use "
            "the key of the project, or calibrate again."
        )
    if not hmac.compare_digest(str(seal), _seal(facts, key)):
        raise _broken(f"the seal does not fit {MANIFEST}")
    return dict(facts)


def _part(folder: Path, name: str, digest: str) -> bytes:
    try:
        content = (folder / name).read_bytes()
    except OSError:
        raise _broken(f"{name} cannot be read") from None
    if hashlib.sha256(content).hexdigest() != digest:
        raise _broken(f"{name} is not what was calibrated")
    return content


def _seal(facts: Mapping[str, Any], key: ProjectKey) -> str:
    text = json.dumps(facts, sort_keys=True, separators=(",", ":"), ensure_ascii=True)
    return key.mac(_PURPOSE, text).hex()


def _text(values: Mapping[str, Any]) -> bytes:
    return f"{json.dumps(values, indent=1, ensure_ascii=False)}\n".encode()


def _broken(what: str) -> WeightsError:
    return WeightsError(
        f"recogniser: {what}. It was damaged or edited after calibration; nothing was decided. "
        "Restore the folder from a backup, or calibrate again."
    )


def _people_bytes(made: Calibrated) -> bytes:
    arrays: dict[str, Any] = {f"centre_{name}": one.mean for name, one in made.centres.items()}
    if made.cohort is not None:
        rows = made.cohort.embeddings.items()
        arrays |= {f"embedding_{name}": np.asarray(one, np.float32) for name, one in rows}
        arrays["people"] = np.array(sorted(made.cohort.people))
        arrays["kind"] = np.array(made.cohort.normalisation.kind)
        arrays["nearest"] = np.array(made.cohort.normalisation.nearest or 0)
    buffer = io.BytesIO()
    np.savez(buffer, **arrays)
    return buffer.getvalue()


def _people_from(content: bytes) -> tuple[dict[str, Centre], Cohort | None]:
    with np.load(io.BytesIO(content), allow_pickle=False) as kept:
        arrays = {name: kept[name] for name in kept}
    centres = {name: Centre(rows) for name, rows in _called(arrays, "centre_").items()}
    if "people" not in arrays:
        return centres, None
    kind: Any = str(arrays["kind"])
    cohort = Cohort(
        frozenset(arrays["people"].tolist()),
        {name: rows.astype(np.float64) for name, rows in _called(arrays, "embedding_").items()},
        Normalisation(kind, int(arrays["nearest"]) or None),
    )
    return centres, cohort


def _called(arrays: Mapping[str, Any], prefix: str) -> dict[str, Any]:
    return {name.removeprefix(prefix): one for name, one in arrays.items() if
            name.startswith(prefix)}  # fmt: skip
