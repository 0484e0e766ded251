# SPDX-License-Identifier: Apache-2.0
"""Encoders, projection and closed-set head: shapes, switches, and records alone."""

from __future__ import annotations

import pytest
import torch
from torch import nn

from polyveil.errors import UsageError
from polyveil.models.odconv import ODConv
from polyveil.models.recognition.closed_set import ClosedSetHead
from polyveil.models.recognition.encoders import (
    EncoderConfig,
    PictureEncoder,
    SequenceEncoder,
    Stem,
)
from polyveil.models.recognition.modality import Modality
from polyveil.models.recognition.projection import Projection, unit
from polyveil.models.vae import VAEConfig

ENCODERS = [(PictureEncoder, (2, 9, 5)), (PictureEncoder, (3, 1, 1)), (SequenceEncoder, (2, 13))]


@pytest.mark.parametrize("odconv", [True, False])
@pytest.mark.parametrize(("encoder", "shape"), ENCODERS)
def test_a_map_of_any_size_becomes_a_vector(
    encoder: type[nn.Module], shape: tuple[int, ...], odconv: bool
) -> None:
    torch.manual_seed(0)
    network = encoder(EncoderConfig(shape, (8, 24), odconv))
    maps = torch.randn(3, *shape, requires_grad=True)
    features = network(maps)
    assert features.shape == (3, 24)
    (gradient,) = torch.autograd.grad(features[1].sum(), maps)
    assert gradient[1].any() and not gradient[[0, 2]].any()
    dynamic = sum(isinstance(one, ODConv) for one in network.modules())
    plain = sum(isinstance(one, nn.Conv1d | nn.Conv2d) for one in network.modules())
    assert (dynamic, plain) == ((2, 0) if odconv else (0, 2))


def test_a_sequence_is_read_in_order() -> None:
    torch.manual_seed(0)
    network = SequenceEncoder(EncoderConfig((2, 4), (8,), odconv=False))
    maps = torch.randn(2, 2, 4)
    assert not torch.allclose(network(maps), network(maps.flip(2)), atol=1e-4)


@pytest.mark.parametrize("shape", [(1, 16, 12), (20, 3)])
def test_the_stem_gives_the_grid_of_the_autoencoder(shape: tuple[int, ...]) -> None:
    config = VAEConfig(shape, latent=1, widths=(8, 8))
    stem = Stem(config)
    assert stem(torch.randn(2, *shape)).shape == (2, *stem.output) == (2, 8, *config.grids[-1])


def test_embeddings_have_length_one() -> None:
    torch.manual_seed(0)
    embeddings = Projection(7, 5)(torch.randn(4, 7) * torch.tensor([[1e-4], [1.0], [1e4], [0.0]]))
    torch.testing.assert_close(embeddings.norm(dim=1), torch.tensor([1.0, 1, 1, 0]))
    assert torch.equal(unit(torch.zeros(2, 3)), torch.zeros(2, 3))


def test_the_head_can_become_sure() -> None:
    head = ClosedSetHead(8, 5)
    with torch.no_grad():
        head.linear.weight.copy_(torch.eye(5, 8))
        head.linear.bias.zero_()
    assert (head(torch.eye(5, 8)).softmax(1).diagonal() > 0.99).all()


@pytest.mark.parametrize(
    ("make", "named"),
    [
        (lambda: EncoderConfig((3,)), "shape"),
        (lambda: EncoderConfig((3, 0)), "shape"),
        (lambda: EncoderConfig((3, 4), (7,)), "widths"),
        (lambda: EncoderConfig((3, 4), kernels=0), "kernels"),
        (lambda: PictureEncoder(EncoderConfig((3, 4))), "shape"),
        (lambda: SequenceEncoder(EncoderConfig((3, 4, 4))), "shape"),
        (lambda: Modality("two words", (3, 4)), "name"),
        (lambda: Modality("face", (3,)), "face"),
        (lambda: Modality("face", (3, 0)), "face"),
        (lambda: Modality("face", (3, 4), spread=0.0), "face"),
    ],
)
def test_what_cannot_be_is_refused_by_name(make: object, named: str) -> None:
    with pytest.raises(UsageError, match=f"^{named}"):
        make()  # type: ignore[operator]
