# SPDX-License-Identifier: Apache-2.0
"""Encrypted 1:N identification: milliseconds, bytes and exactness beside plain numpy.

    python benchmarks/encrypted_matching.py [--templates 1000] [--dimension 128] [--repeats 15]
    python benchmarks/encrypted_matching.py --faces    dlib's embeddings of LFW pictures

Random vectors of length 1 (neither time nor size depends on the values), or real embeddings, about
their common mean, and the picture of somebody enrolled as probe. Beside ours, in the same
run and rounds: the same packing with TenSEAL's defaults (every product relinearised and rescaled,
degree 8,192), naive packing (a ciphertext a template, dot products with rotations; timed on a part
of the templates and given a template), and numpy. Medians over rounds, interleaved. "Server" holds
everything from the bytes of a probe to the bytes of a reply.
"""

from __future__ import annotations

import argparse
import os
import statistics
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

os.environ.setdefault("OMP_NUM_THREADS", "1")

import numpy as np
import tenseal

from _common import table, write
from _dlib_faces import faces
from polyveil.encrypted import (
    COMPACT,
    STANDARD,
    Client,
    DatabaseFolder,
    EncryptedDatabase,
    EncryptedProbe,
    EncryptedScores,
    KeyHolder,
    Parameters,
    SecretContext,
    Server,
    normalised,
)
from polyveil.recognize.centre import Centre

SEED = 20261121
NAIVE = 40
Steps = dict[str, Callable[[], Any]]


def ours(parameters: Parameters, templates: np.ndarray, probe: np.ndarray) -> tuple[Steps, dict]:
    """The steps of one question, and what does not change from question to question."""
    begin = time.perf_counter()
    secret = SecretContext.generate(parameters)
    keygen = time.perf_counter() - begin
    holder, client = KeyHolder(secret), Client(secret.public)
    database = EncryptedDatabase(secret.public, dimension=templates.shape[1])
    begin = time.perf_counter()
    batch = client.encrypt_templates(templates, first=0)
    enrol = time.perf_counter() - begin
    database.append([f"p{place}" for place in range(len(templates))], batch)
    server = Server(database)
    sent = client.encrypt_probe(probe).to_bytes()
    reply = server.scores(EncryptedProbe.from_bytes(sent)).to_bytes()
    with tempfile.TemporaryDirectory() as folder:
        DatabaseFolder(Path(folder)).save(database)
        stored = sum(path.stat().st_size for path in Path(folder).iterdir())
    plain = templates @ probe
    off = holder.scores(EncryptedScores.from_bytes(reply)).values - plain
    plain_off = holder.scores(server.scores_of_plain(probe)).values - plain
    steps = {
        "probe": lambda: client.encrypt_probe(probe).to_bytes(),
        "server": lambda: server.scores(EncryptedProbe.from_bytes(sent)).to_bytes(),
        "server, plain probe": lambda: server.scores_of_plain(probe).to_bytes(),
        "decrypt": lambda: holder.scores(EncryptedScores.from_bytes(reply)).decide(threshold=0.5),
    }
    facts = {
        "max difference": float(np.abs(off).max()),
        "max difference, plain probe": float(np.abs(plain_off).max()),
        "error bound": parameters.error_bound(),
        "bytes probe": len(sent),
        "bytes reply": len(reply),
        "bytes reply, plain probe": len(server.scores_of_plain(probe).to_bytes()),
        "bytes database": stored,
        "bytes public context": len(secret.public.to_bytes()),
        "bytes secret context": len(secret._message()),
        "ms key pair": 1e3 * keygen,
        "ms enrol all": 1e3 * enrol,
    }
    return steps, facts


def defaults(templates: np.ndarray, probe: np.ndarray) -> tuple[Steps, dict]:
    """The same packing, each product relinearised and rescaled, degree 8,192."""
    context = tenseal.context(
        tenseal.SCHEME_TYPE.CKKS, 8192, coeff_mod_bit_sizes=[60, 40, 60], n_threads=1
    )
    context.global_scale = 2.0**40
    database = [tenseal.ckks_vector(context, column.tolist()) for column in templates.T]
    count = len(templates)

    def asked() -> list[bytes]:
        return [tenseal.ckks_vector(context, [float(x)] * count).serialize() for x in probe]

    def scores() -> bytes:
        factors = [tenseal.ckks_vector_from(context, blob) for blob in sent]
        return sum_of(database, factors).serialize()

    def scores_of_plain() -> bytes:
        return sum_of(database, [float(x) for x in probe]).serialize()

    def decrypted() -> np.ndarray:
        return np.array(tenseal.ckks_vector_from(context, reply).decrypt())

    sent = asked()
    reply = scores()
    facts = {
        "max difference": float(np.abs(decrypted() - templates @ probe).max()),
        "bytes probe": sum(map(len, sent)),
        "bytes reply": len(reply),
        "bytes reply, plain probe": len(scores_of_plain()),
        "bytes database": sum(len(one.serialize()) for one in database),
        "bytes public context": len(context.serialize(save_galois_keys=False)),
    }
    steps = {
        "probe": asked,
        "server": scores,
        "server, plain probe": scores_of_plain,
        "decrypt": decrypted,
    }
    return steps, facts


