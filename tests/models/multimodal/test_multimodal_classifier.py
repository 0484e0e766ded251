# SPDX-License-Identifier: Apache-2.0
"""One network for every way of training: each modality alone, all together, any of them missing."""

from __future__ import annotations

import pytest
import torch

from polyveil.errors import UsageError
from polyveil.models.multimodal import ModalityInput, MultimodalClassifier, MultimodalConfig

INPUTS = (
    ModalityInput("image", (1, 9, 12)),
    ModalityInput("keys", (40, 3)),
    ModalityInput("prosody", (7,)),
)


def config(head: str = "shared") -> MultimodalConfig:
    return MultimodalConfig(INPUTS, 4, head, width=8, channels=(8, 8))


def rows(count: int = 5) -> dict[str, torch.Tensor]:
    draw = torch.Generator().manual_seed(0)
    return {one.name: torch.randn(count, *one.shape, generator=draw) for one in INPUTS}


@pytest.mark.parametrize("head", ["shared", "concatenation", "separate"])
def test_a_missing_modality_leaves_no_trace_in_the_joint_answer(head: str) -> None:
    torch.manual_seed(0)
    model, inputs = MultimodalClassifier(config(head)).eval(), rows()
    present = torch.ones(5, 3, dtype=torch.bool)
    present[2, 0] = False
    expected = model(inputs, present)
    changed = {**inputs, "image": inputs["image"].clone()}
    changed["image"][2] = 1e3
    assert torch.equal(model(changed, present), expected)
    alone = {name: values for name, values in inputs.items() if name != "image"}
    assert torch.allclose(model(alone)[2], expected[2], atol=1e-6)
    assert not torch.allclose(model(inputs)[2], expected[2], atol=1e-3)


def test_together_is_the_sum_of_a_layer_over_all_features_or_the_mean() -> None:
    torch.manual_seed(0)
    inputs = rows()
    for head in ("concatenation", "separate"):
        model = MultimodalClassifier(config(head)).eval()
        by_modality = model.by_modality(inputs)
        assert by_modality.shape == (3, 5, 4)
        parts = [model.encoder_of(one.name)(inputs[one.name]) for one in INPUTS]
        weights = [model.head_of(one.name).linear.weight for one in INPUTS]
        side_by_side = torch.cat([one[:, :-1] for one in weights], 1)
        joint = torch.cat(parts, 1) @ side_by_side.t() + sum(one[:, -1] for one in weights)
        expected = joint if head == "concatenation" else joint / 3
        assert torch.allclose(model(inputs), expected, atol=1e-5)


def test_the_shared_head_is_one_and_records_do_not_mix() -> None:
    model, inputs = MultimodalClassifier(config()).eval(), rows()
    assert model.head_of("image") is model.head_of("prosody")
    alone = {name: values[3:4] for name, values in inputs.items()}
    assert torch.allclose(model(inputs)[3:4], model(alone), atol=1e-6)
    nobody = torch.zeros(5, 3, dtype=torch.bool)
    assert torch.equal(model(inputs, nobody), torch.zeros(5, 4))


def test_configuration_survives_json_and_refuses_by_name() -> None:
    made = config("separate")
    assert MultimodalConfig.from_json(made.to_json()) == made
    with pytest.raises(UsageError, match="head: 'tied'"):
        config("tied")
    with pytest.raises(UsageError, match="different names"):
        MultimodalConfig((INPUTS[0], INPUTS[0]), 3)
    with pytest.raises(UsageError, match="expected \\(channels"):
        ModalityInput("film", (1, 2, 3, 4))
    with pytest.raises(UsageError, match="as to_json"):
        MultimodalConfig.from_json({"inputs": {}})
    with pytest.raises(UsageError, match="smell"):
        MultimodalClassifier(made)({"smell": torch.zeros(1, 7)})
    with pytest.raises(UsageError, match="expected bool"):
        MultimodalClassifier(made)(rows(), torch.ones(5, 2, dtype=torch.bool))


VECTORS = (ModalityInput("prosody", (7,)), ModalityInput("timbre", (5,)))


def vectors_of(kind: str, width: int) -> MultimodalClassifier:
    torch.manual_seed(0)
    return MultimodalClassifier(MultimodalConfig(VECTORS, 3, width=width, vectors=kind)).eval()


def learned(model: MultimodalClassifier) -> int:
    return sum(one.numel() for one in model.parameters() if one.requires_grad)


def test_encoders_of_vectors_learn_two_layers_one_or_none() -> None:
    head = 3 * (8 + 1)
    assert learned(vectors_of("hidden", 8)) == (7 + 1 + 5 + 1 + 2 * (8 + 1)) * 8 + head
    assert learned(vectors_of("linear", 8)) == (7 + 1 + 5 + 1) * 8 + head
    assert learned(vectors_of("fixed", 8)) == head
    with pytest.raises(UsageError, match="vectors: 'free'"):
        MultimodalConfig(VECTORS, 3, vectors="free")


def test_fixed_vectors_stand_side_by_side_where_there_is_room() -> None:
    model = vectors_of("fixed", 13)
    draw = torch.Generator().manual_seed(0)
    first, second = torch.randn(4, 7, generator=draw), torch.randn(4, 5, generator=draw)
    prosody, timbre = model.encoder_of("prosody")(first), model.encoder_of("timbre")(second)
    assert torch.allclose(prosody[:, :7], torch.tanh(first)) and not prosody[:, 7:].any()
    assert torch.allclose(timbre[:, 7:12], torch.tanh(second)) and not timbre[:, :7].any()


def test_fixed_vectors_without_room_are_drawn_once_and_travel_with_the_weights() -> None:
    model = vectors_of("fixed", 6)
    placed = model.encoder_of("timbre").placed
    assert torch.allclose(placed @ placed.t(), torch.eye(5), atol=1e-5)
    torch.manual_seed(1)
    again = MultimodalClassifier(model.config)
    assert torch.equal(again.encoder_of("timbre").placed, placed)
    assert sum(name.endswith("placed") for name in model.state_dict()) == 2


def test_a_configuration_from_before_there_was_a_choice_reads_as_it_was() -> None:
    made = config()
    old = {name: value for name, value in made.to_json().items() if name != "vectors"}
    assert MultimodalConfig.from_json(old) == made and made.vectors == "hidden"
