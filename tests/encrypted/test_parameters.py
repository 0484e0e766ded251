# SPDX-License-Identifier: Apache-2.0
"""Parameter sets keep 128 bits and the precision that they state; the noise follows the formula."""

from __future__ import annotations

import numpy as np
import pytest

from polyveil.encrypted import COMPACT, STANDARD, TOLERANCE, Parameters
from polyveil.errors import UsageError

COARSE = Parameters(degree=4096, prime_bits=(53, 53), scale_bits=25)


@pytest.mark.parametrize("parameters", [STANDARD, COMPACT])
def test_ours_keep_both_tables(parameters: Parameters):
    """109 bits at degree 4,096 in the standard of 2018, 106 in the guidelines of 2024."""
    assert sum(parameters.prime_bits) <= 106
    assert parameters.slots == 2048


def test_the_set_for_quantum_computers_works(wide, rows):
    """The one that the documentation names: 106 of 161 bits."""
    templates, probe = rows(5, 3), rows(1, 3, seed=1)[0]
    assert np.abs(wide.ask(wide.database(templates), probe) - templates @ probe).max() < 2e-5


def test_golden_numbers():
    """The numbers that the documentation quotes."""
    assert STANDARD.deviation() == pytest.approx(2.25e-7, rel=0.01)
    assert STANDARD.error_bound() < 1e-5
    assert STANDARD.most_encryptions > 50_000
    assert COMPACT.error_bound() < 2e-4
    assert 150 < COMPACT.most_encryptions < 250


@pytest.mark.parametrize("parameters", [STANDARD, COMPACT, COARSE])
def test_the_last_admissible_encryption_keeps_the_tolerance(parameters: Parameters):
    assert parameters.error_bound(parameters.most_encryptions) <= TOLERANCE
    assert parameters.error_bound(parameters.most_encryptions + 1) > TOLERANCE


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        ((2048, (36, 36), 20), "degree"),
        ((4096, (36, 36, 35), 30), "128 bits of security"),
        ((8192, (60, 60, 60, 60), 40), "128 bits of security"),
        ((4096, (53,), 25), "two primes"),
        ((4096, (29, 53), 10), "30 to 60"),
        ((4096, (61, 40), 20), "30 to 60"),
        ((4096, (53, 53), 26), "smaller scale"),
        ((4096, (53, 53), 0), "smaller scale"),
        ((4096, (53, 53), 20), "larger scale"),
    ],
)
def test_weak_or_coarse_sets_are_refused(arguments: tuple, words: str):
    with pytest.raises(UsageError, match=words):
        Parameters(*arguments)


def test_facts_round_trip():
    assert Parameters.from_facts(STANDARD.facts()) == STANDARD
    for broken in (None, {}, {"degree": "x"}, {**STANDARD.facts(), "prime_bits": 3}):
        with pytest.raises(UsageError):
            Parameters.from_facts(broken)


@pytest.mark.parametrize("name", ["parties", "compact", "coarse"])
def test_the_error_has_the_stated_deviation(name: str, request, rows):
    """Measured over 2,048 slots: within a third of the formula, and below the bound."""
    under = request.getfixturevalue(name)
    parameters = under.secret.public.parameters
    templates, probe = rows(2048, 24), rows(1, 24, seed=5)[0]
    errors = under.ask(under.database(templates), probe) - templates @ probe
    assert parameters.deviation() / 1.5 < errors.std() < parameters.deviation() * 1.5
    assert np.abs(errors).max() < parameters.error_bound()


def test_the_error_grows_with_the_root_of_the_encryptions(compact, rows):
    """15 batches in one chunk: sqrt((1 + 15) / 2) times the noise of one."""
    templates, probe = rows(2025, 4), rows(1, 4, seed=5)[0]
    database = compact.database(templates[:135])
    for first in range(135, 2025, 135):
        batch = compact.client.encrypt_templates(templates[first : first + 135], first=first)
        database.append([f"p{place}" for place in range(first, first + 135)], batch)
    errors = compact.ask(database, probe) - templates @ probe
    assert database.chunks[0].encryptions == 15
    assert COMPACT.deviation(15) / 1.5 < errors.std() < COMPACT.deviation(15) * 1.5
