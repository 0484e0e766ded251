# SPDX-License-Identifier: Apache-2.0
"""Adversarial samples: inputs changed within a budget until the model errs."""
