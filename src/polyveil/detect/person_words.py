# SPDX-License-Identifier: Apache-2.0
# ruff: noqa: E501, SIM905 - word lists
"""English words for people, and words that say how a person looks, with the facet they speak of.

One entry is `singular[/plural]`; without a plural an "s" is added. Sex and age stand in the title
of a group. Written for this package; no source.
"""

from __future__ import annotations

from collections.abc import Iterator
from functools import cache
from typing import NamedTuple


class Noun(NamedTuple):
    """What a person noun says by itself: facets, number, and whether it takes an "of ..."."""

    sex: str | None
    age: str | None
    plural: bool
    role: bool


_NOUNS: tuple[tuple[str | None, str | None, bool, str], ...] = (
    ("man", "adult", False, "man/men gentleman/gentlemen guy bloke dude fella chap fellow male groom "
     "bridegroom businessman/businessmen fireman/firemen policeman/policemen fisherman/fishermen "
     "cowboy salesman/salesmen workman/workmen mailman/mailmen serviceman/servicemen waiter actor "
     "cameraman/cameramen sportsman/sportsmen doorman/doormen horseman/horsemen batman/batsmen "
     "snowman_/ spokesman/spokesmen chairman/chairmen bachelor widower monk priest mr_"),
    ("man", "adult", True, "father dad daddy/daddies papa husband uncle brother nephew son boyfriend "
     "stepfather stepson godfather fiancé king prince sir_ brother-in-law/brothers-in-law father-in-law/fathers-in-law"),
    ("man", "senior", True, "grandfather grandpa granddad grandad grandson_"),
    ("man", "child", False, "boy schoolboy lad toddler_boy/ choirboy"),
    ("woman", "adult", False, "woman/women lady/ladies gal female bride businesswoman/businesswomen "
     "policewoman/policewomen waitress/waitresses actress/actresses housewife/housewives hostess/hostesses "
     "ballerina nun bridesmaid cheerleader spokeswoman/spokeswomen chairwoman/chairwomen cowgirl "
     "saleswoman/saleswomen widow geisha stewardess/stewardesses"),
    ("woman", "adult", True, "mother mom mum mommy/mommies mummy/mummies mama wife/wives aunt auntie sister niece "
     "daughter girlfriend stepmother stepdaughter godmother fiancée queen princess/princesses "
     "sister-in-law/sisters-in-law mother-in-law/mothers-in-law"),
    ("woman", "senior", True, "grandmother grandma granny/grannies nana"),
    ("woman", "child", False, "girl schoolgirl"),
    (None, "baby", False, "baby/babies infant newborn toddler"),
    (None, "child", False, "child/children kid youngster pupil schoolchild/schoolchildren preschooler"),
    (None, "teenager", False, "teenager teen adolescent youth"),
    (None, "senior", False, "pensioner senior retiree elder grandparent"),
    (None, "adult", False, "adult grown-up parent"),
    (None, None, True, "friend colleague neighbour neighbor cousin sibling partner spouse roommate classmate "
     "teammate boss/bosses president director manager chief ceo cfo cto head_ chair_ chairperson leader captain "
     "owner founder co-founder principal dean mayor governor senator minister secretary/secretaries "
     "treasurer editor author host assistant representative coach/coaches member_ winner organiser "
     "organizer spokesperson/spokespeople ambassador chancellor grandchild/grandchildren twin relative"),
    (None, None, False, "person/people individual human adult_ doctor nurse surgeon physician dentist patient "
     "teacher student professor lawyer judge officer cop soldier sailor pilot astronaut firefighter "
     "policeperson guard bodyguard lifeguard player goalkeeper goalie striker quarterback pitcher batter catcher "
     "umpire referee athlete runner sprinter jogger swimmer diver surfer skier snowboarder skateboarder "
     "skater boarder climber hiker biker cyclist bicyclist rider racer driver motorcyclist wrestler "
     "boxer fighter gymnast golfer kayaker rower rafter paddler bowler dancer singer musician "
     "guitarist drummer violinist pianist dj performer artist painter sculptor photographer "
     "cameraperson model_ clown magician juggler acrobat worker builder labourer laborer carpenter "
     "plumber electrician mechanic engineer scientist programmer farmer gardener chef cook baker butcher "
     "barista bartender cashier clerk vendor seller salesperson/salespeople shopper customer "
     "passenger pedestrian tourist traveller traveler commuter spectator fan_ visitor guest_ "
     "bystander onlooker protester protestor demonstrator speaker presenter journalist reporter "
     "politician candidate writer poet scholar librarian accountant banker broker consultant "
     "therapist psychologist psychiatrist pharmacist veterinarian vet_ caregiver carer babysitter "
     "nanny/nannies maid janitor cleaner barber hairdresser tailor beggar hitchhiker camper hunter "
     "fisher angler archer fencer sledder snowmobiler wakeboarder windsurfer parasailer bicycler "
     "trumpeter cellist saxophonist bassist vocalist conductor busker graduate freshman/freshmen "
     "sophomore scout cadet veteran recruit marine_ trooper knight_ pirate_ bullfighter "
     "cheerleader_ linebacker receiver defender midfielder hurdler jumper pole-vaulter stranger "
     "suspect victim witness/witnesses thief/thieves prisoner inmate hostage resident tenant "
     "redhead blonde brunette somebody_/ couple_/ trio_/ lad_ villager local_ native_ "
     "monk_ preacher pastor bishop_ rabbi imam buddhist_ groomsman/groomsmen pallbearer"),
)  # fmt: skip

