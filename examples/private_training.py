# SPDX-License-Identifier: Apache-2.0
"""Private training in three lines; run as `python examples/private_training.py PLAN.toml RUN`."""

import sys

import polyveil

report = polyveil.train(sys.argv[1], out=sys.argv[2])
print(report.summary())
