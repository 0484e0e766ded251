# SPDX-License-Identifier: Apache-2.0
"""Use people's data without exposing people.

    import polyveil

    report = polyveil.desensitize("album", "safe", measure=True)
    print(report.summary())

Every verb of the command line is a function of the same name. Names load on first use, so that
`import polyveil` costs nothing.
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from polyveil.assess.objective import Weights
    from polyveil.privacy.ledger import Ledger, content_hash
    from polyveil.tasks.audit import audit
    from polyveil.tasks.calibrate import calibrate
    from polyveil.tasks.demo import demo
    from polyveil.tasks.desensitize import desensitize
    from polyveil.tasks.enroll import enroll
    from polyveil.tasks.identify import identify
    from polyveil.tasks.ledger import ledger_grant, ledger_show, ledger_verify
    from polyveil.tasks.models import models
    from polyveil.tasks.predict import predict
    from polyveil.tasks.reproduce import reproduce
    from polyveil.tasks.restore import restore
    from polyveil.tasks.revoke import revoke
    from polyveil.tasks.scan import scan
    from polyveil.tasks.settings import Settings
    from polyveil.tasks.train import train
    from polyveil.tasks.verify import verify

__all__ = [
    "Ledger",
    "Settings",
    "Weights",
    "audit",
    "calibrate",
    "content_hash",
    "demo",
    "desensitize",
    "enroll",
    "identify",
    "ledger_grant",
    "ledger_show",
    "ledger_verify",
    "models",
    "predict",
    "reproduce",
    "restore",
    "revoke",
    "scan",
    "train",
    "verify",
]

_HOME = {
    "audit": "polyveil.tasks.audit",
    "calibrate": "polyveil.tasks.calibrate",
    "demo": "polyveil.tasks.demo",
    "desensitize": "polyveil.tasks.desensitize",
    "enroll": "polyveil.tasks.enroll",
    "identify": "polyveil.tasks.identify",
    "ledger_grant": "polyveil.tasks.ledger",
    "ledger_show": "polyveil.tasks.ledger",
    "ledger_verify": "polyveil.tasks.ledger",
    "models": "polyveil.tasks.models",
    "predict": "polyveil.tasks.predict",
    "reproduce": "polyveil.tasks.reproduce",
    "restore": "polyveil.tasks.restore",
    "revoke": "polyveil.tasks.revoke",
    "scan": "polyveil.tasks.scan",
    "train": "polyveil.tasks.train",
    "verify": "polyveil.tasks.verify",
    "Ledger": "polyveil.privacy.ledger",
    "content_hash": "polyveil.privacy.ledger",
    "Settings": "polyveil.tasks.settings",
    "Weights": "polyveil.assess.objective",
}


def __getattr__(name: str) -> Any:
    if name not in _HOME:
        raise AttributeError(f"module 'polyveil' has no attribute {name!r}")
    return getattr(import_module(_HOME[name]), name)


def __dir__() -> list[str]:
    return sorted(__all__)
