# SPDX-License-Identifier: Apache-2.0
"""Attacks on released tables: singling out, linkage, inference, copies. No torch, no pandas."""

from polyveil.attack.tables.closest import Closest
from polyveil.attack.tables.inference import Inference
from polyveil.attack.tables.joining import Joining
from polyveil.attack.tables.linkage import Linkage
from polyveil.attack.tables.read import Reading, read_table
from polyveil.attack.tables.singling_out import SinglingOut
from polyveil.attack.tables.table import Table

__all__ = [
    "Closest",
    "Inference",
    "Joining",
    "Linkage",
    "Reading",
    "SinglingOut",
    "Table",
    "read_table",
]
