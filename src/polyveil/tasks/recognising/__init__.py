# SPDX-License-Identifier: Apache-2.0
"""What the verbs of recognition share: keys, encoders, whose records are whose."""
