# SPDX-License-Identifier: Apache-2.0
"""Postal addresses: street with number in several languages, post boxes, postcodes.

There is no checksum; a number beside a word for "street", the form of a postcode, or a word that
announces an address make one. Parts that follow one another on the same or the next line (flat,
postcode, state) become one mention.
"""

from __future__ import annotations

import re
from collections.abc import Iterator

from polyveil.detect.identifiers._reading import mention
from polyveil.detect.normalise import Normalised
from polyveil.records.finding import Kind, Mention

VIEWS = frozenset({"plain"})
_WORD = r"[^\W\d_][\w'’.-]{0,30}"
_EN_TYPES = (
    "street|st|road|rd|avenue|ave|av|boulevard|blvd|drive|dr|lane|ln|court|ct|place|pl|square|sq|"
    "terrace|ter|way|highway|hwy|parkway|pkwy|circle|cir|trail|trl|crescent|cres|close|row|mews|"
    "alley|plaza|loop|route|turnpike|tpke|expressway|gardens|grove|hill|park|rise"
    "|quay|walk|streets|"
    "points?|ridges?|views?|crossings?|junctions?|extensions?|islands?|meadows?|mount|mountains?|"
    "spurs?|springs?|station|stravenue|summit|trace|track|tunnel|union|valley|via"
    "|viaduct|villages?|"
    "vista|wells?|burg|bypass|canyon|cape|causeway|centers?|cliffs?|coves?|creek|estates?|falls?|"
    "ferry|fields?|flats?|fords?|forest|forge|forks?|fort|freeway|glens?|greens?|groves|harbors?|"
    "haven|heights|hills|hollow|inlet|keys?|knolls?|lakes?|landing|light|loaf|locks?|lodge|manor|"
    "mall|mills?|mission|motorway|neck|orchard|oval|overpass|pass|passage|path|pike|pines?|plains?|"
    "port|prairie|radial|ramp|ranch|rapids?|rest|ridge|river|shoals?|shores?|skyway|stream|isle"
)
_EN_SURE = (
    "street|st|road|rd|avenue|ave|boulevard|blvd|drive|dr|lane|ln|court|ct|place|square|sq|terrace|"
    "parkway|pkwy|crescent|close|mews|highway|hwy|circle|cir|way|trail"
)
_SMALL_WORDS = (
    r"(?:on|the|in|of|at|to|a|an|and|or|by|for|with|from|into|down|up|across|along|near|people|men|"
    r"women|children|kids|man|woman|boys?|girls?|cars?|dogs?|years?|other|off|over|his|her|their)\b"
)
_FLAT = r"(?:(?:apt|apartment|suite|ste|unit|flat)\.?[ ]?#?[\w-]{1,6}|\d{1,2}(?:st|nd|rd|th) floor)"
_ROMANCE = (
    "rue|avenue|av|boulevard|bd|place|chemin|allée|impasse|quai|route|cours|calle|c/|avenida|avda|"
    "paseo|plaza|carrer|camino|via|viale|piazza|corso|largo|vicolo|rua|travessa"
    "|praça|estrada|ulica|"
    "ul|ulice|utca|strada|str|aleja|al|náměstí|trg|bulevar"
)
_GERMANIC = (
    r"straße|strasse|str\.?|weg|gasse|platz|allee|ring|damm|ufer|straat|laan|gracht"
    r"|plein|kade|dijk|"
    r"gatan|gata|vägen|väg|gränd|gate|gaten|veien|vei|vej|gade|stræde|allé|katu|tie|kuja|polku|"
    r"straat|steeg|singel|torg|torget|utca|bundesstrasse|promenade|chaussee|steig|markt"
)
_NUMBER = r"\d{1,5}(?:[ ]?[A-Za-z](?!\w))?(?:[-/]\d{1,4}[A-Za-z]?)?"
_STREETS = tuple(
    re.compile(pattern)
    for pattern in (
        # 2450 Crown St ... / 12 North Main Street Apt 4
        rf"(?<![\w.,$€£-]){_NUMBER},?[ ](?:(?:(?i:[NSEW]|north|south|east|west)\.?"
            rf"|[A-Z\u00c0-\u024f]{_WORD[8:]}|\d{{1,3}}(?:st|nd|rd|th))[ ]){{1,4}}"
            rf"(?i:{_EN_TYPES})\b\.?",
        rf"(?i)(?<![\w.,$€£-])\d{{1,5}}[ ](?:(?!{_SMALL_WORDS}){_WORD}[ ]){{1,3}}"
            rf"(?:{_EN_SURE})\b\.?"
            r"(?=[ ]?(?:,|\.|$|\n|apt|suite|unit|in\b))",
        # 12 rue de la Paix / Calle Mayor 5 / Via Roma, 10
        rf"(?<![\w.,-]){_NUMBER},?[ ](?:bis[ ]|ter[ ])?(?i:rue|avenue|boulevard|bd|place"
            rf"|chemin|allée|impasse|quai|route|cours)[ ](?:{_WORD}[ ]?){{1,5}}",
        rf"(?<!\w)(?i:{_ROMANCE})\.?[ ](?:(?:[^\W\d_a-z][\w'’.-]{{0,30}}|de|la|las|los"
            rf"|del|di|da|do|dos|du|des|le|les|l'|della|delle|dei|degli"
            rf"|van|von|der|den|y|e|et)[ ,]{{1,2}}){{1,5}}"
            rf"(?:n[º°o.]{{0,2}}[ ]?)?{_NUMBER}(?!\w)",
        # Hauptstraße 12 / Kerkstraat 12 bis / Am Markt Platz 3
        rf"(?<!\w)(?:[^\W\d_a-z][\w-]{{1,30}}[ ]){{0,2}}(?!During|Spring"
            rf"|String)[^\W\d_a-z][\w-]{{1,30}}(?:{_GERMANIC})[ ](?!(?:19|20)\d\d"
            rf"(?!\d)){_NUMBER}(?!\w)",
        rf"(?<!\w)(?:[A-ZÄÖÜ][\w-]{{1,30}}[ ]){{1,3}}(?i:{_GERMANIC}|u|út|tér|körút|tn"
            rf"|mnt|pst|gatve|g)\.?[ ]{_NUMBER}(?!\w)",
        # 20789 Allika 46: postcode or number, name, number
        r"(?<![\w.,$€£-])\d{3,5}(?:[ ]\d{2})?[ ]"
            r"(?:[^\W\d_a-z][\w'.-]{1,30}[ ]){1,4}\d{1,5}(?=\s|,|\.|$)",
        # Post boxes, military post
        r"(?i)(?<!\w)(?:p\.?[ ]?o\.?[ ]?box|post(?:al)? (?:office )?box|postfach"
            r"|bo[iî]te postale|b\.?p\.?|apartado(?: de correos)?|casella postale"
            r"|postbus)[ ]?\d{1,6}(?!\w)",
        r"(?<!\w)(?:PSC|Unit|CMR|USNS|USS|USNV|USCGC)[ ]\w{1,20},?"
            r"(?:[ ]Box[ ]\d{1,6})?\s{1,2}(?:APO|FPO|DPO)[ ](?:AA|AE|AP)[ ]\d{5}(?:-\d{4})?",
        rf"(?i)(?<!\w){_FLAT}(?=\W)(?<=\d)",
    )
)  # fmt: skip
_POSTCODES = tuple(
    re.compile(pattern)
    for pattern in (
        r"(?<!\w)(?:GIR 0AA|[A-Z]{1,2}\d[A-Z\d]? \d[ABD-HJLNP-UW-Z]{2})(?!\w)",
        r"(?<!\w)[ABCEGHJ-NPRSTVXY]\d[A-Z] \d[A-Z]\d(?!\w)",
        r"(?<!\w)(?:A[LKZRAEP]|C[AOT]|D[CE]|F[LM]|G[AU]|HI|I[ADLN]|K[SY]|LA"
            r"|M[ADEHINOPST]|N[CDEHJMVY]|O[HKR]|P[ARW]|RI|S[CD]|T[NX]|UT|V[AIT]"
            r"|W[AIVY]),?[ ]\d{5}(?:-\d{4})?(?!\w)",
        r"(?<!\w)(?:D|A|CH|F|I|B|NL|DK|S|N|E)-\d{4,5}(?=[ ][A-ZÄÖÜ])",
        r"(?i)(?<!\w)(?:zip|zip[- ]?codes?|post[- ]?codes?|postal codes?|plz|code postal|c\.?p\.?)"
        r"(?!\w)\D{0,40}?(?<!\w)(\d{3,5}(?:[ -](?:\d{2,4}|[A-Z]{2})(?!\w))?)(?!\w|[.,]\d)",
        r"(?<=\n)[ ]{0,3}\d{5}(?:-\d{4})?(?=[ ]?(?:\n|$|[A-Z]))|(?<=, )\d{5}(?:-\d{4})?"
            r"(?=\s{0,2}(?:$|\n))",
    )
)  # fmt: skip
_ANNOUNCED = re.compile(
    r"(?i)(?<!\w)(?:(?:home |billing |mailing |shipping |postal )?address(?: is|:)"
    r"|lives? (?:at|on)|living at|resid(?:es|ing) at|"
    r"located at|adresse:?|anschrift:?|dirección:?|indirizzo:?|wohnt in der|deliver"
    r"(?:ed)? to|taxi to|meet (?:me|you|us|him|her|them)? ?at)[ \n]{1,3}"
    r"(\d{1,5},?[ ](?=[^\W\d_]{3})[^\n.;?!:@]{3,60}"
    r"|[A-Z\u00c0-\u024f][^\n.;?!,:@]{2,40}[ ]\d{1,4}[A-Za-z]?)(?=[\n.;?!,]|$)"
)
_NAMES = r"(?:[^\W\d_a-z][\w'’()-]{0,25}[ ]?){1,4}"
_TAIL = re.compile(
    rf"(?:,?\s{{1,3}}{_NAMES}){{0,3}},?\s{{0,4}}(?:{_NAMES}|nan )(?<=\s)\d{{4,6}}"
    rf"(?:-\d{{4}})?(?!\w|[.,-]\d)"
)
_LEAD = re.compile(r"(?<![\w.,$€£-])\d{3,5}(?:[ ]\d{2})?[ ]$")
_GLUE = re.compile(
    r"[ ]?[,.]?[ ]?(?:\n[ ]{0,4})?(?:[A-Z\u00c0-\u024f][\w'’.-]{1,25}"
    r"(?: [A-Z\u00c0-\u024f][\w'’.-]{1,25}){0,3},?[ \n]{1,2})?"
)


