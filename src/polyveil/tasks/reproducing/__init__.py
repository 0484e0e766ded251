# SPDX-License-Identifier: Apache-2.0
"""A paper's table in one command: every cell trained, measured and kept on its own."""
