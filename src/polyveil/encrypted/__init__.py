# SPDX-License-Identifier: Apache-2.0
"""Encrypted 1:N matching: one probe against many templates, on a server that sees neither.

    client     PublicContext      encrypts templates and probes
    server     EncryptedDatabase  computes encrypted cosines
    key holder SecretContext      decrypts every score and decides

Needs the extra `encrypt` (TenSEAL), which is imported when the first key is made or read.
"""

from polyveil.encrypted.ciphertexts import EncryptedProbe, EncryptedScores, EncryptedTemplates
from polyveil.encrypted.client import Client
from polyveil.encrypted.database import EncryptedDatabase
from polyveil.encrypted.database_folder import DatabaseFolder
from polyveil.encrypted.holder import KeyHolder
from polyveil.encrypted.keys import PublicContext, SecretContext
from polyveil.encrypted.match import Decision, Scores
from polyveil.encrypted.parameters import COMPACT, STANDARD, TOLERANCE, Parameters
from polyveil.encrypted.server import Server
from polyveil.encrypted.vectors import normalised

__all__ = [
    "COMPACT",
    "STANDARD",
    "TOLERANCE",
    "Client",
    "DatabaseFolder",
    "Decision",
    "EncryptedDatabase",
    "EncryptedProbe",
    "EncryptedScores",
    "EncryptedTemplates",
    "KeyHolder",
    "Parameters",
    "PublicContext",
    "Scores",
    "SecretContext",
    "Server",
    "normalised",
]
