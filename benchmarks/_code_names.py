# SPDX-License-Identifier: Apache-2.0
"""Names of trained weights by everything that they depend on: none is ever out of date."""

from __future__ import annotations

import hashlib
import inspect
from collections.abc import Callable

from _common import ROOT


def digest_of(*parts: object) -> str:
    """Of bytes as they are, of anything else as it is printed; 20 hexadecimal digits."""
    digest = hashlib.sha256()
    for part in parts:
        digest.update(part if isinstance(part, bytes) else repr(part).encode())
    return digest.hexdigest()[:20]


def code_of(*functions: Callable[..., object]) -> bytes:
    """What trained weights depend on: these functions and the network's modules."""
    models = ROOT / "src/polyveil/models"
    files = [models / f"recognition/{name}.py" for name in _NETWORK]
    files += [models / f"{name}.py" for name in ("odconv", "odconv_attention", "vae", "step_norm")]
    text = "".join(inspect.getsource(one) for one in functions)
    return text.encode() + b"".join(file.read_bytes() for file in files)


_NETWORK = ("alignment", "anchors", "closed_set", "encoders", "projection", "subset_fusion")
