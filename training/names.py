# SPDX-License-Identifier: Apache-2.0
"""Trains the name recogniser: src/polyveil/weights/names.onnx.

Commands: python training/names.py --minutes 10.5
          python training/names.py --resume .cache/names.pt --rate 0.0015 --minutes 5
(seed 7; data pack: text_pii_ner; torch, onnx)

Hashed n-grams + casing and list flags -> dilated residual convolutions -> BIO scores (Strubell et
al. 2017, https://arxiv.org/abs/1702.02098). Text: the grammar of `names_text.py`, and the training
part of presidio's synthetic set, WNUT-17, the Broad Twitter Corpus and Wikigold, the latter with
their names often exchanged for others, so that the network learns contexts more than names.

Never trained on: presidio templates whose id hashes to the test part, WNUT-17 dev, BTC g, the last
third of Wikigold, and the held-out names (see `wordlists.py`). Grammar lines that resemble a test
template are dropped by `unlike`.
"""

from __future__ import annotations

import argparse
import time
from pathlib import Path

import numpy as np
import onnx
import torch
from onnx import TensorProto, helper, numpy_helper
from torch import Tensor, nn
from torch.nn import functional as F

from names_data import IGNORE, SEED, TAGS, Sentence, Source, conll, encode, presidio
from polyveil.detect import tokens as tk
from wordlists import ROOT

WIDTH, WORD_DIM, GRAM_DIM, DILATIONS = 128, 48, 48, (1, 2, 4, 1)


class Network(nn.Module):
    """Token features -> BIO scores; sees about 16 tokens to both sides."""

    def __init__(self) -> None:
        super().__init__()
        self.word = nn.Embedding(tk.WORD_ROWS, WORD_DIM, padding_idx=0)
        self.gram = nn.Embedding(tk.GRAM_ROWS, GRAM_DIM, padding_idx=0)
        nn.init.normal_(self.word.weight, std=0.1)
        nn.init.normal_(self.gram.weight, std=0.1)
        self.join = nn.Linear(WORD_DIM + GRAM_DIM + tk.FLAGS, WIDTH)
        self.convs = nn.ModuleList(
            nn.Conv1d(WIDTH, WIDTH, 3, padding=dilation, dilation=dilation)
            for dilation in DILATIONS
        )
        self.out = nn.Linear(WIDTH, len(TAGS))

    def forward(self, rows: Tensor, marks: Tensor) -> Tensor:
        keep = (rows[:, :, :1] > 0).float()
        word, gram = self.word(rows[:, :, 0]), self.gram(rows[:, :, 1:])
        if self.training:  # an unknown word must still be readable from its n-grams and context
            word = word * (torch.rand(rows.shape[:2]) > 0.25).float().unsqueeze(-1)
        count = (rows[:, :, 1:] > 0).float().sum(2, keepdim=True).clamp(min=1.0)
        joined = torch.cat([word, gram.sum(2) / count.sqrt(), marks], 2)
        hidden = F.relu(self.join(F.dropout(joined, 0.15, self.training))) * keep
        hidden, keep = hidden.transpose(1, 2), keep.transpose(1, 2)
        for conv in self.convs:
            hidden = (hidden + F.relu(conv(F.dropout(hidden, 0.15, self.training)))) * keep
        return self.out(hidden.transpose(1, 2))


def collate(batch: list[Sentence]) -> tuple[Tensor, Tensor, Tensor]:
    """Padded tensors of a batch."""
    longest = max(len(tags) for _, _, tags in batch)
    rows = np.zeros((len(batch), longest, tk.GRAMS), np.int64)
    marks = np.zeros((len(batch), longest, tk.FLAGS), np.float32)
    tags = np.full((len(batch), longest), IGNORE, np.int64)
    for at, (a, b, c) in enumerate(batch):
        rows[at, : len(c)], marks[at, : len(c)], tags[at, : len(c)] = a, b, c
    return torch.from_numpy(rows), torch.from_numpy(marks), torch.from_numpy(tags)


