# SPDX-License-Identifier: Apache-2.0
"""TenSEAL is imported when a key is made, not before; without it the error holds the pip line."""

from __future__ import annotations

import subprocess
import sys

import pytest

from polyveil.encrypted import SecretContext
from polyveil.errors import MissingExtra


def test_without_the_extra_the_error_says_what_to_install(monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setitem(sys.modules, "tenseal", None)
    with pytest.raises(MissingExtra, match=r"pip install 'polyveil\[encrypt\]'"):
        SecretContext.generate()


def test_importing_the_room_loads_neither_tenseal_nor_torch_nor_its_neighbour():
    unwanted = ("tenseal", "torch", "polyveil.recognize", "polyveil.models")
    code = f"import sys, polyveil.encrypted; print([m for m in {unwanted!r} if m in sys.modules])"
    run = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert run.stdout.strip() == "[]"
