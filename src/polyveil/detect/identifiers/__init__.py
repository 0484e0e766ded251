# SPDX-License-Identifier: Apache-2.0
"""Identifiers that have a form of their own, one detector a file."""

from polyveil.detect.identifiers.finder import IdentifierFinder

__all__ = ["IdentifierFinder"]
