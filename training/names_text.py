# SPDX-License-Identifier: Apache-2.0
# ruff: noqa: E501, SIM905 - word lists
"""The training text of the name recogniser: a hand-written grammar
(`names_templates.txt`), and names of many cultures to fill it.

Slots: {P} a person as people write one, {F} a given name, {S} a family name, {T} a title with its
dot, {L} a place, {C} a country, {O} an organisation, {W} an everyday noun phrase, {J} an
occupation, {M} a month, {N} a number. Only P, F, S, L, C and O are labelled.
"""

from __future__ import annotations

import random
import re
from dataclasses import dataclass
from pathlib import Path

PERSON, PLACE, ORGANISATION = "PER", "LOC", "ORG"
Labelled = tuple[str, list[tuple[int, int, str]]]
"""A text and its labelled character spans."""

NOUNS = """a dog|the dog|a cat|a red ball|the snow|a bicycle|a horse|a big wave|the bus|a guitar|an ice cream
|a skateboard|the old house|a fountain|a brick wall|a yellow kayak|a birthday cake|the swing|a puddle
|the rock|a fence|the Christmas tree|a camera|coffee|homework|the report|the project|a camel|flowers
|a newspaper|a black hat|sunglasses|the ocean|a mountain lake|his bike|her new car|the grass|a tent
|a soccer game|the concert|breakfast|the moon|a picnic table|the sand|a pink umbrella|some food|the garden
|a stick in its mouth|a stuffed animal|a trampoline|green hills|an orange suit|the stairs|a blue jacket""".replace(
    "\n", ""
).split("|")
DEMONYMS = """American British English Scottish Irish Welsh French German Italian Spanish Portuguese Dutch
Belgian Swiss Austrian Swedish Norwegian Danish Finnish Polish Czech Slovak Hungarian Romanian Bulgarian
Greek Turkish Russian Ukrainian Chinese Japanese Korean Indian Pakistani Iranian Iraqi Israeli Egyptian
Nigerian Kenyan Moroccan Mexican Brazilian Argentinian Canadian Australian Malaysian Indonesian Thai Vietnamese
Cuban Chilean Colombian European African Asian Arab Jewish Muslim Christian Catholic Buddhist Hindu""".split()
MONTHS = (
    "January February March April May June July August September October November December".split()
)
TITLES = "Dr. Mr. Mrs. Ms. Miss Prof. Dr Mr Mrs Ms Professor Sir Captain Lady President Senator Rev. Sgt. Judge Nurse Coach Uncle Aunt Sr. Sra. Herr Frau Mme M. Officer Capt. Father Sister".split()
ORG_FORMS = [
    "{S} Inc", "{S} Inc.", "{S} Ltd", "{S} LLC", "{S} & Co", "{S} and Sons", "{S}-{S}",     "{S} Group", "{S} Technologies", "{S} GmbH", "{S} Holdings", "{S} Corp.", "{S} & {S}", "{S} Partners",
    "University of {L}", "{L} University", "{L} Hospital", "St. {F} Hospital", "{L} General Hospital",
    "{L} City Council", "{L} United", "FC {L}", "{S} Foundation", "{S} Institute", "Bank of {L}",
    "{L} Airlines", "{S} College", "{S} High School", "{L} Museum", "{L} Police Department",
    "{S}, {S} and {S} LLP", "{B}{b}", "{B}{b} Inc", "{B} {B}", "{B} {B} Systems", "{B}{b} Labs", "{B} Research", "{B} Data",
    "{B} {B} Company", "Institute of {B}", "{B} Health", "{B}soft", "{B}ly", "{B} Insurance Group",
    "Ministry of {B}", "The {B} Agency", "{B} Bank", "National {B} Association", "{K}", "{K}", "{K}", "{K}", "{K}",
]  # fmt: skip
BITS = """data cloud health blue green open care fact core map smart solar energy rock stone bridge light wave
sun star fox bird apple code net sky logic gene pixel money credit trust farm river north global first prime
urban media signal quant vision spark motion path link bright clear safe true home food travel music""".split()
KNOWN = """Google Microsoft Facebook Twitter Samsung Sony Toyota Honda BMW Siemens Bosch Nestle
Unilever Pfizer Novartis Bayer IBM Intel SAP Netflix Disney CNN BBC NBC FBI CIA NASA UN NATO WHO
UNICEF FIFA UEFA Reuters Bloomberg Starbucks McDonald's Walmart Ikea Nike Adidas Chelsea Arsenal Barcelona
Harvard Stanford MIT Oxford Interpol Greenpeace Tesla Uber Airbnb Mastercard Vodafone Nokia BP
Boeing Airbus Lufthansa Ryanair Emirates Deloitte KPMG Accenture Citigroup HSBC Barclays Allianz AXA""".split()


