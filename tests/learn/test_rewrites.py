# SPDX-License-Identifier: Apache-2.0
"""Rewritten layers give torch's own output, gradients, and every record's gradients."""

from __future__ import annotations

import copy
from functools import partial
from typing import Any

import pytest
import torch
from oracle import per_record_gradients, relative_error
from recorder import Recorder, Watched
from torch import Tensor, nn
from torch.nn.utils.rnn import pack_padded_sequence

from polyveil.errors import NotPrivate
from polyveil.learn.rewrites import REWRITES, RULES
from polyveil.learn.rules import elementwise, expand, linear
from polyveil.learn.rules.linear import LinearContribution


def rewritten(module: nn.Module) -> nn.Module:
    """A copy in which every layer that has a rewrite uses it."""
    twin = copy.deepcopy(module)
    for one in twin.modules():
        if type(one) in REWRITES:
            one.forward = partial(REWRITES[type(one)], one)  # type: ignore[method-assign]
    return twin


def agree(found: Any, expected: Any) -> None:
    if expected is None:
        assert found is None
    elif isinstance(expected, tuple):
        for one, other in zip(found, expected, strict=True):
            agree(one, other)
    else:
        assert found.shape == expected.shape
        assert relative_error(torch.nan_to_num(found), torch.nan_to_num(expected)) < 1e-5


def same(module: nn.Module, *args: Any, **kwargs: Any) -> None:
    """Outputs and gradients of all parameters and inputs are those of the module itself."""
    twin = rewritten(module)
    results = []
    for one in (module, twin):
        own = [_leaf(arg) for arg in args]
        out = one(*own, **kwargs)
        flat = [x for x in torch.utils._pytree.tree_leaves(out) if isinstance(x, Tensor)]
        loss = sum((torch.nan_to_num(x).sin() * 1.7).sum() for x in flat)
        leaves = {id(x): x for x in (*own, *one.parameters()) if isinstance(x, Tensor)}
        wanted = [x for x in leaves.values() if x.requires_grad]
        results.append((out, torch.autograd.grad(loss, wanted, allow_unused=True)))
    agree(results[1][0], results[0][0])
    for found, expected in zip(results[1][1], results[0][1], strict=True):
        agree(found, expected)


def _leaf(value: Any) -> Any:
    if isinstance(value, Tensor) and value.is_floating_point():
        return value.requires_grad_()
    return value


def per_record(module: nn.Module, loss: Any, *tensors: Tensor) -> Recorder:
    """Every record's gradients under the rules agree with those of a record alone."""
    twin = rewritten(module)
    expected = per_record_gradients(module, loss, tensors)
    use = Recorder(len(tensors[0]))
    mode = Watched({**elementwise.RULES, **expand.RULES, **linear.RULES, **RULES}, use)
    with mode:
        found = loss(twin, *tensors)
    assert set(mode.uncovered) <= {"__get__", "dim"}
    found.sum().backward()
    for name, parameter in twin.named_parameters():
        assert relative_error(use.of(parameter), expected[name]) < 1e-4, name
    return use


ATTENTION: dict[str, dict[str, Any]] = {
    "plain": {},
    "no bias": {"bias": False},
    "kdim, vdim": {"kdim": 6, "vdim": 10},
    "kdim, no bias": {"kdim": 6, "vdim": 10, "bias": False},
    "bias_k, bias_v": {"add_bias_kv": True},
    "zero attention": {"add_zero_attn": True, "add_bias_kv": True},
}


@pytest.mark.parametrize("batch_first", [True, False])
@pytest.mark.parametrize("name", ATTENTION)
@pytest.mark.parametrize("weights", ["none", "average", "each head"])
@pytest.mark.parametrize("masks", ["none", "bool", "float", "both kinds, a head"])
def test_attention_is_torchs_own(batch_first: bool, name: str, weights: str, masks: str) -> None:
    torch.manual_seed(0)
    options = ATTENTION[name]
    module = nn.MultiheadAttention(8, 2, batch_first=batch_first, **options)
    if module.in_proj_bias is not None:
        nn.init.normal_(module.in_proj_bias)
    records, queries, keys = 3, 4, 5
    q = torch.randn(records, queries, 8)
    k = torch.randn(records, keys, options.get("kdim", 8))
    v = torch.randn(records, keys, options.get("vdim", 8))
    given: dict[str, Any] = {"need_weights": weights != "none"}
    given["average_attn_weights"] = weights == "average"
    padding = torch.zeros(records, keys, dtype=torch.bool)
    padding[1, -2:] = True
    hidden = torch.ones(queries, keys).triu(2).bool()
    if masks == "bool":
        given |= {"key_padding_mask": padding, "attn_mask": hidden}
    elif masks == "float":
        given |= {"attn_mask": torch.randn(queries, keys)}
    elif masks == "both kinds, a head":
        given["key_padding_mask"] = torch.zeros(records, keys).masked_fill(padding, -1e4)
        given["attn_mask"] = torch.randn(records * 2, queries, keys)
    if not batch_first:
        q, k, v = (one.transpose(0, 1) for one in (q, k, v))
    same(module, *(one.contiguous() for one in (q, k, v)), **given)


