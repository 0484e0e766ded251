# SPDX-License-Identifier: Apache-2.0
"""What a recogniser and its thresholds call a person: nothing to whoever lacks the project key."""

from __future__ import annotations

from polyveil.privacy.key import ProjectKey

DIGITS = 32


def person_token(key: ProjectKey, name: str) -> str:
    """32 hex digits, the same for the same name under one key."""
    return key.mac("recogniser/person", name).hex()[:DIGITS]