def _same_script(one: str, other: str) -> bool:
    """Whether two letters are of neighbouring blocks; Han, kana and Hangul count as one."""
    if min(one, other) > "\u2e00":
        return True
    return max(one, other) < "\u2e00" and abs(ord(one) - ord(other)) < 110


@dataclass
class Names:
    """What fills the slots; each list already without the held-out names."""

    cultures: dict[str, tuple[list[str], list[str]]]
    """Culture -> (given names, family names)."""
    places: list[str]
    countries: list[str]
    companies: list[str]
    occupations: list[str]


PEOPLE = """man|woman|boy|girl|child|kid|person|lady|guy|toddler|baby|teenager|player|runner|cyclist|skier
|surfer|skateboarder|dancer|singer|worker|police officer|soldier|climber|swimmer|couple|football player|bride
|groom|mother|father|grandmother|young man|young woman|old man|little boy|little girl|blond woman
|dog|brown dog|white dog|black dog|cat|horse|bird|small dog""".replace("\n", "").split("|")
DOING = """riding|holding|jumping over|looking at|standing near|sitting on|walking past|running through|playing with
|climbing|chasing|throwing|catching|carrying|pulling|pushing|leaning on|lying on|sleeping on|eating near
|swimming in|skating on|racing along|posing beside|smiling at|pointing at|waiting for|talking about
|digging in|sliding down|falling off|splashing in|kicking|painting|reading|cooking|waving at|drinking from
|flying over|kneeling by|crossing|watching|taking a picture of|performing a trick on|wading through""".replace(
    "\n", ""
).split("|")
THINGS = """bench|beach|street|river|lake|mountain|pool|ramp|rail|wall|fence|tree|field|park|sidewalk|bridge|boat
|swing|slide|rope|ball|stick|frisbee|bike|skateboard|snowboard|sled|car|truck|bus|train|motorcycle|guitar
|drum|microphone|stage|table|chair|couch|bed|door|window|building|tent|fountain|rock|cliff|hill|grass|sand
|snow|ice|mud|water|wave|puddle|leaf|flower|toy|doll|balloon|cake|book|newspaper|camera|umbrella|hat
|crowd|market|store|restaurant|kitchen|garden|playground|court|track|ring|goal|net|bat|racket|kayak|surfboard
|wheelchair|stroller|suitcase|bag|bucket|hose|ladder|roof|statue|sign|flag|fire|log|pond|trail|path|cave""".replace(
    "\n", ""
).split("|")
WEAR = """shirt|t-shirt|jacket|dress|hat|cap|coat|sweater|uniform|jersey|shorts|jeans|suit|helmet|vest|scarf
|sunglasses|swimsuit|hoodie|skirt""".replace("\n", "").split("|")
COLOURS = (
    "red blue green yellow orange pink purple black white brown gray striped colorful dark".split()
)


_SLOT = re.compile(r"\{([A-Za-z])\}")
_LABELS = {"P": PERSON, "F": PERSON, "S": PERSON, "L": PLACE, "C": PLACE, "O": ORGANISATION}


