# SPDX-License-Identifier: Apache-2.0
# ruff: noqa: SIM905 - word lists read better as text
"""Words in front of a name that are no part of it: "Mr", "Senator", "Commander".

Here, because who finds names and who replaces them must agree on them and may not import each
other. Folded: small letters, no full stop.
"""

from __future__ import annotations

TITLES = frozenset(
    """mr mrs ms miss mx dr prof professor doctor sir madam madame lady lord dame rev reverend fr
    father mother sister brother deacon monk nun captain capt colonel col lieutenant lt major maj
    sergeant sgt corporal cpl private pvt general gen brigadier admiral commodore commander cmdr
    marshal cadet astronaut cosmonaut pilot officer detective inspector constable sheriff deputy
    agent ranger warden judge justice attorney hon honourable honorable president senator sen
    congressman congresswoman representative rep governor gov mayor minister secretary chancellor
    ambassador premier councillor councilman councilwoman coach referee nurse surgeon dean principal
    king queen prince princess emperor empress duke duchess earl count countess viscount baron
    baroness tsar sultan pope cardinal archbishop bishop rabbi imam sheikh shaikh pastor patriarch
    uncle aunt auntie granny grandma grandpa herr frau fräulein monsieur m mme mlle señor señora
    señorita senor senora senorita sr sra srta signor signora sig don doña dona dom pan pani
    dhr mevr господин госпожа""".split()
)
"""Titles, whatever else they may be."""
GIVEN_TOO = frozenset("dean earl duke don dom pan m".split())
"""Titles that are as often a given name or an initial, and count as one where no full stop follows
and no title stands before: "Dean Martin"."""


def is_title(word: str, following: str) -> bool:
    """Whether the first word of a longer name is a title.

    Args:
      word: folded, without a full stop.
      following: what is written right behind it, "" for nothing; a comma makes it a family name.
    """
    if word not in TITLES or following.startswith(","):
        return False
    return following.startswith(".") or word not in GIVEN_TOO
