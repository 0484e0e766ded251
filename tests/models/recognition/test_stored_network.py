# SPDX-License-Identifier: Apache-2.0
"""A network comes back bit by bit, and what is damaged does not come back at all."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
import torch
from recognised_people import MODALITIES, people, recogniser

from polyveil.errors import UsageError, WeightsError
from polyveil.models.odconv_attention import anneal
from polyveil.models.recognition.stored import (
    DESCRIPTION,
    WEIGHTS,
    config_from_json,
    config_to_json,
    load,
    save,
)


@pytest.mark.parametrize(
    "options",
    [{"kernels": 2, "alignment": "anchors", "seed": 3}, {"vae": False, "odconv": False}],
)
def test_what_is_saved_comes_back_bit_by_bit(tmp_path: Path, options: dict) -> None:
    system = recogniser(**options)
    anneal(system, 4.5)  # the temperature is part of the network
    save(system, tmp_path)
    assert system.training
    torch.manual_seed(9)
    expected_draw = torch.rand(1)
    torch.manual_seed(9)
    again = load(tmp_path)
    assert torch.equal(torch.rand(1), expected_draw)
    assert again.config == system.config and not again.training
    for (name, one), (other, two) in zip(
        system.state_dict().items(), again.state_dict().items(), strict=True
    ):
        assert name == other and one.dtype == two.dtype and torch.equal(one, two)
    inputs, _ = people(1)
    noise = system.noise(4, generator=torch.Generator().manual_seed(1))
    with torch.no_grad():
        found, repeated = system.eval()(inputs, noise=noise), again(inputs, noise=noise)
    assert torch.equal(found.fused, repeated.fused) and torch.equal(found.logits, repeated.logits)
    assert {one.name for one in tmp_path.iterdir()} == {DESCRIPTION, WEIGHTS}
    assert all(one.stat().st_mode & 0o077 == 0 for one in tmp_path.iterdir())


def test_a_configuration_survives_json_and_odd_ones_are_refused() -> None:
    config = recogniser(modalities=MODALITIES[1:], kernels=3, noise=0.5).config
    values = json.loads(json.dumps(config_to_json(config)))
    assert config_from_json(values) == config
    for wrong, named in (
        ({**values, "more": 1}, "more"),
        ({one: values[one] for one in values if one != "latent"}, "latent"),
        ({**values, "modalities": [{"name": "face"}]}, "config"),
        ({**values, "modalities": None}, "config"),
        ({**values, "widths": [5]}, "widths"),
        ({**values, "identities": "4"}, "identities"),
        ({**values, "noise": None}, "config"),
        ([], "config"),
    ):
        with pytest.raises(UsageError, match=named):
            config_from_json(wrong)  # type: ignore[arg-type]


def test_damage_other_versions_and_strangers_are_refused(tmp_path: Path) -> None:
    whole = tmp_path / "whole"
    whole.mkdir()
    save(recogniser(), whole)
    weights, text = (whole / WEIGHTS).read_bytes(), (whole / DESCRIPTION).read_text()
    values = json.loads(text)
    foreign = {**values, "config": {**values["config"], "identities": 5}}
    cases = (
        (weights[:-1] + bytes([weights[-1] ^ 1]), text, "SHA-256"),
        (weights[:100], text, "SHA-256"),
        (b"", text, "SHA-256"),
        (weights, text[:40], "damaged"),
        (weights, "[]", "damaged"),
        (weights, "[" * 100_000, "damaged"),
        (weights, json.dumps({**values, "schema": "polyveil.network/2"}), "schema"),
        (weights, json.dumps({**values, "sha256": 5}), "sha256"),
        (weights, json.dumps({**values, "config": {}}), "config"),
        (weights, json.dumps(foreign), "its tensors"),
        (None, text, "cannot be read"),
        (weights, None, "cannot be read"),
    )
    for number, (content, description, named) in enumerate(cases):
        folder = tmp_path / str(number)
        folder.mkdir()
        if content is not None:
            (folder / WEIGHTS).write_bytes(content)
        if description is not None:
            (folder / DESCRIPTION).write_text(description)
        with pytest.raises(WeightsError, match=named):
            load(folder)
