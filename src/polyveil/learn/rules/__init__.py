# SPDX-License-Identifier: Apache-2.0
"""How each operation tells every record's share in its parameters' gradients."""
