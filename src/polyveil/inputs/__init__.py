# SPDX-License-Identifier: Apache-2.0
"""From what a record holds to the numbers a network reads: faces, sounds, behaviour."""
