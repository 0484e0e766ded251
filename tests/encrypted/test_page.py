# SPDX-License-Identifier: Apache-2.0
"""The example of docs/encrypted-matching.md runs as it stands there; its figures are the code's."""

from __future__ import annotations

import contextlib
import io
import re
from pathlib import Path

import pytest

from polyveil.encrypted import COMPACT, STANDARD

PAGE = (Path(__file__).resolve().parents[2] / "docs" / "encrypted-matching.md").read_text()


def test_the_example_prints_what_it_says(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    pytest.importorskip("tenseal", reason="needs the extra encrypt: TenSEAL is not installed")
    monkeypatch.chdir(tmp_path)
    example = re.search(r"```python\n(.*?)```", PAGE, re.DOTALL)
    assert example is not None
    printed = io.StringIO()
    with contextlib.redirect_stdout(printed):
        exec(example[1], {})  # noqa: S102  (our own page)
    assert printed.getvalue() == "Decision(best='handle-3', over=('handle-3',))\n"
    assert {path.name for path in tmp_path.iterdir()} == {
        "secret.ckks",
        "public.ckks",
        "database",
    }


@pytest.mark.parametrize("parameters", [STANDARD, COMPACT])
def test_the_table_of_parameters_is_that_of_the_code(parameters):
    primes = ", ".join(map(str, parameters.prime_bits))
    assert f"| {primes} |" in PAGE
    assert f"| {parameters.most_encryptions:,} |" in PAGE
    for value in (parameters.deviation(), parameters.error_bound()):
        assert f"{value:.1e}".replace("e-0", "e-") in PAGE
