# SPDX-License-Identifier: Apache-2.0
"""Networks that private training can cover record by record."""
