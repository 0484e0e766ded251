# SPDX-License-Identifier: Apache-2.0
"""Inversion: records rebuilt from what was derived from them (embeddings, gradients, a model)."""
