# SPDX-License-Identifier: Apache-2.0
"""Attacks on desensitized data: who is recognised in it, by face, by words, by what was kept.

Everything is measured on a pair of folders, the original beside what is to be released:
`battery.attack_pair(pair.FolderPair.of(original, released)).results`.
"""
