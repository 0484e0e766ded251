# SPDX-License-Identifier: Apache-2.0
"""Top-level domains: countries, and the generic ones in common use. No network, no list to age.

Source: country codes are the regions that phonenumbers knows (ISO 3166); generic names by hand.
"""

from __future__ import annotations

import phonenumbers

_GENERIC = frozenset(
    """com org net edu gov mil int info biz name pro aero asia cat coop jobs mobi museum post tel
    travel xxx app dev page shop blog online site store tech xyz club top io ai me tv cc ws eu uk
    su ac health care clinic email mail cloud digital media news live life world group company
    agency studio design art photo photos gallery academy school university church social network
    systems solutions services support software law legal bank finance money city london berlin
    paris nyc tokyo wien koeln hamburg bayern vip icu work space website fun link click example
    test local localhost invalid onion arpa internal lan home corp""".split()
)
_COUNTRIES = frozenset(region.lower() for region in phonenumbers.SUPPORTED_REGIONS)


def is_top_level(label: str) -> bool:
    """Whether the last label of a domain is one that exists (or is reserved for examples)."""
    label = label.lower()
    return label in _GENERIC or label in _COUNTRIES or label.startswith("xn--")
