# SPDX-License-Identifier: Apache-2.0
"""The autoencoder: shapes, its bound against torch.distributions, learning, and its noise."""

from __future__ import annotations

import math

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch.distributions import Normal, kl_divergence

from polyveil.errors import UsageError
from polyveil.models.vae import DETERMINISTIC, VAE, VAEConfig, divergence

SHAPES = [(1, 16, 16), (3, 17, 22), (30, 5), (2, 1, 40)]


def small(shape: tuple[int, ...] = (1, 16, 16), **options: object) -> VAE:
    torch.manual_seed(0)
    return VAE(VAEConfig(shape, **({"latent": 1, "widths": (8, 8)} | options)))  # type: ignore[arg-type]


@pytest.mark.parametrize("shape", SHAPES)
def test_shapes_of_every_modality(shape: tuple[int, ...]) -> None:
    vae, x = small(shape), torch.randn(3, *shape)
    coded, rebuilt = vae(x)
    assert rebuilt.shape == x.shape
    assert {tuple(one.shape) for one in coded} == {(3, *vae.config.code)}
    assert vae.loss(x, coded, rebuilt).shape == (3,)


@settings(deadline=None)
@given(st.lists(st.tuples(st.floats(-5, 5), st.floats(-8, 8)), min_size=6, max_size=6))
def test_divergence_is_that_of_torch_distributions(drawn: list[tuple[float, float]]) -> None:
    mean, log_variance = torch.tensor(drawn, dtype=torch.float64).T.reshape(2, 2, 3)
    posterior = Normal(mean, (log_variance / 2).exp())
    expected = kl_divergence(posterior, Normal(torch.zeros(()), torch.ones(()))).sum(1)
    torch.testing.assert_close(divergence(mean, log_variance), expected)
    assert (divergence(mean, log_variance) >= 0).all()


def test_the_loss_is_the_negative_lower_bound_but_for_a_constant() -> None:
    vae, x = small(spread=0.3), torch.rand(4, 1, 16, 16)
    coded, rebuilt = vae(x)
    likelihood = Normal(rebuilt, 0.3).log_prob(x).flatten(1).sum(1)
    bound = likelihood - divergence(coded.mean, coded.log_variance)
    constant = math.log(0.3 * math.sqrt(2 * math.pi))
    torch.testing.assert_close(vae.loss(x, coded, rebuilt), -bound / 256 - constant)


def test_training_lowers_the_bound() -> None:
    vae = small(latent=2)
    draw = torch.Generator().manual_seed(3)
    place = torch.randint(2, 13, (24, 2), generator=draw)
    x = torch.zeros(24, 1, 16, 16)
    for row, (down, right) in zip(x, place.tolist(), strict=True):
        row[0, down - 2 : down + 3, right - 2 : right + 3] = 1
    optimizer = torch.optim.Adam(vae.parameters(), 0.01)
    losses = []
    for _ in range(40):
        loss = vae.loss(x, *vae(x)).mean()
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
        losses.append(loss.item())
    assert losses[-1] < 0.5 * losses[0]


def test_the_code_is_mean_plus_scaled_noise() -> None:
    vae, x = small(noise=2.5), torch.rand(2, 1, 16, 16)
    drawn = torch.randn(2, *vae.config.code)
    coded = vae.encode(x, drawn)
    deviation = (coded.log_variance / 2).exp()
    torch.testing.assert_close(coded.code, coded.mean + 2.5 * deviation * drawn)
    for wrong in (drawn[..., 0], drawn[:1]):
        with pytest.raises(UsageError, match="noise"):
            vae.encode(x, wrong)
    codes = torch.stack([vae.encode(x).code for _ in range(1500)])
    torch.testing.assert_close(codes.std(0), 2.5 * deviation, rtol=0.1, atol=0)


def test_in_use_the_code_is_drawn_unless_told_otherwise() -> None:
    x = torch.rand(2, 1, 16, 16)
    drawn, fixed = small().eval(), small(deterministic=True)
    assert not torch.equal(drawn.encode(x).code, drawn.encode(x).code)
    assert not torch.equal(fixed.encode(x).code, fixed.encode(x).code)  # it still trains on noise
    fixed.eval()
    assert torch.equal(fixed.encode(x).code, fixed.encode(x).mean)
    assert fixed.config.remarks == small(noise=0.0).config.remarks == (DETERMINISTIC,)
    assert drawn.config.remarks == ()


def test_no_record_has_a_loss_that_is_not_finite() -> None:
    vae = small()
    x = torch.stack([torch.zeros(1, 16, 16), torch.full((1, 16, 16), 1e6)])
    assert vae.loss(x, *vae(x)).isfinite().all()
    assert (vae.encode(x).log_variance.abs() <= 8).all()


@settings(max_examples=10, deadline=None)
@given(st.integers(0, 3), st.sampled_from(SHAPES))
def test_a_loss_depends_on_its_own_record_alone(row: int, shape: tuple[int, ...]) -> None:
    vae, x = small(shape), torch.randn(4, *shape).requires_grad_()
    (gradient,) = torch.autograd.grad(vae.loss(x, *vae(x))[row], x)
    others = [i for i in range(4) if i != row]
    assert gradient[row].any() and not gradient[others].any()


@pytest.mark.parametrize(
    ("wrong", "named"),
    [
        ({"shape": (5,)}, "shape"),
        ({"shape": (0, 4, 4)}, "shape"),
        ({"latent": 0}, "latent"),
        ({"latent": 64}, "latent"),
        ({"widths": ()}, "widths"),
        ({"widths": (12,)}, "widths"),
        ({"noise": -1.0}, "noise"),
        ({"spread": 0.0}, "spread"),
    ],
)
def test_a_shape_that_cannot_be_is_refused_by_name(wrong: dict[str, object], named: str) -> None:
    with pytest.raises(UsageError, match=f"^{named}"):
        VAEConfig(**({"shape": (1, 16, 16), "widths": (8, 8)} | wrong))  # type: ignore[arg-type]
