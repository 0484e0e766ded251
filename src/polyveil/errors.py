# SPDX-License-Identifier: Apache-2.0
"""Everything that polyveil raises on purpose, one small tree.

    PolyveilError                     exit code 2 unless stated
    ├── UsageError                    the call or its arguments are off
    │   ├── MissingExtra              an optional dependency is not installed
    │   └── NotPrivate                this model, loss or setting cannot be trained with a guarantee
    ├── RecordError                   exit code 3: this record is refused, the rest goes on
    │   ├── UnreadableRecord          the file or row cannot be decoded safely
    │   └── UnsafeRecord              something identifying is left, or image and text disagree
    ├── WeightsError                  a weight file is missing or not the one that was signed off
    ├── VaultError                    wrong passphrase, damaged or foreign vault
    ├── JournalError                  the output folder belongs to another job
    ├── BudgetExceeded                exit code 4: the data set's privacy budget does not allow it
    ├── LedgerError                   the ledger is unreachable, damaged, rolled back or edited
    └── GalleryError                  the gallery is unreachable, damaged or of another key

A message says where, what came, what was expected, what to do; never the secret itself.
"""

from __future__ import annotations

EXIT_CLEAN = 0
EXIT_RISK_FOUND = 1
EXIT_USAGE = 2
EXIT_RECORDS_REFUSED = 3
EXIT_BUDGET_EXCEEDED = 4


class PolyveilError(Exception):
    """Base of everything that polyveil raises on purpose."""

    exit_code: int = EXIT_USAGE


class UsageError(PolyveilError):
    """The call or its arguments are off; nothing was read or written."""


class MissingExtra(UsageError):
    """An optional dependency is not installed; the message holds the pip line."""


class NotPrivate(UsageError):
    """This model, loss or setting cannot be trained with a guarantee; says what to change."""


class RecordError(PolyveilError):
    """One record is refused; every other record goes on."""

    exit_code = EXIT_RECORDS_REFUSED


class UnreadableRecord(RecordError):
    """The file or row cannot be decoded safely."""


class UnsafeRecord(RecordError):
    """Something identifying is still found, or image and text disagree, after every attempt."""


class WeightsError(PolyveilError):
    """A weight file is missing or its SHA-256 is not the recorded one."""


class VaultError(PolyveilError):
    """Wrong passphrase, damaged vault, or a vault of another project."""


class JournalError(PolyveilError):
    """The output folder holds the journal of another job."""


class BudgetExceeded(PolyveilError):
    """What was asked for would spend more than the data set's budget; nothing was released."""

    exit_code = EXIT_BUDGET_EXCEEDED


class LedgerError(PolyveilError):
    """The ledger cannot be reached, or its chain shows damage, roll-back, cloning or an edit."""


class GalleryError(PolyveilError):
    """The gallery cannot be reached, is damaged, readable by others, or of another key."""
