# SPDX-License-Identifier: Apache-2.0
"""Training that keeps a differential-privacy promise, at nearly the cost of plain training."""
