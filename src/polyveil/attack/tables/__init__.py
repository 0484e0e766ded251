# SPDX-License-Identifier: Apache-2.0
"""Attacks on released tables: singling out, linkage, inference, copies. No torch, no pandas."""

from polyveil.attack.tables.read import Reading, read_table
from polyveil.attack.tables.singling_out import SinglingOut
from polyveil.attack.tables.table import Table

__all__ = ["Reading", "SinglingOut", "Table", "read_table"]
