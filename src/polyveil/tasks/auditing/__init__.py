# SPDX-License-Identifier: Apache-2.0
"""What `polyveil audit` does: which attacks fit the target and the time, and the report of them."""
