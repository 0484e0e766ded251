# SPDX-License-Identifier: Apache-2.0
"""Figures as plain sentences, the same ones on the page and in the terminal.

They state what was done, found and tried. None says that the output is free of risk.
"""

from __future__ import annotations

import math
from datetime import datetime

from polyveil.assess.measure import Measure
from polyveil.interval import Interval
from polyveil.report.facts import Count, Counts, Job
from polyveil.report.result import DesensitizeReport, ScanReport

KIND_WORDS: dict[str, str] = {
    "name": "names", "place": "places", "organisation": "organisations", "email": "e-mails",
    "phone": "phone numbers", "card": "payment cards", "iban": "bank accounts (IBAN)",
    "national_id": "national identifiers", "ip": "IP addresses", "mac": "MAC addresses",
    "url": "web addresses", "handle": "user handles", "coordinates": "coordinates",
    "plate": "number plates", "date": "dates", "age": "ages", "address": "postal addresses",
    "expression": "identity expressions",
}  # fmt: skip

RESIDUAL = (
    "Only what the detectors recognise is replaced. Hair, clothes, body, surroundings, writing "
    "style and rare circumstances stay as they were, and someone who knows them can still "
    "recognise a person. A face or a name that was overlooked is overlooked in the check as well. "
    "Give this output only to recipients who have agreed not to identify anyone."
)


def number(value: float, unit: str = "", *, digits: int | None = None) -> str:
    """A figure as a reader expects it: 97.2 %, 1,203, 0.954, 85 ms."""
    if unit == "share":
        percent = 100.0 * value
        places = 0 if percent in (0.0, 100.0) else 1
        return f"{percent:.{places if digits is None else digits}f}\u00a0%"
    if digits is not None:
        text = f"{value:,.{digits}f}"
    elif float(value).is_integer() and abs(value) < 1e15:
        text = f"{value:,.0f}"
    else:
        text = f"{value:,.{_places(abs(value))}f}"
    return f"{text}\u00a0{unit}" if unit else text


def _places(size: float) -> int:
    if size >= 1:
        return 2 if size < 100 else 1 if size < 1000 else 0
    return min(6, 2 - math.floor(math.log10(size)))


def plural(count: int, one: str, many: str | None = None) -> str:
    """ "1 record", "1,203 records"."""
    return f"{count:,} {one if count == 1 else many or one + 's'}"


def kind_words(kind: str) -> str:
    """A kind of mention, in words and in the plural."""
    return KIND_WORDS.get(kind, kind.replace("_", " "))


def spread(measure: Measure) -> str:
    """The interval in words, or why there is none."""
    if not isinstance(measure.value, Interval):
        return "no interval was computed"
    value = measure.value
    low, high = number(value.low, measure.unit), number(value.high, measure.unit)
    return f"{low} to {high} ({value.method}, n\u00a0=\u00a0{value.n:,})"


def duration(job: Job) -> str:
    """Wall-clock time from start to finish, in words; both are told to the second only."""
    try:
        gone = datetime.fromisoformat(job.finished) - datetime.fromisoformat(job.started)
    except ValueError:
        return "unknown"
    whole = round(gone.total_seconds())
    if whole < 60:
        return f"{whole} s" if whole else "under 1 s"
    return seconds(whole)


def seconds(value: float) -> str:
    """ "4.2 s", "3 min 12 s", "2 h 5 min"."""
    if value < 60:
        return f"{value:.1f} s"
    minutes, rest = divmod(round(value), 60)
    if minutes < 60:
        return f"{minutes} min {rest} s"
    hours, minutes = divmod(minutes, 60)
    return f"{hours} h {minutes} min"


def went_in(job: Job) -> str:
    """What the job read."""
    counts = job.counts
    return (
        f"{plural(counts.records_read, 'record')} went in ({job.input_kind}): "
        f"{plural(counts.pictures, 'picture')} and {plural(counts.texts, 'text')}."
    )