def naive(templates: np.ndarray, probe: np.ndarray) -> tuple[Steps, dict]:
    """A ciphertext a template; the first NAIVE of them."""
    context = tenseal.context(
        tenseal.SCHEME_TYPE.CKKS, 8192, coeff_mod_bit_sizes=[60, 40, 60], n_threads=1
    )
    context.global_scale = 2.0**40
    context.generate_galois_keys()
    part = templates[:NAIVE]
    database = [tenseal.ckks_vector(context, row.tolist()) for row in part]

    def asked() -> bytes:
        return tenseal.ckks_vector(context, probe.tolist()).serialize()

    def scores() -> list[bytes]:
        factor = tenseal.ckks_vector_from(context, sent)
        return [one.dot(factor).serialize() for one in database]

    def scores_of_plain() -> list[bytes]:
        return [one.dot(probe.tolist()).serialize() for one in database]

    def decrypted() -> np.ndarray:
        return np.array([tenseal.ckks_vector_from(context, one).decrypt()[0] for one in reply])

    sent = asked()
    reply = scores()
    share = len(templates) / len(part)
    facts = {
        "max difference": float(np.abs(decrypted() - part @ probe).max()),
        "bytes probe": len(sent),
        "bytes reply": round(share * sum(map(len, reply))),
        "bytes database": round(share * sum(len(one.serialize()) for one in database)),
        "bytes public context": len(context.serialize()),
    }
    steps = {
        "probe": asked,
        "server": scores,
        "server, plain probe": scores_of_plain,
        "decrypt": decrypted,
    }
    return steps, facts


def sum_of(database: list[Any], factors: list[Any]) -> Any:
    """sum_i database_i * factor_i."""
    total = database[0] * factors[0]
    for coordinate, factor in zip(database[1:], factors[1:], strict=True):
        total += coordinate * factor
    return total


def timed(systems: dict[str, Steps], repeats: int) -> dict[str, dict[str, float]]:
    """Median milliseconds of every step, systems interleaved; the slow naive one three times."""
    times: dict[str, dict[str, list[float]]] = {
        name: {step: [] for step in steps} for name, steps in systems.items()
    }
    for round_ in range(repeats):
        for name, steps in systems.items():
            if name == "naive" and round_ >= 3:
                continue
            for step, work in steps.items():
                begin = time.perf_counter()
                work()
                times[name][step].append(1e3 * (time.perf_counter() - begin))
    return {
        name: {step: statistics.median(values) for step, values in steps.items()}
        for name, steps in times.items()
    }


def vectors(given: argparse.Namespace) -> tuple[np.ndarray, np.ndarray]:
    """Templates and a probe of somebody among them."""
    if given.faces:
        found = faces()
        rows = np.concatenate([rows[1:] for rows in found.known.values()])
        rows = np.concatenate([rows, *found.strangers.values()])[: given.templates]
        centre = Centre.of(np.concatenate(list(found.strangers.values())))
        first = next(iter(found.known.values()))[0]
        return centre.apply(rows), centre.apply(first)[0]
    draw = np.random.default_rng(SEED)
    templates = normalised(draw.normal(size=(given.templates, given.dimension)))
    return templates, normalised(templates[3] + 0.05 * draw.normal(size=given.dimension))


def main() -> None:
    """Runs everything, prints the table, writes benchmarks/results/encrypted_matching.json."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--templates", type=int, default=1000)
    parser.add_argument("--dimension", type=int, default=128)
    parser.add_argument("--repeats", type=int, default=15)
    parser.add_argument("--faces", action="store_true")
    given = parser.parse_args()
    templates, probe = vectors(given)
    built = {
        "standard": ours(STANDARD, templates, probe),
        "compact": ours(COMPACT, templates, probe),
        "defaults": defaults(templates, probe),
        "naive": naive(templates, probe),
    }
    numpy_steps: Steps = {"server": lambda: templates @ probe}
    steps = {name: one for name, (one, _) in built.items()} | {"numpy": numpy_steps}
    milliseconds = timed(steps, given.repeats)
    share = given.templates / min(NAIVE, given.templates)
    for step in ("server", "server, plain probe", "decrypt"):
        milliseconds["naive"][step] *= share  # measured on a part
    figures = {
        "seed": SEED,
        "templates": given.templates,
        "dimension": given.dimension,
        "naive timed on": min(NAIVE, given.templates),
        "milliseconds": milliseconds,
        "facts": {name: facts for name, (_, facts) in built.items()},
    }
    show(figures)
    claim = "encrypted_faces" if given.faces else "encrypted_matching"
    write(claim, figures, packages=("polyveil", "tenseal", "numpy"))


def show(figures: dict[str, Any]) -> None:
    """The Markdown table."""
    names = ["standard", "compact", "defaults", "naive", "numpy"]
    times, facts = figures["milliseconds"], figures["facts"]

    def cell(value: float | None, form: str) -> str:
        return "–" if value is None else format(value, form)

    rows = [
        [f"ms {step}", *(cell(times[name].get(step), ".2f") for name in names)]
        for step in times["standard"]
    ]
    rows.append(
        [
            "ms server a template",
            *(f"{times[name]['server'] / figures['templates']:.4f}" for name in names),
        ]
    )
    for fact in facts["standard"]:
        form = ".1f" if fact.startswith("ms") else ",d" if fact.startswith("bytes") else ".1e"
        rows.append([fact, *(cell(facts.get(name, {}).get(fact), form) for name in names)])
    print(table(["", *names], rows))


if __name__ == "__main__":
    main()
