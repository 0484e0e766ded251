# SPDX-License-Identifier: Apache-2.0
"""One file a verb. What is imported here is the Python API."""

from polyveil.tasks.demo import demo
from polyveil.tasks.desensitize import desensitize
from polyveil.tasks.models import models
from polyveil.tasks.restore import restore
from polyveil.tasks.scan import scan
from polyveil.tasks.settings import Settings
from polyveil.verify.objective import Weights

__all__ = ["Settings", "Weights", "demo", "desensitize", "models", "restore", "scan"]