def test_causal_self_attention_and_the_missing_mask() -> None:
    module, x = nn.MultiheadAttention(8, 2, batch_first=True), torch.randn(3, 4, 8)
    mask = nn.Transformer.generate_square_subsequent_mask(4)
    for need in (True, False):
        same(module, x, x, x, attn_mask=mask, is_causal=True, need_weights=need)
    with pytest.raises(RuntimeError, match="attn_mask"):
        rewritten(module)(x, x, x, is_causal=True)


@pytest.mark.parametrize("name", ATTENTION)
@pytest.mark.parametrize("shared", ["all", "keys", "none"])
def test_attention_of_a_record_alone(name: str, shared: str) -> None:
    torch.manual_seed(0)
    options = ATTENTION[name]
    if "kdim" in options and shared != "none":
        pytest.skip("keys and values have other widths")
    module = nn.MultiheadAttention(8, 2, batch_first=True, **options)
    x = torch.randn(3, 4, 8)
    k = torch.randn(3, 5, options.get("kdim", 8))
    v = torch.randn(3, 5, options.get("vdim", 8))

    def loss(m: nn.Module, x: Tensor, k: Tensor, v: Tensor) -> Tensor:
        inputs = {"all": (x, x, x), "keys": (x, k, k), "none": (x, k, v)}[shared]
        return m(*inputs)[0].sin().flatten(1).sum(1)

    per_record(module, loss, x, k, v)


def test_attention_drops_weights_in_training_alone() -> None:
    module, x = nn.MultiheadAttention(8, 2, dropout=0.5, batch_first=True), torch.randn(3, 4, 8)
    twin = rewritten(module)
    for need in (True, False):
        first, second = (twin(x, x, x, need_weights=need)[0] for _ in range(2))
        assert not torch.equal(first, second)
    same(module.eval(), x, x, x)


def test_unbatched_attention_is_refused() -> None:
    x = torch.randn(4, 8)
    with pytest.raises(NotPrivate, match="three dimensions"):
        rewritten(nn.MultiheadAttention(8, 2))(x, x, x)


@pytest.mark.parametrize("batch_first", [True, False])
@pytest.mark.parametrize("norm_first", [True, False])
def test_transformers_are_torchs_own(batch_first: bool, norm_first: bool) -> None:
    torch.manual_seed(0)
    kind: dict[str, Any] = {"batch_first": batch_first, "norm_first": norm_first, "dropout": 0.0}
    layer = nn.TransformerEncoderLayer(8, 2, 16, **kind)
    x, y = torch.randn(3, 4, 8), torch.randn(3, 5, 8)
    if not batch_first:
        x, y = torch.randn(4, 3, 8), torch.randn(5, 3, 8)
    padding = torch.zeros(3, 4, dtype=torch.bool)
    padding[0, -1] = True
    same(layer, x, src_key_padding_mask=padding)
    same(nn.TransformerDecoderLayer(8, 2, 16, **kind), y, x, memory_key_padding_mask=padding)
    encoder = nn.TransformerEncoder(layer, 2, nn.LayerNorm(8), enable_nested_tensor=False)
    same(encoder, x, mask=nn.Transformer.generate_square_subsequent_mask(4), is_causal=True)
    same(nn.Transformer(8, 2, 1, 1, 16, **kind), x, y, src_key_padding_mask=padding)
    same(nn.Transformer(8, 2, 1, 1, 16, **kind), tgt=y, src=x)


def test_a_layers_tokens_reach_every_module_batch_first() -> None:
    layer = nn.TransformerEncoderLayer(8, 2, 16, batch_first=False)
    twin = rewritten(nn.TransformerEncoder(layer, 1, nn.LayerNorm(8), enable_nested_tensor=False))
    seen = []
    for one in twin.modules():
        if isinstance(one, (nn.Linear, nn.LayerNorm)):
            one.register_forward_hook(lambda m, args, out: seen.append(args[0].shape[:2]))
    twin(torch.randn(4, 3, 8))
    assert set(seen) == {(3, 4)} and len(seen) >= 5


RECURRENT: dict[str, tuple[type[nn.RNNBase], dict[str, Any]]] = {
    "lstm": (nn.LSTM, {}),
    "lstm, no bias": (nn.LSTM, {"bias": False}),
    "lstm, 2 layers, both directions": (nn.LSTM, {"num_layers": 2, "bidirectional": True}),
    "lstm, projected": (nn.LSTM, {"proj_size": 3, "num_layers": 2, "bidirectional": True}),
    "gru": (nn.GRU, {}),
    "gru, no bias": (nn.GRU, {"bias": False}),
    "gru, 2 layers, both directions": (nn.GRU, {"num_layers": 2, "bidirectional": True}),
    "rnn": (nn.RNN, {}),
    "rnn, relu, 2 layers": (nn.RNN, {"nonlinearity": "relu", "num_layers": 2}),
}


