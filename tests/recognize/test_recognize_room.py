# SPDX-License-Identifier: Apache-2.0
"""The room loads no torch, no database driver and no scipy before somebody needs them."""

from __future__ import annotations

import subprocess
import sys


def test_importing_the_room_loads_nothing_heavy() -> None:
    look = (
        "import sys, polyveil.recognize; "
        "print([name for name in ('torch', 'scipy.special', 'psycopg') if name in sys.modules])"
    )
    told = subprocess.run([sys.executable, "-c", look], capture_output=True, text=True, check=True)
    assert told.stdout.strip() == "[]"