def token_scores(network: Network, sentences: list[Sentence]) -> str:
    """Token recall and precision by type; for watching, not for reporting."""
    network.eval()
    tallies = np.zeros((4, 3))
    with torch.no_grad():
        for at in range(0, len(sentences), 64):
            rows, marks, tags = collate(sentences[at : at + 64])
            guess = network(rows, marks).argmax(2)
            kinds, truth = ((guess + 1) // 2)[tags >= 0], ((tags + 1) // 2)[tags >= 0]
            for kind in range(1, 4):
                right = ((kinds == kind) & (truth == kind)).sum()
                tallies[kind] += [right, (truth == kind).sum(), (kinds == kind).sum()]
    network.train()
    return "  ".join(
        f"{k} R{t[0] / max(t[1], 1):.3f} P{t[0] / max(t[2], 1):.3f}"
        for k, t in zip("_PLO", tallies, strict=True)
        if k != "_"
    )


def train(minutes: float, checkpoint: Path, start_from: Path | None, rate: float) -> Network:
    """A network trained for so many minutes of wall clock, with a linear decay to zero."""
    torch.manual_seed(SEED)
    torch.set_num_threads(1)
    source, network = Source(SEED + bool(start_from)), Network()
    if start_from:
        network.load_state_dict(torch.load(start_from, weights_only=True))
    weights = torch.tensor([1.0, 1.6, 1.6, 1.2, 1.2, 1.0, 1.0])
    optimizer = torch.optim.AdamW(network.parameters(), lr=rate, weight_decay=1e-3)
    dev = {
        "presidio dev": [encode(item) for item in presidio("dev")],
        "btc e": [encode(item) for item in conll("btc_e")],
    }
    start, step, running = time.time(), 0, 0.0
    pool: list[Sentence] = []
    while (spent := (time.time() - start) / 60) < minutes:
        for group in optimizer.param_groups:
            group["lr"] = rate * max(0.01, 1 - spent / minutes) * min(1.0, (step + 1) / 200)
        fresh = [source.one() for _ in range(140 if len(pool) > 5000 else 256)]
        pool = [*pool, *fresh][-30000:]
        batch = sorted(
            [*fresh, *source.random.sample(pool, 256 - len(fresh))], key=lambda item: len(item[2])
        )
        for at in range(0, 256, 64):
            rows, marks, tags = collate(batch[at : at + 64])
            loss = F.cross_entropy(
                network(rows, marks).transpose(1, 2), tags, weights, ignore_index=IGNORE
            )
            optimizer.zero_grad()
            loss.backward()
            nn.utils.clip_grad_norm_(network.parameters(), 1.0)
            optimizer.step()
            step, running = step + 1, 0.98 * running + 0.02 * loss.item()
        if step % 400 == 0:
            report = " | ".join(
                f"{name}: {token_scores(network, items)}" for name, items in dev.items()
            )
            print(f"{spent:5.1f} min step {step} loss {running:.4f} {report}", flush=True)
            torch.save(network.state_dict(), checkpoint)
    torch.save(network.state_dict(), checkpoint)
    return network.eval()


def export(network: Network, target: Path) -> None:
    """ONNX with int8 embedding rows (one scale a row) and float32 for the small rest."""
    state = {key: value.detach().numpy() for key, value in network.state_dict().items()}
    nodes, weights = [], []

    def constant(name: str, value: np.ndarray) -> str:
        weights.append(numpy_helper.from_array(np.ascontiguousarray(value), name))
        return name

    def node(kind: str, inputs: list[str], output: str, **settings: object) -> str:
        nodes.append(helper.make_node(kind, inputs, [output], **settings))
        return output

    def table(name: str, index: str) -> str:
        full = state[f"{name}.weight"]
        scale = np.abs(full).max(1, keepdims=True) / 127 + 1e-12
        constant(f"{name}_rows", np.round(full / scale).astype(np.int8))
        constant(f"{name}_scales", scale.astype(np.float32))
        got = node("Gather", [f"{name}_rows", index], f"{name}_int8")
        got = node("Cast", [got], f"{name}_cast", to=TensorProto.FLOAT)
        scales = node("Gather", [f"{name}_scales", index], f"{name}_scale")
        return node("Mul", [got, scales], f"{name}_float")

    axis2 = constant("axis2", np.array([2], np.int64))
    constant("zero", np.array(0, np.int32))
    constant("one", np.array(1.0, np.float32))
    split = constant("split", np.array([1, tk.GRAMS - 1], np.int64))
    nodes.append(helper.make_node("Split", ["rows", split], ["own", "grams"], axis=2))
    word = table("word", node("Squeeze", ["own", axis2], "own_flat"))
    grams = table("gram", "grams")
    known = node(
        "Cast", [node("Greater", ["grams", "zero"], "g_known")], "g_float", to=TensorProto.FLOAT
    )
    count = node("ReduceSum", [known, axis2], "g_sum", keepdims=1)
    count = node("Sqrt", [node("Max", [count, "one"], "g_max")], "g_root")
    gram = node(
        "Div", [node("ReduceSum", [grams, axis2], "gram_sum", keepdims=0), count], "gram_mean"
    )
    joined = node("Concat", [word, gram, "marks"], "joined", axis=2)
    hidden = node("MatMul", [joined, constant("join_w", state["join.weight"].T)], "join_m")
    hidden = node(
        "Relu", [node("Add", [hidden, constant("join_b", state["join.bias"])], "join_a")], "join_r"
    )
    keep = node(
        "Cast", [node("Greater", ["own", "zero"], "keep_b")], "keep_f", to=TensorProto.FLOAT
    )
    hidden = node("Mul", [hidden, keep], "join_k")
    hidden = node("Transpose", [hidden], "across", perm=[0, 2, 1])
    keep = node("Transpose", [keep], "keep_t", perm=[0, 2, 1])
    for at, dilation in enumerate(DILATIONS):
        filters = constant(f"conv{at}_w", state[f"convs.{at}.weight"])
        shift = constant(f"conv{at}_b", state[f"convs.{at}.bias"])
        shape = {"kernel_shape": [3], "dilations": [dilation], "pads": [dilation, dilation]}
        wide = node("Conv", [hidden, filters, shift], f"conv{at}", **shape)
        wide = node("Relu", [wide], f"conv{at}_r")
        hidden = node("Mul", [node("Add", [hidden, wide], f"conv{at}_s"), keep], f"conv{at}_k")
    hidden = node("Transpose", [hidden], "back", perm=[0, 2, 1])
    out = node("MatMul", [hidden, constant("out_w", state["out.weight"].T)], "out_m")
    out = node("Add", [out, constant("out_b", state["out.bias"])], "out_a")
    node("LogSoftmax", [out], "scores", axis=2)
    graph = helper.make_graph(
        nodes, "names",
        [helper.make_tensor_value_info("rows", TensorProto.INT32, ["texts", "tokens", tk.GRAMS]),
         helper.make_tensor_value_info("marks", TensorProto.FLOAT, ["texts", "tokens", tk.FLAGS])],
        [helper.make_tensor_value_info("scores", TensorProto.FLOAT, ["texts", "tokens", 7])],
        weights,
    )  # fmt: skip
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 18)], ir_version=9)
    onnx.checker.check_model(model)
    target.write_bytes(model.SerializeToString())


