# SPDX-License-Identifier: Apache-2.0
"""Take a person's templates out of a gallery: erased, or every trace of them deleted.

polyveil.revoke("Ada", gallery="gallery.db")                  # what was when stays on record
polyveil.revoke("Ada", gallery="gallery.db", forget=True)     # nothing stays
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any

from polyveil.errors import EXIT_CLEAN, EXIT_RISK_FOUND, UsageError
from polyveil.recognize.gallery import Gallery
from polyveil.report.codec import encode
from polyveil.report.sentences import plural
from polyveil.tasks.recognising.keys import project_key
from polyveil.tasks.recognising.opened import must_exist


@dataclass(frozen=True, slots=True)
class RevokeReport:
    """What was taken out.

    Attributes:
      subject: pseudonymous id of the person.
      templates: active templates erased, or with `forgotten` rows deleted, revoked ones too.
      forgotten: whether no row of the person is left.
      dry_run: whether nothing was changed.
      guarantee: always None.
    """

    subject: str
    templates: int
    forgotten: bool
    dry_run: bool
    not_done: tuple[str, ...] = (
        "copies and backups of the gallery: erase them yourself",
        "records that the templates were made from",
    )
    guarantee: None = None

    @property
    def exit_code(self) -> int:
        """1 where nobody of that name was there, so that a mistyped name is noticed; else 0."""
        return EXIT_CLEAN if self.templates else EXIT_RISK_FOUND

    def to_json(self) -> dict[str, Any]:
        """JSON values, versioned by "schema"."""
        return {"schema": "polyveil.revoke/1", "exit_code": self.exit_code, **encode(self)}

    def summary(self) -> str:
        """What was erased, and what cannot be."""
        if not self.templates:
            return "nothing was there under this name; nothing was changed"
        noun, done = ("row", "deleted") if self.forgotten else ("template", "erased")
        would = "would be " if self.dry_run else ""
        lines = [f"{plural(self.templates, noun)} {would}{done} of subject {self.subject}"]
        return "\n".join([*lines, f"not done: {'; '.join(self.not_done)}"])


def revoke(
    name: str,
    *,
    gallery: str | Path,
    modality: str | None = None,
    forget: bool = False,
    key: str | Path | None = None,
    vault: str | Path | None = None,
    passphrase: str | None = None,
    dry_run: bool = False,
) -> RevokeReport:
    """Erases a person's templates, in one transaction.

    Args:
      name: as the person was enrolled.
      gallery: path or URL.
      modality: of this one alone; None for all.
      forget: delete every row of the person instead, also of what was revoked before.
      key, vault, passphrase: the project key, as in calibration.
      dry_run: say what would be erased; change nothing.

    Raises:
      UsageError: no gallery, or modality together with forget.
      GalleryError: another key's, damaged or not reachable. Nothing was changed.
    """
    if forget and modality is not None:
        raise UsageError("revoke: to forget is to forget all; expected no modality with it.")
    held = project_key(key, vault=vault, passphrase=passphrase)
    must_exist(gallery)
    opened = Gallery(gallery, key=held)
    subject = opened.subject(name)
    if dry_run:
        mine = [one for one in opened.entries() if one.subject == subject]
        count = sum(
            forget or (one.status == "active" and modality in (None, one.modality)) for one in mine
        )
    else:
        count = opened.forget(name) if forget else opened.revoke(name, modality)
    return RevokeReport(subject, count, forget, dry_run)