MODIFIERS = frozenset("""
football soccer basketball baseball hockey tennis volleyball rugby cricket golf lacrosse polo softball
ice street dirt bike motocross bmx mountain rock horse motorcycle race racing track field team police
fire traffic security construction road train bus taxi truck car delivery mail post office school
college university high primary nursery kindergarten family baby boy girl child teen student woman man lady
male female rodeo bull figure roller inline water jet scuba circus band rock jazz opera folk
ballet belly break tap hip hop fashion film movie tv news radio war army navy military
air flight wedding birthday market shop store fruit flower ice-cream hot dog food hotel restaurant
vice deputy assistant senior junior chief head general prime former ex late current new old step grand
best closest dear fellow little bank medical health care home emergency intensive family
rescue park forest ski snow board surf beach life company sales marketing human resources
""".split())  # fmt: skip
"""Nouns and titles that may stand directly before a person noun."""

ADJECTIVES = frozenset("""
young old elderly aged middle-aged older younger elder eldest youngest oldest little small tiny big large tall short slim
thin skinny fat chubby heavy heavyset overweight obese muscular athletic strong fit slender petite stocky burly lanky
bald balding bearded mustached moustached clean-shaven shaven unshaven scruffy blond blonde brunette ginger
red-haired dark-haired fair-haired long-haired short-haired grey-haired gray-haired white-haired
black-haired brown-haired blond-haired blonde-haired curly-haired curly redheaded red-headed freckled
tattooed pierced tanned pale bespectacled hooded masked barefoot barefooted shirtless topless naked nude
helmeted uniformed costumed dressed well-dressed bundled smiling laughing grinning happy sad angry
crying screaming shouting surprised excited serious tired sleepy frowning
asian african american african-american european caucasian black white hispanic latino latina indian
chinese japanese korean arab arabic middle-eastern oriental mexican french german italian spanish british english irish
russian turkish muslim jewish christian hindu buddhist sikh amish native polish dutch swedish
pregnant blind deaf disabled homeless drunk dead sick injured wounded handsome beautiful pretty cute
attractive lovely adorable nice good great famous unknown anonymous mysterious strange lone lonely
single married divorced only other same first second third fourth last next
lean wiry dirty muddy wet soaked sweaty sandy nice-looking good-looking casually formally
red orange yellow green blue purple pink brown black white grey gray tan dark light fair
adult teenage teenaged infant newborn toddler adolescent preteen prepubescent grown
brave retired unemployed local foreign professional amateur rival opposing
sleeping sitting standing seated kneeling running jumping dancing
red-clad black-clad scantily-clad left-handed right-handed
left right middle front back leftmost rightmost
""".split())  # fmt: skip

