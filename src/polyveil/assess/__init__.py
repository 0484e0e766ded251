# SPDX-License-Identifier: Apache-2.0
"""Is a copy aligned, gone, useful? What is searched and measured again before anything leaves."""