def agree(network: Network, target: Path) -> float:
    """Largest difference of log-probabilities between torch and the exported file."""
    import onnxruntime

    rows, marks, _ = collate([encode(item) for item in list(presidio("dev"))[:40]])
    session = onnxruntime.InferenceSession(str(target), providers=["CPUExecutionProvider"])
    found = session.run(None, {"rows": rows.numpy().astype(np.int32), "marks": marks.numpy()})[0]
    with torch.no_grad():
        return float((F.log_softmax(network(rows, marks), 2) - torch.from_numpy(found)).abs().max())


def main() -> None:
    """Trains, exports, compares."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--minutes", type=float, default=15.0)
    parser.add_argument("--rate", type=float, default=3e-3)
    parser.add_argument("--resume", type=Path, help="go on from this checkpoint")
    parser.add_argument("--from-checkpoint", type=Path, help="export only")
    parser.add_argument(
        "--target", type=Path, default=ROOT / "src" / "polyveil" / "weights" / "names.onnx"
    )
    options = parser.parse_args()
    checkpoint = ROOT / ".cache" / "names.pt"
    if options.from_checkpoint:
        network = Network().eval()
        network.load_state_dict(torch.load(options.from_checkpoint, weights_only=True))
    else:
        network = train(options.minutes, checkpoint, options.resume, options.rate)
    export(network, options.target)
    print(
        "bytes", options.target.stat().st_size, "largest difference", agree(network, options.target)
    )


if __name__ == "__main__":
    main()