DETERMINERS = frozenset(
    "a an the this that these those my your his her their our its another each every some several "
    "many few both all no any one's whose".split()
)
NUMBERS = {
    word: value
    for value, word in enumerate(
        "one two three four five six seven eight nine ten eleven twelve".split(), 1
    )
}
COLOUR_WORDS = {
    "red": "red", "scarlet": "red", "crimson": "red", "maroon": "red", "burgundy": "red", "orange": "orange",
    "yellow": "yellow", "gold": "yellow", "golden": "yellow", "green": "green", "olive": "green",
    "lime": "green", "khaki": "brown", "blue": "blue", "navy": "blue", "turquoise": "blue", "teal": "blue",
    "cyan": "blue", "purple": "purple", "violet": "purple", "lavender": "purple", "pink": "pink",
    "magenta": "pink", "brown": "brown", "beige": "brown", "tan": "brown", "black": "black",
    "white": "white", "cream": "white", "grey": "grey", "gray": "grey", "silver": "grey",
}  # fmt: skip
CLOTHES = frozenset("""
clothes clothing outfit shirt shirts t-shirt tshirt tee top tops sweater sweatshirt hoodie jumper pullover cardigan
jacket jackets coat coats parka vest waistcoat suit suits tuxedo blazer blouse dress dresses skirt gown robe robes
pants trousers jeans shorts leggings tights overalls jumpsuit uniform uniforms jersey jerseys kit costume costumes swimsuit swimsuits
bikini bikinis trunks wetsuit underwear pajamas pyjamas apron scarf scarves tie bowtie belt gloves shoes boots sneakers
sandals heels socks stockings kimono sari hijab burqa tunic toga cape cloak poncho raincoat tracksuit attire garb gear
outfits tank turtleneck polo leotard tutu veil shawl backpack camouflage fatigues scrubs
denim leather plaid bathing
""".split())  # fmt: skip
HATS = frozenset("""
hat hats cap caps helmet helmets beanie beret bonnet fedora sombrero visor turban headscarf hood
bandana bandanna headdress hardhat tiara crown
""".split())  # fmt: skip
HAIR_COLOURS = {
    "black": "black", "dark": "black", "brown": "brown", "brunette": "brown", "blond": "blond",
    "blonde": "blond", "fair": "blond", "golden": "blond", "red": "red", "ginger": "red", "auburn": "red",
    "grey": "grey", "gray": "grey", "white": "grey", "silver": "grey", "pink": "dyed", "blue": "dyed",
    "green": "dyed", "purple": "dyed", "dyed": "dyed", "orange": "dyed",
}  # fmt: skip
SIMPLE: dict[str, tuple[str, str]] = {
    "glasses": ("glasses", "glasses"), "eyeglasses": ("glasses", "glasses"), "spectacles": ("glasses", "glasses"),
    "bespectacled": ("glasses", "glasses"), "sunglasses": ("glasses", "sunglasses"), "shades": ("glasses", "sunglasses"),
    "beard": ("beard", "beard"), "bearded": ("beard", "beard"), "goatee": ("beard", "goatee"),
    "moustache": ("beard", "moustache"), "mustache": ("beard", "moustache"), "moustached": ("beard", "moustache"),
    "mustached": ("beard", "moustache"), "stubble": ("beard", "stubble"), "unshaven": ("beard", "stubble"),
    "clean-shaven": ("beard", "none"), "shaven": ("beard", "none"),
    "bald": ("hair", "bald"), "balding": ("hair", "bald"), "redhead": ("hair", "red"), "redheaded": ("hair", "red"),
    "red-headed": ("hair", "red"), "blond": ("hair", "blond"), "blonde": ("hair", "blond"),
    "brunette": ("hair", "brown"), "ginger": ("hair", "red"),
    "elderly": ("age", "senior"), "aged": ("age", "senior"), "old": ("age", "senior"), "middle-aged": ("age", "adult"),
    "teenage": ("age", "teenager"), "teenaged": ("age", "teenager"), "adolescent": ("age", "teenager"),
    "adult": ("age", "adult"), "newborn": ("age", "baby"), "infant": ("age", "baby"), "toddler": ("age", "baby"),
    "male": ("sex", "man"), "female": ("sex", "woman"),
    "smiling": ("expression", "smiling"), "laughing": ("expression", "smiling"), "grinning": ("expression", "smiling"),
    "happy": ("expression", "smiling"), "sad": ("expression", "sad"), "crying": ("expression", "sad"),
    "frowning": ("expression", "sad"), "angry": ("expression", "angry"), "surprised": ("expression", "surprised"),
    "serious": ("expression", "neutral"),
    "helmeted": ("hat", "hat"), "hooded": ("hat", "hat"), "bareheaded": ("hat", "none"),
    "ponytail": ("hair_length", "long"), "dreadlocks": ("hair_length", "long"),
    "long-haired": ("hair_length", "long"), "short-haired": ("hair_length", "short"),
    "leftmost": ("position", "left"), "rightmost": ("position", "right"),
    **dict.fromkeys(HATS, ("hat", "hat")),
}  # fmt: skip
PLACES_IN_PICTURE = {
    "left": "left", "right": "right", "middle": "middle", "centre": "middle", "center": "middle",
    "front": "front", "foreground": "front", "back": "back", "background": "back", "rear": "back",
    "top": "top", "bottom": "bottom",
}  # fmt: skip
ANIMALS_AND_THINGS = frozenset("""
dog dogs puppy cat cats kitten duck ducks bird birds bear bears elephant elephants monkey goat goats sheep
deer horse horses animal animals penguin swan lion tiger cow calf stroller carriage carrier bottle pool
swing crib shower food pram doll toy bed seat chair car cars truck band boat house rail fence tower post
dress gown room station made hole hood hunt eating piano s
""".split())  # fmt: skip
"""A person noun directly before one of these is no person: "baby elephant", "guard rail"."""