class Filler:
    """Fills templates; one random stream."""

    def __init__(self, names: Names, random_: random.Random) -> None:
        self.names, self.random = names, random_
        self.latin = [key for key, (given, _) in names.cultures.items() if given[0][0] < "\u0250"]
        self.other = [key for key in names.cultures if key not in self.latin]

    def culture(self, *, latin: bool = True, like: str = "") -> str:
        """A culture; for a template in a native script, one of that script."""
        if latin:
            return self.random.choice(self.latin)
        block = next((c for c in like if c > "\u024f" and c.isalpha()), "")
        same = [
            key for key in self.other
            if block and _same_script(self.names.cultures[key][0][0][0], block)
        ]  # fmt: skip
        return self.random.choice(same or self.other)

    def given(self, culture: str) -> str:
        """One given name; now and then a double one."""
        names = self.names.cultures[culture][0]
        name = self.random.choice(names)
        roll = self.random.random()
        if name[0] < "\u0250" and roll < 0.06:
            return f"{name}{self.random.choice('- ')}{self.random.choice(names)}"
        return name

    def family(self, culture: str) -> str:
        """One family name; now and then with a particle, hyphen or apostrophe."""
        names = self.names.cultures[culture][1]
        name = self.random.choice(names)
        if name[0] >= "\u0250":
            return name
        roll = self.random.random()
        if roll < 0.04:
            return f"{name}-{self.random.choice(names)}"
        if roll < 0.09:
            lead = "van der |van |von |de |de la |di |bin |al-|Al |El |ibn |O'|D'|Mc|Mac|St. |dos |da ".split(
                "|"
            )
            return self.random.choice(lead) + name
        return name

    def person(self, culture: str) -> str:
        """A person as people write one: full, initials, surname first, bare."""
        given, family = self.given(culture), self.family(culture)
        if given[0] >= "\u2e00":
            return family + given
        roll = self.random.random()
        if roll < 0.58:
            return f"{given} {family}"
        if roll < 0.66:
            return given
        if roll < 0.72:
            return family
        initial = self.random.choice("ABCDEFGHJKLMNPRSTVW")
        if roll < 0.80:
            return f"{given} {initial}{self.random.choice(['.', '', '.'])} {family}"
        if roll < 0.85:
            return f"{initial}. {family}"
        if roll < 0.87:
            return f"{initial}.{self.random.choice('ABCDEJMRST')}. {family}"
        if roll < 0.91:
            return f"{family}, {given}"
        if roll < 0.93:
            return f"{family} {given}"
        if roll < 0.96:
            return f"{given} {self.given(culture)} {family}"
        if roll < 0.98:
            return f"{given} {family} {self.random.choice(['Jr.', 'Sr.', 'III', 'II', 'Jr'])}"
        return f"{given} {family} {self.family(culture)}"

    def organisation(self) -> str:
        """A company, school, hospital, authority or club."""
        if self.random.random() < 0.25:
            return self.random.choice(self.names.companies)
        culture = self.culture()
        bit = lambda: self.random.choice(BITS)  # noqa: E731
        make = {
            "S": lambda: self.random.choice(self.names.cultures[culture][1]),
            "F": lambda: self.random.choice(self.names.cultures[culture][0]),
            "L": lambda: self.random.choice(self.names.places), "B": lambda: bit().capitalize(),
            "b": bit, "K": lambda: self.random.choice(KNOWN),
        }  # fmt: skip
        return _SLOT.sub(lambda slot: make[slot[1]](), self.random.choice(ORG_FORMS))

    def _slot(self, slot: str, culture: str) -> str:
        pick = self.random.choice
        if slot in "PFS":
            return {"P": self.person, "F": self.given, "S": self.family}[slot](culture)
        if slot == "O":
            return self.organisation()
        if slot == "N":
            return str(
                pick(
                    [
                        self.random.randint(1, 31),
                        self.random.randint(1900, 2030),
                        self.random.randint(1, 99),
                    ]
                )
            )
        return str(pick({
            "L": self.names.places if self.random.random() < 0.8 else self.names.countries,
            "C": self.names.countries, "T": TITLES, "W": NOUNS, "M": MONTHS, "D": DEMONYMS, "J": self.names.occupations,
        }[slot]))  # fmt: skip

    def fill(self, template: str) -> Labelled:
        """Text of a template with its labelled spans."""
        native = any(c > "\u036f" and c.isalpha() for c in template)
        culture = self.culture(latin=not native, like=template)
        text, spans, last = "", [], 0
        for slot in _SLOT.finditer(template):
            text += template[last : slot.start()]
            if self.random.random() < 0.5 and not native:
                culture = self.culture()
            value = self._slot(slot[1], culture)
            if slot[1] in _LABELS:
                spans.append((len(text), len(text) + len(value), _LABELS[slot[1]]))
            text, last = text + value, slot.end()
        return text + template[last:], spans

    def scene(self) -> Labelled:
        """A caption as people write them under photographs, half of them without any name."""
        pick, roll = self.random.choice, self.random.random
        culture, text, spans = self.culture(), "", []

        def who(named: float) -> None:
            nonlocal text
            if roll() < named:
                value = self.given(culture) if roll() < 0.7 else self.person(culture)
                spans.append((len(text), len(text) + len(value), PERSON))
                text += value
            else:
                text += f"{pick(['a', 'the', 'one', 'another', 'A', 'The'] if not text else ['a', 'the'])} {pick(PEOPLE)}"

        named = pick([0.0, 0.0, 0.7])
        who(named)
        if roll() < 0.25:
            text += pick([" and ", " , ", " & "])
            who(named)
        if roll() < 0.4:
            text += f" {pick(['in', 'wearing', 'with'])} a {pick(COLOURS)} {pick(WEAR)}"
        text += f" {pick(['is ', 'are ', '', ''])}{pick(DOING)} "
        if roll() < 0.25:
            who(named)
        else:
            text += f"{pick(['a', 'the', 'his', 'her', 'some'])} {pick([pick(COLOURS) + ' ', '', ''])}{pick(THINGS)}"
        if roll() < 0.4:
            text += f" {pick(['near', 'in', 'on', 'by', 'behind', 'in front of', 'next to', 'with', 'at'])} "
            if roll() < 0.25 and named:
                value = pick(self.names.places)
                spans.append((len(text), len(text) + len(value), PLACE))
                text += value
            else:
                text += f"{pick(['a', 'the', 'their', 'two'])} {pick(THINGS)}"
        return text + pick([" .", ".", "", " !"]), spans

    def restyle(self, labelled: Labelled) -> Labelled:
        """Casing and punctuation as people leave it; the length never changes."""
        text, spans = labelled
        roll = self.random.random()
        if roll < 0.22:
            changed = text.lower()
        elif roll < 0.29:
            changed = text.upper()
        elif roll < 0.33:
            changed = text.title()
        elif roll < 0.37:
            pieces = list(text)
            for start, end, _ in spans:  # typo: two letters inside a name change places
                if end - start > 4:
                    at = self.random.randrange(start + 1, end - 2)
                    pieces[at], pieces[at + 1] = pieces[at + 1], pieces[at]
            changed = "".join(pieces)
        elif roll < 0.42:
            pieces = list(text)
            for start, end, _ in spans:
                pieces[start:end] = list(text[start:end].upper())
            changed = "".join(pieces) if len(pieces) == len(text) else text
        else:
            changed = text
        return (changed, spans) if len(changed) == len(text) else labelled


WEIGHTS = {
    "captions": 1.4,
    "letters": 1.0,
    "clinical": 0.8,
    "chat": 1.0,
    "clean": 1.3,
    "native": 0.9,
    "latin": 0.5,
}


def templates() -> list[tuple[str, float]]:
    """Every line of names_templates.txt with the weight of its section; backslash-n is a line break."""
    found, weight = [], 0.0
    lines = Path(__file__).with_name("names_templates.txt").read_text("utf-8").splitlines()
    for line in filter(None, lines):
        if line.startswith("["):
            weight = WEIGHTS[line.strip("[]")]
        else:
            found.append((line.replace("\\n", "\n"), weight))
    return found
