# SPDX-License-Identifier: Apache-2.0
"""One file a verb; `polyveil.<verb>(...)` is the same function."""