FILL = frozenset("a an the his her their its very big large small long short dark light bright thick thin old new "
                  "matching striped checkered checked flowered floral plaid patterned colorful colourful full "
                  "bright pale traditional business winter baseball cowboy bike straw knit knitted hard sun "
                  "wide-brimmed reading framed rimmed pair of all long-sleeved short-sleeved sleeveless "
                  "and or two-piece ski hooded blonde blond curly wavy straight braided spiky shoulder-length "
                  "military school wool woolen silk cotton fur fancy some".split())  # fmt: skip
"""Words that may stand inside "in a ... shirt" without ending it."""
AFTER_COLOUR = frozenset(
    "is are was were and or on at with who that jumps runs stands sits walks rides holds plays looks in to from "
    "holding playing riding walking standing sitting running jumping looking talking while as by next near has "
    "kicks throws catches tackles does performs makes takes goes wearing smiles leaning posing being waiting".split()
)
"""What may follow a bare "in red" for it to mean clothes; "in red tents" does not."""


def _entries() -> Iterator[tuple[str, Noun]]:
    for sex, age, role, text in _NOUNS:
        for entry in text.split():
            singular, slash, plural = entry.partition("/")
            if singular.endswith("_"):
                continue
            yield singular, Noun(sex, age, False, role)
            yield plural if slash else singular + "s", Noun(sex, age, True, role)


@cache
def nouns() -> dict[str, Noun]:
    """Person noun, singular or plural, lower case -> what it says."""
    table = dict(reversed(list(_entries())))
    table.pop("", None)
    table["couple"] = Noun(None, "adult", True, False)
    return table


@cache
def garments() -> frozenset[str]:
    """Words that end "in ...", "with ...", "wearing ..." with something seen on a person."""
    return CLOTHES | frozenset(SIMPLE) | {"hair"}
