# SPDX-License-Identifier: Apache-2.0
"""Places, firms, postal addresses and positions that do not exist, in the shape of real ones.

Words that say what a thing is stay ("Street", "City", "Ltd", "University of"); names, numbers and
post codes go. Countries and states of the USA become other countries and states: an invented
country would read wrong, and a country alone singles nobody out. Coordinates move by 0.5 to 2
degrees in each direction, each position by its own amount.
"""

from __future__ import annotations

import re
from functools import lru_cache

from polyveil.privacy.pseudonym import Draw
from polyveil.replace.names import fold, script_of
from polyveil.replace.numbers import shaped
from polyveil.replace.spoken_name import like

_HEADS = (  # noqa: SIM905
    "nor hal mar wen bran al el thorn ash kel fen lin dun har bel cor mel ros stan wil gar lan "
    "tor ver win ox hart ald bex cal dray ever farn gil hol ives kin lor"
).split()
_TAILS = (  # noqa: SIM905
    "vale den wick ton ford bury ley mere stead field worth combe dale haven port bridge low sey "
    "brook hurst croft minster gate well thorpe shaw"
).split()
_FIRM_TAILS = "ex ora ent via ix one tec ara ium is ova ant ell era ona ax".split()  # noqa: SIM905
_KEPT = frozenset(
    """street st avenue ave road rd lane ln drive dr court ct place pl square sq boulevard blvd way
    terrace close crescent highway hwy parkway pkwy circle alley row walk hill gardens mews route
    apartment apt suite ste unit flat floor fl building bldg room rm po p.o psc apo fpo dpo aa ae
    ap box block lot no house
    strasse straße str platz weg allee gasse rue de la le les du des place chemin calle avenida
    plaza via viale corso piazza straat laan plein rua of the and in at on near upper lower
    north south east west n s e w ne nw se sw northern southern eastern western new old great
    saint san santa city town village county district region province state river lake mount
    mountain island islands bay beach park airport station port valley island bridge harbour harbor
    ltd limited inc incorporated llc llp plc corp corporation co company gmbh ag kg sa sarl srl spa
    nv bv oy ab as pty group holdings holding partners associates sons brothers bank university
    college school institute academy hospital clinic church museum hotel restaurant cafe club
    foundation society association union council committee ministry department office agency bureau
    institution center centre services service systems solutions technologies technology consulting
    industries international national global global airlines insurance times post news press daily
    für und der die das et y & fc united army navy police court league party""".split()  # noqa: SIM905
)
_STATES = (  # noqa: SIM905
    "Alabama Alaska Arizona Arkansas California Colorado Connecticut Delaware Florida Georgia "
    "Hawaii "
    "Idaho Illinois Indiana Iowa Kansas Kentucky Louisiana Maine Maryland Massachusetts Michigan "
    "Minnesota Mississippi Missouri Montana Nebraska Nevada Ohio Oklahoma Oregon Pennsylvania "
    "Tennessee Texas Utah Vermont Virginia Washington Wisconsin Wyoming"
).split()
_STATE_CODES = (  # noqa: SIM905
    "AL AK AZ AR CA CO CT DE FL GA HI ID IL IN IA KS KY LA ME MD MA MI MN MS MO MT NE NV NH NJ NM "
    "NY NC ND OH OK OR PA RI SC SD TN TX UT VT VA WA WV WI WY DC"
).split()
_COUNTRIES = (  # noqa: SIM905
    "Argentina Australia Austria Belgium Brazil Bulgaria Canada Chile China Colombia Croatia Cuba "
    "Cyprus Denmark Ecuador Egypt Estonia Ethiopia Finland France Germany Ghana Greece Hungary "
    "Iceland India Indonesia Iran Iraq Ireland Israel Italy Jamaica Japan Jordan Kenya Latvia "
    "Lebanon "
    "Libya Lithuania Luxembourg Malaysia Malta Mexico Morocco Nepal Netherlands Nigeria Norway "
    "Pakistan Panama Peru Philippines Poland Portugal Romania Russia Scotland Senegal Serbia "
    "Singapore Slovakia Slovenia Spain Sweden Switzerland Syria Thailand Tunisia Turkey Uganda "
    "Ukraine Uruguay Venezuela Vietnam Wales England Zambia Zimbabwe"
).split()
_LONG_COUNTRIES = frozenset(
    "united states|united states of america|usa|us|u.s.|u.s.a.|uk|u.k.|united kingdom|"  # noqa: SIM905
    "great britain|new zealand|south africa|south korea|north korea|saudi arabia|sri lanka|"
    "czech republic".split("|")
)
_TOKEN = re.compile(r"[^\W\d_]+(?:['’.][^\W\d_]+)*\.?|\w*\d\w*", re.UNICODE)
_ACRONYM = 4
_TRIES = 64
_POSTCODE = re.compile(r"\b[A-Z]{1,2}\d[A-Z\d]?\s?\d[A-Z]{2}\b")


def place(surface: str, draw: Draw, avoid: frozenset[str] = frozenset()) -> str:
    """A place that does not exist; another country or state for a country or state."""
    article = re.match(r"(?i)the\s+", surface)
    if article and len(surface) > article.end():
        return article.group() + place(surface[article.end() :], draw, avoid)
    folded = fold(surface).strip()
    if folded in _LONG_COUNTRIES or folded in _lower(tuple(_COUNTRIES)):
        return like(surface, _other(_COUNTRIES, folded, draw, avoid))
    if folded in _lower(tuple(_STATES)):
        return like(surface, _other(_STATES, folded, draw, avoid))
    return _renamed(surface, draw, _TAILS, avoid)


