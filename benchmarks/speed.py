# SPDX-License-Identifier: Apache-2.0
"""Claim: a folder of pictures with captions goes through at least twice as fast as deface and then
presidio, on two cores, within 1 GB; cost grows linearly with the number of records.

deface runs as its users run it (its command, default blur, all files in one call). presidio runs
its pattern recognisers over every caption; it has no language model here, so it finds no names.
Both sides are whole processes, interleaved. Memory is the sum over processes of proportional set
size (shared pages counted once), sampled.
"""

from __future__ import annotations

import json
import shutil
import statistics
import subprocess
import sys
import tempfile
import threading
import time
from pathlib import Path

import psutil

from _album import flickr
from _common import table, write

ROUNDS = 3

PRESIDIO = """
import json, sys
from presidio_analyzer import AnalyzerEngine, RecognizerRegistry
from presidio_analyzer.nlp_engine import NlpArtifacts, NlpEngine
from presidio_anonymizer import AnonymizerEngine
class NoModel(NlpEngine):
    def load(self): pass
    def is_loaded(self): return True
    def process_text(self, text, language):
        return NlpArtifacts([], [], [], [], self, language)
    def process_batch(self, texts, language, **kw):
        return ((t, self.process_text(t, language)) for t in texts)
    def is_stopword(self, word, language): return False
    def is_punct(self, word, language): return False
    def get_supported_entities(self): return []
    def get_supported_languages(self): return ["en"]
registry = RecognizerRegistry(supported_languages=["en"])
registry.load_predefined_recognizers(languages=["en"], nlp_engine=NoModel())
registry.recognizers = [r for r in registry.recognizers if "Spacy" not in r.name]
analyzer = AnalyzerEngine(registry=registry, nlp_engine=NoModel(), supported_languages=["en"])
anonymizer = AnonymizerEngine()
out = open(sys.argv[2], "w")
for line in open(sys.argv[1]):
    row = json.loads(line)
    row["captions"] = [
        anonymizer.anonymize(t, analyzer.analyze(t, language="en")).text for t in row["captions"]
    ]
    out.write(json.dumps(row) + "\\n")
"""


def main() -> None:
    """Interleaved rounds, then the scaling run."""
    with tempfile.TemporaryDirectory() as scratch:
        work = Path(scratch)
        album = flickr(work / "album", 700)
        ours, peers, stages = [], [], {}
        for number in range(ROUNDS):
            wall, memory, report = polyveil(album, work / f"safe{number}", work)
            ours.append((wall, memory))
            stages = {t["stage"]: (t["seconds"], t["items"]) for t in report["times"]}
            peers.append(deface_then_presidio(album, work / f"peer{number}"))
        scaling = []
        for records in (350, 700, 1400):
            wall, memory, _ = polyveil(
                flickr(work / f"x{records}", records), work / f"y{records}", work
            )
            scaling.append((records, wall, memory))
    show(ours, peers, stages, scaling)


def polyveil(album: Path, out: Path, work: Path) -> tuple[float, float, dict]:
    """Seconds, peak MB, report."""
    command = [
        sys.executable, "-m", "polyveil.apps.cli.main", "desensitize", str(album),
        "--out", str(out), "--key", str(work / "key"), "--workers", "2", "--json",
    ]  # fmt: skip
    wall, memory, text = watched(command, codes=(0, 3))
    return wall, memory, json.loads(text)


def deface_then_presidio(album: Path, out: Path) -> tuple[float, float, float]:
    """Seconds of deface, seconds of presidio, peak MB of either."""
    shutil.copytree(album, out)
    pictures = sorted(str(p) for p in out.glob("*.jpg"))
    first, memory, _ = watched([str(Path(sys.executable).with_name("deface")), *pictures])
    script = out / "presidio.py"
    script.write_text(PRESIDIO, encoding="utf-8")
    command = [sys.executable, str(script), str(album / "metadata.jsonl"), str(out / "out.jsonl")]
    second, more, _ = watched(command)
    return first, second, max(memory, more)


def watched(command: list[str], codes: tuple[int, ...] = (0,)) -> tuple[float, float, str]:
    """Wall seconds, peak proportional set size of the process tree in MB, stdout."""
    start = time.perf_counter()
    process = subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
    peak = [0.0]
    watcher = threading.Thread(target=_watch, args=(process.pid, peak), daemon=True)
    watcher.start()
    out, err = process.communicate()
    wall = time.perf_counter() - start
    if process.returncode not in codes:
        raise SystemExit(f"{command[1:4]} failed with {process.returncode}: {err[-2000:]}")
    return wall, peak[0], out


def _watch(pid: int, peak: list[float]) -> None:
    try:
        root = psutil.Process(pid)
        while root.is_running() and root.status() != psutil.STATUS_ZOMBIE:
            total = 0
            for process in [root, *root.children(recursive=True)]:
                try:
                    total += process.memory_full_info().pss
                except (psutil.NoSuchProcess, psutil.AccessDenied):
                    continue
            peak[0] = max(peak[0], total / 1e6)
            time.sleep(0.25)
    except psutil.NoSuchProcess:
        return


def show(ours: list, peers: list, stages: dict, scaling: list) -> None:
    """Prints the tables and writes the figures."""
    ratios = [(d + p) / wall for (wall, _), (d, p, _) in zip(ours, peers, strict=True)]
    figures = {
        "polyveil_seconds": [wall for wall, _ in ours],
        "polyveil_peak_mb": max(memory for _, memory in ours),
        "deface_seconds": [d for d, _, _ in peers],
        "presidio_seconds": [p for _, p, _ in peers],
        "peers_peak_mb": max(memory for _, _, memory in peers),
        "times_faster": ratios,
        "times_faster_median": statistics.median(ratios),
        "stages": stages,
        "scaling": [{"records": n, "seconds": s, "peak_mb": m} for n, s, m in scaling],
    }
    middle = statistics.median
    print("700 records of imgtext_flickr8k (3,500 captions), two cores\n")
    print(
        table(
            ["", "seconds (median)", "peak MB"],
            [
                [
                    "polyveil, all of it",
                    middle(figures["polyveil_seconds"]),
                    figures["polyveil_peak_mb"],
                ],
                ["deface", middle(figures["deface_seconds"]), ""],
                ["presidio (patterns)", middle(figures["presidio_seconds"]), ""],
                ["times faster", figures["times_faster_median"], figures["peers_peak_mb"]],
            ],
        )
    )
    print("\n" + table(["stage", "seconds", "items"], [[s, t, n] for s, (t, n) in stages.items()]))
    rows = [[n, s, s / n * 1000, m] for n, s, m in scaling]
    print("\n" + table(["records", "seconds", "ms a record", "peak MB"], rows))
    write("speed", figures, packages=("polyveil", "deface", "presidio-analyzer", "onnxruntime"))


if __name__ == "__main__":
    main()
