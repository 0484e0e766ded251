# SPDX-License-Identifier: Apache-2.0
"""A record in two parts is found, however it is stored, and a part's digest tests no guess."""

from __future__ import annotations

import torch

from polyveil.attack.examples import Examples
from polyveil.attack.splits import prove_disjoint


def examples(rows: int, seed: int) -> Examples:
    draw = torch.Generator().manual_seed(seed)
    inputs = {"image": torch.rand(rows, 1, 4, 4, generator=draw), "sound": torch.rand(rows, 5)}
    return Examples(inputs, torch.zeros(rows, dtype=torch.int64))


def test_parts_without_a_common_record_are_proven_disjoint() -> None:
    proof = prove_disjoint(
        {"members": examples(5, 1).digests(), "others": examples(4, 2).digests()}
    )
    assert proof.disjoint
    assert proof.guard().passed
    assert proof.guard().sentence == "members 5, others 4: no record is in two of them"


def test_equal_records_of_a_part_are_counted_each() -> None:
    twice = examples(5, 1).digests() * 2
    assert prove_disjoint({"members": twice}).parts[0].records == 10


def test_one_shared_record_is_found_whatever_its_label() -> None:
    members = examples(5, 1)
    again = Examples(members.at(slice(2, 3)).inputs, torch.ones(1, dtype=torch.int64))
    proof = prove_disjoint({"members": members.digests(), "others": again.digests()})
    assert not proof.disjoint
    assert proof.shared == {"members and others": 1}
    guard = proof.guard()
    assert not guard.passed
    assert guard.against == "false alarm"


def test_a_digest_depends_on_the_key_and_not_on_the_order() -> None:
    digests = examples(5, 1).digests()
    one = prove_disjoint({"members": digests}, key=b"a").parts[0]
    assert one == prove_disjoint({"members": digests[::-1]}, key=b"a").parts[0]
    assert one.digest != prove_disjoint({"members": digests}, key=b"b").parts[0].digest


def test_every_modality_counts() -> None:
    members = examples(3, 1)
    inputs = {**members.inputs, "sound": members.inputs["sound"] + 1}
    other = Examples(inputs, members.labels)
    assert not set(members.digests()) & set(other.digests())