def organisation(surface: str, draw: Draw, avoid: frozenset[str] = frozenset()) -> str:
    """A firm or institution that does not exist; legal form and trade kept."""
    letters = [char for char in surface if char.isalpha()]
    if 2 <= len(letters) <= 5 and all(map(str.isupper, letters)):
        return shaped(surface, draw)
    return _renamed(surface, draw, _FIRM_TAILS, avoid)


def address(surface: str, draw: Draw, avoid: frozenset[str] = frozenset()) -> str:
    """A postal address that does not exist: number, street, town and post code replaced."""
    return _renamed(surface, draw, _TAILS, avoid)


def coordinates(surface: str, draw: Draw) -> str:
    """A position 0.5 to 2 degrees away, as precise and as written as the original."""
    steps = iter([_step(draw), _step(draw)])
    if re.search(r"\d[ ]?[°ºd˚o]\.?[ ]?\d{1,2}(?:\.\d+)?[ ]?['m′]", surface):
        return _sexagesimal(surface, draw)

    def moved(match: re.Match[str]) -> str:
        step = next(steps, None)
        if step is None:
            return match.group()
        value, decimals = float(match.group()), len(match.group().partition(".")[2])
        limit = 89.0 if not seen else 179.0
        seen.append(True)
        new = value + step if abs(value + step) <= limit else value - step
        return f"{'+' if match.group().startswith('+') else ''}{new:.{decimals}f}"

    seen: list[bool] = []
    return re.sub(r"[-+]?\d{1,3}\.\d+", moved, surface)


def _sexagesimal(surface: str, draw: Draw) -> str:
    """Degrees by one or two to the side, minutes and seconds anew."""
    count = 0

    def moved(match: re.Match[str]) -> str:
        nonlocal count
        count += 1
        whole, fraction = match["whole"], match["fraction"] or ""
        if match["unit"] is not None:
            value = int(whole)
            step = draw.pick((1, 2))
            new = value - step if value >= 2 else value + step
            return f"{new:0{len(whole)}}"
        return f"{draw.below(60):0{len(whole)}}" + (
            "." + draw.digits(len(fraction) - 1) if fraction else ""
        )

    pattern = r"(?P<whole>\d{1,3})(?P<fraction>\.\d+)?(?P<unit>(?=[ ]?[°ºd˚o]))?"
    return re.sub(pattern, moved, surface)


def _step(draw: Draw) -> float:
    return draw.between(500_000, 2_000_000) / 1e6 * (1 if draw.below(2) else -1)


def _renamed(surface: str, draw: Draw, tails: list[str], avoid: frozenset[str]) -> str:
    """Every word that is a name or holds a digit becomes another; words that say what stay."""
    renamed: dict[str, str] = {}

    def swapped(match: re.Match[str]) -> str:
        word = match.group()
        bare = word.rstrip(".")
        if any(char.isdecimal() for char in word):
            return _number(word, draw)
        if bare in _STATE_CODES and surface.strip() != word:
            return draw.pick([code for code in _STATE_CODES if code != bare])
        folded = fold(bare)
        if folded in _KEPT or (bare.islower() and not alone):
            return word
        if bare.isupper() and len(bare) <= _ACRONYM and not surface.isupper():
            return shaped(word, draw)
        if folded not in renamed:
            renamed[folded] = _fictional(draw, tails, avoid | {folded})
        return like(bare, renamed[folded]) + word[len(bare) :]

    alone = not any(char.isupper() for char in surface) or script_of(surface) != "latin"
    postcode = _POSTCODE.search(surface)
    if postcode:
        start, end = postcode.span()
        before = _TOKEN.sub(swapped, surface[:start])
        return before + shaped(postcode.group(), draw) + _TOKEN.sub(swapped, surface[end:])
    new = _TOKEN.sub(swapped, surface)
    # "The Bank" has no word that is a name: it then gets one, or it would stay as it was.
    if new != surface:
        return new
    article = re.match(r"(?i)(?:the\s+)?", surface)
    at = article.end() if article else 0
    return f"{surface[:at]}{_fictional(draw, tails, avoid)} {surface[at:]}"


def _number(word: str, draw: Draw) -> str:
    """Another number of the same length, without a zero in front where there was none."""
    for _ in range(_TRIES):
        new = shaped(word, draw)
        if new != word and not (new[0] == "0" and word[0] != "0"):
            break
    return new


def _fictional(draw: Draw, tails: list[str], avoid: frozenset[str]) -> str:
    while True:
        word = draw.pick(_HEADS) + draw.pick(tails)
        if word not in avoid:
            return word.capitalize()


def _other(options: list[str], own: str, draw: Draw, avoid: frozenset[str]) -> str:
    free = [option for option in options if fold(option) != own and fold(option) not in avoid]
    return draw.pick(free or [option for option in options if fold(option) != own])


@lru_cache(maxsize=4)
def _lower(words: tuple[str, ...]) -> frozenset[str]:
    return frozenset(map(fold, words))