def came_out(counts: Counts) -> str:
    """What the job released."""
    mentions = counts.mentions_total
    if not counts.records_released:
        return (
            f"No record came out. In all records read, {plural(counts.faces.found, 'face')} and "
            f"{plural(mentions.found, 'mention')} were found."
        )
    return (
        f"{plural(counts.records_released, 'record')} came out. In them "
        f"{plural(counts.faces.replaced, 'face')} and {plural(mentions.replaced, 'mention')} "
        f"were replaced by stand-ins for {plural(counts.persons, 'person', 'persons')}. "
        f"In all records read, {counts.faces.found:,} and {mentions.found:,} were found."
    )


def was_refused(counts: Counts) -> str:
    """What the job held back, and what it never came to."""
    missing = counts.records_read - counts.records_released - counts.records_refused
    refused = counts.records_refused
    if refused:
        verb = "was" if refused == 1 else "were"
        said = f"{plural(refused, 'record')} {verb} refused and {verb} not released."
    else:
        said = "No record was refused."
    left = f" {plural(missing, 'record')} not processed." if missing else ""
    return said + left


def was_unreadable(counts: Counts) -> str:
    """What a scan could not look into."""
    refused = counts.records_refused
    return (
        f"{plural(refused, 'record')} could not be read." if refused else "Every record was read."
    )


def would_identify(report: ScanReport) -> str:
    """How much of the data set identifies people."""
    counts = report.job.counts
    touched = sum(1 for record in report.records if record.total)
    linked = sum(1 for record in report.records if record.linked)
    return (
        f"{touched:,} of {plural(counts.records_read, 'record')} would identify someone: "
        f"{plural(counts.faces.found, 'face')} and "
        f"{plural(counts.mentions_total.found, 'mention')} of "
        f"{plural(counts.persons, 'person', 'persons')}. In {plural(linked, 'record')} text and "
        "picture identify the same person together."
    )


def desensitize_summary(report: DesensitizeReport) -> str:
    """A few lines for the terminal."""
    counts = report.job.counts
    lines = [went_in(report.job), came_out(counts), was_refused(counts)]
    kinds = [
        f"{kind_words(kind)} {one.replaced:,}" for kind, one in _by_size(counts) if one.replaced
    ]
    if kinds:
        lines.append("Replaced: " + ", ".join(kinds) + ".")
    ambiguous = sum(counts.ambiguous.values())
    if ambiguous:
        lines.append(f"{plural(ambiguous, 'link')} undecided and kept apart.")
    if report.guarantee:
        lines.append(f"Proven: {report.guarantee.sentence}")
    for measure in report.measures:
        by = f" by {measure.attacker}" if measure.attacker else ""
        figure = number(measure.estimate, measure.unit)
        lines.append(f"Measured: {measure.name}{by}: {figure}, {spread(measure)}.")
    lines += [f"Refused: {one.kind} {one.count:,}." for one in report.refusals]
    lines += [f"Warning: {text}" for text in report.warnings]
    untested = sum(1 for row in report.threats if row.verdict == "not tested")
    lines.append(f"Not tested: {plural(untested, 'attack')} of {len(report.threats)}; see report.")
    return _plain(lines)


def scan_summary(report: ScanReport) -> str:
    """A few lines for the terminal."""
    lines = [went_in(report.job), would_identify(report), was_unreadable(report.job.counts)]
    kinds = [f"{kind_words(kind)} {one.found:,}" for kind, one in _by_size(report.job.counts)]
    if kinds:
        lines.append("Found: " + ", ".join(kinds) + ".")
    lines += [f"Unreadable: {one.kind} {one.count:,}." for one in report.refusals]
    lines += [f"Warning: {text}" for text in report.warnings]
    lines.append("Nothing was changed.")
    return _plain(lines)


def _plain(lines: list[str]) -> str:
    """One line each; spaces that a page must not break at are plain ones in a terminal."""
    return "\n".join(lines).replace("\u00a0", " ")


def _by_size(counts: Counts) -> list[tuple[str, Count]]:
    return sorted(counts.mentions.items(), key=lambda item: -item[1].found)
