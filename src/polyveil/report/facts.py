# SPDX-License-Identifier: Apache-2.0
"""What a report is made of: counts, measures, threats, times. Values only, none of them a secret.

A report travels: to a data-protection officer, into a ticket, onto a web server. So nothing here
takes a path, a file name or a text of the input, except `Pair`, which the user must ask for.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Literal, TypeAlias

from polyveil.assess.measure import Verdict

Setting: TypeAlias = str | int | float | bool | None

_CLAIM = re.compile(r"\b(safe|safely|anonymous|anonymously|anonymi[sz]ed)\b", re.IGNORECASE)


def refuse_claim(where: str, text: str) -> None:
    """No sentence of a report promises what a measurement cannot show.

    Raises:
      ValueError: naming the word and where it stands.
    """
    claim = _CLAIM.search(text)
    if claim:
        raise ValueError(
            f"{where}: the word {claim.group()!r} claims more than a measurement can show; say "
            "what was tried and what was found."
        )


@dataclass(frozen=True, slots=True)
class Count:
    """How often a thing was found in all records read, and replaced in the records released."""

    found: int = 0
    replaced: int = 0


@dataclass(frozen=True, slots=True)
class Counts:
    """What went through a job.

    Attributes:
      records_read, records_released, records_refused: the last two sum to the first, unless the
        job was interrupted or a dry run.
      pictures, texts: decoded pictures, non-empty strings.
      faces: found and replaced.
      mentions: by kind of mention, found and replaced.
      persons: distinct humans after joining across records.
      links: mentions that were tied to a face.
      ambiguous: reason -> mentions that were kept apart for it.
      attempts: number of replacement attempts, as a string -> records that took so many.
    """

    records_read: int = 0
    records_released: int = 0
    records_refused: int = 0
    pictures: int = 0
    texts: int = 0
    faces: Count = Count()
    mentions: Mapping[str, Count] = field(default_factory=dict)
    persons: int = 0
    links: int = 0
    ambiguous: Mapping[str, int] = field(default_factory=dict)
    attempts: Mapping[str, int] = field(default_factory=dict)

    def __post_init__(self) -> None:
        if self.records_released + self.records_refused > self.records_read:
            raise ValueError(
                f"expected released + refused <= read, got {self.records_released} + "
                f"{self.records_refused} > {self.records_read}."
            )

    @property
    def mentions_total(self) -> Count:
        """Found and replaced over all kinds."""
        every = self.mentions.values()
        return Count(sum(one.found for one in every), sum(one.replaced for one in every))


@dataclass(frozen=True, slots=True)
class Job:
    """Which program did what, when, with which settings.

    Attributes:
      verb: "desensitize", "scan" or "audit".
      version: of polyveil.
      started, finished: ISO 8601 with offset.
      command: as `public_command` gives it: no path, no passphrase.
      settings: public facts only.
      input_kind: e.g. "folder with metadata.jsonl", "bare folder of pictures", "Parquet".
      counts: what went through.
      versions: package -> version, of whatever decides the result.
      hashes: weight file -> SHA-256.
      machine: e.g. "2 cores, 8 GB, Linux x86-64".
    """

    verb: str
    version: str
    started: str
    finished: str
    command: str
    input_kind: str
    counts: Counts = Counts()
    settings: Mapping[str, Setting] = field(default_factory=dict)
    versions: Mapping[str, str] = field(default_factory=dict)
    hashes: Mapping[str, str] = field(default_factory=dict)
    machine: str = ""


@dataclass(frozen=True, slots=True)
class StageTime:
    """Seconds that one stage took, summed over workers, for so many items."""

    stage: str
    seconds: float
    items: int


@dataclass(frozen=True, slots=True)
class RefusedExample:
    """One refused record: its position, and why, without any secret."""

    record_id: str
    reason: str


@dataclass(frozen=True, slots=True)
class Refusals:
    """The refused records of one kind (the name of an error class), the first few as examples."""

    kind: str
    count: int
    examples: tuple[RefusedExample, ...] = ()


@dataclass(frozen=True, slots=True)
class ThreatRow:
    """One attacker: what he can reach, what he knows, and what the measurement said.

    Attributes:
      id: stable short name; a tested row takes the place of the untested one of the same id.
      attacker: who.
      access: to what.
      knowledge: what he brings along.
      verdict: never a promise: "none detected" says that this attack, so strong, found nothing.
      sentence: one plain sentence for a reader who is no engineer.
      risk: "singling out", "linkability" or "inference"; empty where none of the three.
    """

    id: str
    attacker: str
    access: str
    knowledge: str
    verdict: Verdict
    sentence: str
    risk: str = ""

    def __post_init__(self) -> None:
        refuse_claim(f"threat {self.id}", self.sentence)


@dataclass(frozen=True, slots=True)
class Release:
    """How the output relates to the input: one way, or with an identity map in a vault.

    Attributes:
      form: "one-way": no map was kept; "vault": an encrypted map exists elsewhere.
      key_id: names the project key without saying anything about it.
    """

    form: Literal["one-way", "vault"]
    key_id: str


@dataclass(frozen=True, slots=True)
class Pair:
    """One record before and after. Secret: holds the ORIGINAL; only when the user asks for it.

    Attributes:
      record_id: position in the input.
      before, after: encoded pictures (JPEG, PNG or WebP); None for a record without picture.
      text_before, text_after: the texts, joined by line breaks.
    """

    record_id: str
    before: bytes | None = field(default=None, repr=False)
    after: bytes | None = field(default=None, repr=False)
    text_before: str = field(default="", repr=False)
    text_after: str = field(default="", repr=False)


@dataclass(frozen=True, slots=True)
class RecordRisk:
    """What would identify whom in one record: kinds and counts, no content.

    Attributes:
      record_id: position in the input.
      faces: faces found.
      mentions: kind -> count.
      persons: distinct humans in this record.
      linked: persons that text and picture identify together.
      metadata: hidden carriers, e.g. ("EXIF GPS", "EXIF thumbnail").
    """

    record_id: str
    faces: int = 0
    mentions: Mapping[str, int] = field(default_factory=dict)
    persons: int = 0
    linked: int = 0
    metadata: tuple[str, ...] = ()

    @property
    def total(self) -> int:
        """How many things were found."""
        return self.faces + sum(self.mentions.values()) + len(self.metadata)


def public_command(argv: Iterable[str], *, keep: frozenset[str] = frozenset()) -> str:
    """The command line, with everything hidden that may name a person or a place.

    The program, the verb, option names, numbers and the words in `keep` stay; every other word
    is shown as DIR. A folder may be called after a patient.

    >>> public_command(["/bin/polyveil", "desensitize", "/home/ann", "--out=x", "--workers", "2"])
    'polyveil desensitize DIR --out=DIR --workers 2'
    """
    program, *words = argv
    shown = [re.split(r"[\\/]", program)[-1]]
    for position, word in enumerate(words):
        option, equals, value = word.partition("=")
        if word.startswith("-"):
            shown.append(option + equals + (_public(value, keep) if equals else ""))
        elif position == 0 and re.fullmatch(r"[a-z]{3,12}", word):
            shown.append(word)
        else:
            shown.append(_public(word, keep))
    return " ".join(shown)


def _public(word: str, keep: frozenset[str]) -> str:
    return word if word in keep or re.fullmatch(r"\d+([.]\d+)?", word) else "DIR"
