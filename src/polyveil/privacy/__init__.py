# SPDX-License-Identifier: Apache-2.0
"""Keys and vaults that keep identities apart, and noise whose promise can be proven."""

from polyveil.privacy.guarantee import Guarantee

__all__ = ["Guarantee"]
