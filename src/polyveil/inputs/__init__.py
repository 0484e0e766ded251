# SPDX-License-Identifier: Apache-2.0
"""From what a record holds to the numbers a network reads: faces, sounds, behaviour."""

from polyveil.inputs.front_end import KINDS, FrontEnd, front_end

__all__ = ["KINDS", "FrontEnd", "front_end"]
