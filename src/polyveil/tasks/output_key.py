# SPDX-License-Identifier: Apache-2.0
"""What a released record is called in a vault: its picture's random name, or a hash of its row."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from typing import Any


def output_key(row: Mapping[str, Any], file: str | None) -> str:
    """Equal for what was released and for what is read back; rows may be filtered in between."""
    if file is not None:
        return file.rpartition("/")[2]
    text = json.dumps(dict(row), sort_keys=True, ensure_ascii=False, default=str)
    return f"row:{hashlib.sha256(text.encode('utf-8', 'surrogatepass')).hexdigest()}"
