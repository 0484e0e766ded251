# SPDX-License-Identifier: Apache-2.0
"""Places on the globe: decimal pairs, degrees-minutes-seconds, geo: addresses; ranges checked.

Source: ISO 6709; RFC 5870 for geo:. Canonical "latitude,longitude" with five decimals (1 m).
"""

from __future__ import annotations

import re
from collections.abc import Iterator

from polyveil.detect.identifiers._reading import CAREFUL, mention, near
from polyveil.detect.normalise import Normalised
from polyveil.records.finding import Kind, Mention

VIEWS = CAREFUL | {"leet", "spelled", "joined"}
_CUES = (
    "gps|coordinates?|coords?|lat(?:itude)?|lon(?:gitude)?|lng|location|geo|position|koordinaten"
)
_NUMBER = r"[-+]?\d{1,3}\.\d{1,15}"
_DECIMAL = re.compile(
    rf"(?<![\w.,])(?:([NS])[ ]?)?({_NUMBER})[ ]?°?[ ]?([NS])?[ ]?[,;/ ]\s?"
    rf"(?:(?:lon|lng|longitude)[ :=]{{1,3}})?"
    rf"(?:([EWO])[ ]?)?({_NUMBER})[ ]?°?[ ]?([EWO])?(?![\w]|\.\d)"
)
_ANGLE = (
    r"(\d{1,3})[ ]?[°ºd˚o]\.?[ ]?(?:(\d{1,2}(?:\.\d{1,6})?)[ ]?['m][ ]?)?"
    r"(?:(\d{1,2}(?:\.\d{1,6})?)[ ]?(?:\"|''|s)[ ]?)?"
)
_SEXAGESIMAL = re.compile(rf"(?<![\w.]){_ANGLE}([NSns])[ ,;/]{{0,3}}\s?{_ANGLE}([EWOewo])(?!\w)")


def find(view: Normalised) -> Iterator[Mention]:
    """Every position with both coordinates within their range."""
    if sum(map(str.isdecimal, view.text)) < 4:
        return
    for found in _DECIMAL.finditer(view.text):
        latitude, longitude = float(found[2]), float(found[5])
        signs = (found[1] or found[3], found[4] or found[6])
        latitude *= -1 if signs[0] == "S" else 1
        longitude *= -1 if signs[1] in ("W", "O") else 1
        decimals = min(len(found[2].partition(".")[2]), len(found[5].partition(".")[2]))
        sure = decimals >= 4 or all(signs) or "°" in found[0]
        if abs(latitude) > 90 or abs(longitude) > 180:
            continue
        if sure or near(view, found.start(), found.end(), _CUES):
            yield _mention(view, found, latitude, longitude, "decimal")
    for found in _SEXAGESIMAL.finditer(view.text):
        latitude = _degrees(found[1], found[2], found[3]) * (-1 if found[4] in "Ss" else 1)
        longitude = _degrees(found[5], found[6], found[7]) * (-1 if found[8] in "Ww" else 1)
        if abs(latitude) <= 90 and abs(longitude) <= 180:
            yield _mention(view, found, latitude, longitude, "sexagesimal")


def _degrees(whole: str, minutes: str | None, seconds: str | None) -> float:
    return int(whole) + float(minutes or 0) / 60 + float(seconds or 0) / 3600


def _mention(
    view: Normalised, found: re.Match[str], latitude: float, longitude: float, written: str
) -> Mention:
    canonical = f"{latitude:.5f},{longitude:.5f}"
    return mention(view, found.span(), Kind.COORDINATES, canonical, score=0.9, format=written)
