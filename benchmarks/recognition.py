# SPDX-License-Identifier: Apache-2.0
"""What each part of the protected recogniser is worth, on three chimeric sets.

    python benchmarks/recognition.py [SET ...]     measures what is missing, then prints tables

Closed set: which of the users that were enrolled made this other sample? Twenty random pairings, 20
users each (7 for EMO-DB), one sampled code a probe. Units of the bootstrap are the people of the
scarcest source (faces of LFW, faces of ORL, actors of EMO-DB), each with the mean over the pairings
and probes he is in; differences are taken person by person. Intervals hold which of these people
were drawn, not other background people, and are not widened for the number of rows. Background
networks are one for all pairings (see `_recogniser_training`). How much each modality counts in the
fusion is fitted on development pairings, for every row in the same way, late fusion too.

RE and re-identification: `_recogniser_reconstruction`, of the first pairing. ARS and ASR:
PGD on all modalities at once, gradients averaged over the network's noise, answers by majority.
"""

from __future__ import annotations

import json
import sys
import time

import torch

from _chimeric_sets import NAMES, SESSIONS, load
from _common import write
from _recogniser_evasion import EPSILON
from _recogniser_recipe import RECIPE
from _recognition_measures import (
    ANSWERS,
    ATTACKED,
    AVERAGED,
    SHARES,
    STEPS,
    attack,
    file_of,
    measure,
    private,
    rebuilt,
    voices,
)
from _recognition_rows import DEVELOPMENT, ROWS, USERS
from _recognition_tables import figures, lines, verdicts
from polyveil.recognize.chimeric import CHIMERIC

PAPER = {
    "accuracy": "92.4 to 93.2 %",
    "RE": "0.27 to 0.29",
    "ARS": "77.9 to 79.2 %",
    "ASR": "20.8 to 22.1 %",
    "without alignment": "-11.7 to -15.1 points",
    "without VAE": "-8.5 to -11.9 points",
    "without ODConv": "-4.0 to -7.7 points",
}


def main() -> None:
    torch.set_num_threads(1)
    asked = sys.argv[1:]
    began = time.time()
    for name in [one for one in NAMES if one in asked] or ([] if asked else list(NAMES)):
        chosen = tuple(row for row in ROWS if row in asked) or ROWS
        measure(name, chosen)
        if "no-attacks" in asked:
            continue
        for row in chosen:
            for share in SHARES:
                attack(name, row, share)
            if row in ("full", "without VAE", "without ODConv"):
                rebuilt(name, row)
    if asked and "report" not in asked:
        return
    found = {name: figures(name) for name in NAMES if file_of(name, "full").exists()}
    for name, rows in found.items():
        print("\n" + lines(name, rows))
    print("\n" + "\n".join(verdicts(found)))
    print("\nwithin a budget: " + json.dumps(private()))
    print("\nvoice alone: " + json.dumps(voices()))
    entry = {
        "remark": CHIMERIC,
        "sets": found,
        "within a budget, a record the unit": private(),
        "voice alone, LFW set, by record": voices(),
        "verdicts": verdicts(found),
        "sessions": SESSIONS,
        "protocol": {
            "users of a pairing": USERS,
            "weights fitted on development pairings": DEVELOPMENT,
            "recipe": repr(RECIPE),
            "attack": f"PGD, {STEPS} steps on the margin, all modalities at once; gradients of "
            f"{AVERAGED} passes, majority of {ANSWERS} answers where random; {ATTACKED} records of "
            "the first pairing",
            "epsilon in spreads of a modality": EPSILON,
            "epsilon": {m.name: EPSILON * m.spread for m in load("orl").modalities},
            "shares of epsilon": SHARES,
            "reconstruction": "first pairing; attacker's people: background and development, 300 "
            "records at most a modality; 8 answers averaged",
        },
        "paper": PAPER,
        "seconds": time.time() - began,
    }
    write("recognition", entry, packages=("torch", "numpy"))


if __name__ == "__main__":
    main()