@pytest.mark.parametrize("name", RECURRENT)
@pytest.mark.parametrize("batch_first", [True, False])
@pytest.mark.parametrize("given", [True, False])
def test_recurrent_layers_are_torchs_own(name: str, batch_first: bool, given: bool) -> None:
    torch.manual_seed(0)
    kind, options = RECURRENT[name]
    module = kind(5, 6, batch_first=batch_first, **options)
    x = torch.randn(3, 7, 5) if batch_first else torch.randn(7, 3, 5)
    count = module.num_layers * (1 + module.bidirectional)
    states = torch.randn(count, 3, module.proj_size or 6), torch.randn(count, 3, 6)

    class Starting(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.inner = module

        def forward(self, x: Tensor, h: Tensor, c: Tensor) -> Any:
            return self.inner(x, (h, c) if kind is nn.LSTM else h)

    if given:
        same(Starting(), x, *states)
    else:
        same(module, x)


@pytest.mark.parametrize("name", RECURRENT)
def test_recurrent_gradients_of_a_record_alone(name: str) -> None:
    torch.manual_seed(0)
    kind, options = RECURRENT[name]
    module = kind(5, 6, batch_first=True, **options)
    use = per_record(module, lambda m, x: m(x)[0].sin().flatten(1).sum(1), torch.randn(3, 7, 5))
    if "projected" not in name:  # one contribution a layer and direction for inputs, one for states
        assert all(isinstance(one, LinearContribution) for one in use.contributions)
        expected = 2 * module.num_layers * (1 + module.bidirectional)
        assert len(use.contributions) == expected


def test_several_rows_a_record() -> None:
    torch.manual_seed(0)
    module = nn.GRU(5, 6, batch_first=True)
    x = torch.randn(6, 4, 5)
    expected = per_record_gradients(module, lambda m, x: m(x)[0].sin().sum((1, 2)), [x], records=3)
    use = Recorder(3)
    with Watched({**linear.RULES, **RULES}, use):
        rewritten_output = recurrent_of(module)(x)[0]
    rewritten_output.sin().sum().backward()
    for name, parameter in module.named_parameters():
        assert relative_error(use.of(parameter), expected[name]) < 1e-4, name


def recurrent_of(module: nn.Module) -> Any:
    return partial(REWRITES[type(module)], module)


@pytest.mark.parametrize(
    "module",
    [
        nn.LSTMCell(5, 6),
        nn.GRUCell(5, 6),
        nn.RNNCell(5, 6),
        nn.RNNCell(5, 6, nonlinearity="relu"),
        nn.GRUCell(5, 6, bias=False),
    ],
)
def test_cells(module: nn.Module) -> None:
    torch.manual_seed(0)

    class Loop(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.cell = module

        def forward(self, x: Tensor) -> Tensor:
            state = self.cell(x[:, 0])
            for step in range(1, x.shape[1]):
                state = self.cell(x[:, step], state)
            return state[0] if isinstance(state, tuple) else state

    x = torch.randn(3, 4, 5)
    same(Loop(), x)
    per_record(Loop(), lambda m, x: m(x).sin().sum(1), x)


def test_dropout_between_layers_in_training_alone() -> None:
    module, x = nn.LSTM(5, 6, num_layers=2, dropout=0.5), torch.randn(7, 3, 5)
    twin = rewritten(module)
    assert not torch.equal(twin(x)[0], twin(x)[0])
    same(module.eval(), x)


@pytest.mark.parametrize("kind", [nn.LSTM, nn.GRU])
def test_frozen_parts_and_double_precision(kind: type[nn.RNNBase]) -> None:
    torch.manual_seed(0)
    module = kind(5, 6, batch_first=True).double()
    module.weight_hh_l0.requires_grad_(False)
    x = torch.randn(3, 4, 5, dtype=torch.float64)
    expected = per_record_gradients(module, lambda m, x: m(x)[0].sin().sum((1, 2)), [x])
    use = Recorder(3)
    with Watched({**linear.RULES, **RULES}, use):
        found = recurrent_of(module)(x)[0]
    assert found.dtype == torch.float64
    found.sin().sum().backward()
    for name, parameter in module.named_parameters():
        if parameter.requires_grad:
            assert relative_error(use.of(parameter), expected[name]) < 1e-5, name


def test_packed_and_unbatched_sequences_are_refused() -> None:
    lstm = rewritten(nn.LSTM(5, 6, batch_first=True))
    packed = pack_padded_sequence(torch.randn(2, 4, 5), torch.tensor([4, 2]), batch_first=True)
    with pytest.raises(NotPrivate, match="Pad the sequences"):
        lstm(packed)
    with pytest.raises(NotPrivate, match="padded batch"):
        lstm(torch.randn(4, 5))
    with pytest.raises(NotPrivate, match="two dimensions"):
        rewritten(nn.GRUCell(5, 6))(torch.randn(5))
