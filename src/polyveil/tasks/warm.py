# SPDX-License-Identifier: Apache-2.0
"""What every worker needs, loaded once in the fork server; workers then share the memory of it.

Nothing here starts a thread or opens a model: a fork would inherit half of either.
"""

import cv2
import scipy.optimize

import polyveil.tasks.find
import polyveil.tasks.release
from polyveil.detect import wordlists
from polyveil.replace.names import bank

cv2.setNumThreads(1)
wordlists.lists()
bank("latin")

__all__ = ["polyveil", "scipy"]
