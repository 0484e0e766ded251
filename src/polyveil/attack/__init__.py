# SPDX-License-Identifier: Apache-2.0
"""Attacks on models and on released data, each with the health that its figure rests on."""
