# SPDX-License-Identifier: Apache-2.0
"""Poisoning of training data: wrong labels, single victims, backdoors, beside a clean twin."""

from polyveil.attack.poisoning.backdoor import Backdoor
from polyveil.attack.poisoning.campaign import Poisoning
from polyveil.attack.poisoning.labels import FlippedLabels
from polyveil.attack.poisoning.trigger import Joint, Patch, Tone, Trigger, plain_trigger
from polyveil.attack.poisoning.victims import Victims

__all__ = [
    "Backdoor",
    "FlippedLabels",
    "Joint",
    "Patch",
    "Poisoning",
    "Tone",
    "Trigger",
    "Victims",
    "plain_trigger",
]
