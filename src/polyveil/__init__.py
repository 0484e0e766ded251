# SPDX-License-Identifier: Apache-2.0
"""Use people's data without exposing people."""