def find(view: Normalised) -> Iterator[Mention]:
    """Every postal address; canonical is the text in lower case with single spaces."""
    if not any(character.isdecimal() for character in view.text):
        return
    spans = [found.span() for pattern in _STREETS for found in pattern.finditer(view.text)]
    spans += [_postcode(found) for pattern in _POSTCODES for found in pattern.finditer(view.text)]
    spans += [found.span(1) for found in _ANNOUNCED.finditer(view.text)]
    for start, end in _joined(view.text, sorted(spans)):
        canonical = " ".join(view.text[start:end].lower().replace(",", " ").split())
        yield mention(view, (start, end), Kind.ADDRESS, canonical, score=0.8)


def _postcode(found: re.Match[str]) -> tuple[int, int]:
    if found.re.groups and found[1]:
        return found.span(1)
    lead = len(found[0]) - len(found[0].lstrip())
    return found.start() + lead, found.end()


def _joined(text: str, spans: list[tuple[int, int]]) -> Iterator[tuple[int, int]]:
    """Parts that overlap, or have only a place's name between them, as one."""
    current: tuple[int, int] | None = None
    for start, end in spans:
        end = start + len(text[start:end].rstrip(" ,.\n-"))
        lead = _LEAD.search(text, max(0, start - 10), start)
        start = lead.start() if lead else start
        tail = _TAIL.match(text, end)
        end = tail.end() if tail else end
        if current and (start <= current[1] or _GLUE.fullmatch(text, current[1], start)):
            current = (current[0], max(current[1], end))
        else:
            if current:
                yield current
            current = (start, end)
    if current:
        yield current
