# SPDX-License-Identifier: Apache-2.0
"""Asking a trained classifier: the network of a result folder, how it reads, what it answers."""
