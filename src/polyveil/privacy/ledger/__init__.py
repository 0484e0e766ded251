# SPDX-License-Identifier: Apache-2.0
"""The ledger of privacy budgets: see `ledger.Ledger` and `content.content_hash`."""

from polyveil.privacy.ledger.amount import Loss
from polyveil.privacy.ledger.chain import Finding
from polyveil.privacy.ledger.content import DataSetId, content_hash
from polyveil.privacy.ledger.entry import Entry
from polyveil.privacy.ledger.ledger import Ledger
from polyveil.privacy.ledger.result import Head, Reservation, Spent, Verdict

__all__ = [
    "DataSetId",
    "Entry",
    "Finding",
    "Head",
    "Ledger",
    "Loss",
    "Reservation",
    "Spent",
    "Verdict",
    "content_hash",
]
