# SPDX-License-Identifier: Apache-2.0
"""What every test of galleries and templates needs."""

from __future__ import annotations

import pytest


@pytest.fixture(autouse=True)
def steady(same_templates: None) -> None:
    """Templates are drawn alike in every run."""
