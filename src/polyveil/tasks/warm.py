# SPDX-License-Identifier: Apache-2.0
"""What every worker imports, once, in the fork server; workers then share the memory of it."""

import cv2

cv2.setNumThreads(1)
