"""Words that `rules` knows: our own lists of everyday English, kept small on purpose (what it lacks is undecided)."""

from __future__ import annotations

import re


def _set(words: str) -> frozenset[str]:
    return frozenset(words.split())


STOP = _set("""
    a an the this that these those is are was were be been being am do does did done has have had having will
    would can could shall should may might must of to for from with by at as it its he him his she her hers they them
    their we us our you your yours i me my mine there here and or but so then than too also just now very really quite
    well oh who whom whose which what when where why how some any please okay ok user person someone something thing
    one ones look like appear seem see currently about into onto while because if again still yes no not never on in
    out up down off over under it's let's got get um uh er hmm mm ah hey time kind type sort said say word mean means
    called english correct answer""")
PARTICLES = _set("in out up down on off over under left right inside outside")
"""Function words that carry the meaning of a reference which has them."""

FILLERS = _set("""
    okay ok sure alright right hmm hm mm mhm uh um ah oh well yeah yes hello hi hey so great good got it thanks
    thank you please now and go let me think see one moment second wait sec just a of course absolutely no problem fine
    understood noted yep cool""")
YES = _set("yes yeah yep yup correct absolutely definitely certainly sure indeed exactly true affirmative yea")
NO = _set("no nope nah negative incorrect false never")
NEGATORS = _set("not no never without none neither nor nobody nothing nowhere cannot hardly")

PHRASES: tuple[tuple[str, str], ...] = (
    (r"\bwo n't\b|\bwon't\b", "will not"),
    (r"\bcan't\b|\bcannot\b", "can not"),
    (r"n't\b", " not"),
    (r"'re\b", " are"),
    (r"'ll\b", " will"),
    (r"'ve\b", " have"),
    (r"'m\b", " am"),
    (r"'d\b", " would"),
    (r"'s\b|s'(?=\s|$)", " 's"),
    (r"\bgonna\b", "going to"),
    (r"\binhal(?:e|ing|es|ed)\b|\bin ?breath\b", "breathe in"),
    (r"\bexhal(?:e|ing|es|ed)\b|\bout ?breath\b", "breathe out"),
    (r"\b(?:take|draw)(?: in)? (?:a|another|one)(?: \w+)? breath(?: in)?\b", "breathe in"),
    (r"\b(?:let|release|blow|push)(?: \w+){0,3} (?:breath|air)(?: \w+)? out\b", "breathe out"),
    (r"\b(?:let (?:it|that|the air) (?:all )?out|let out (?:a|your|the)(?: \w+)? breath)\b", "breathe out"),
    (r"\bbreathe (?:\w+ly|deep|slow) (in|out)\b", r"breathe \1"),
    (r"\bhalf past (\w+)", r"\1 30"),
    (r"\bquarter past (\w+)", r"\1 15"),
    (r"\bo'?clock\b", ""),
    (r"\bthumbs?[ -]?up\b", "thumbup"),
    (r"\bthumbs?[ -]?down\b", "thumbdown"),
    (r"\b(?:a )?couple(?: of)?\b|\ba pair of\b|\bboth\b", "2"),
    (r"\bhalf a dozen\b", "6"),
    (r"\ba dozen\b", "12"),
    (r"\bthrice\b", "3 times"),
    (r"\btwice\b", "2 times"),
    (r"\bonce\b", "1 times"),
    (r"\b(?:turn|switch)(?:ed|ing|e?s)? (?:\w+ ){0,3}on\b", "switchon"),
    (r"\b(?:turn|switch)(?:ed|ing|e?s)? (?:\w+ ){0,3}off\b", "switchoff"),
    (r"\bstand(?:ing)? up\b|\bgets? up\b|\bgetting up\b", "stand"),
    (r"\bsit(?:ting)? down\b|\btakes? a seat\b", "sit"),
    (r"\b(?:cell|mobile|smart) ?phone\b", "phone"),
    (r"\banti-?clockwise\b|\bcounter-?clockwise\b", "anticlockwise"),
    (r"\bt-?shirt\b|\btee shirt\b", "shirt"),
    (r"\bon top of\b", "on"),
    (r"\b(?:underneath|beneath|below)\b", "under"),
    (r"\bin front of\b", "front"),
    (r"\bnothing\b", "not anything"),
    (r"\b(?:nobody|no one|none)\b", "not anyone"),
)
PATTERNS = tuple((re.compile(pattern), to) for pattern, to in PHRASES)

_SYNONYMS = """
big large huge enormous giant gigantic
small little tiny mini miniature
fast quick rapid swift speedy
happy glad cheerful joyful smiling smile
sad unhappy upset crying
man guy gentleman male father dad
woman lady female mother mum mom
child kid toddler
boy son
girl daughter
baby infant
dog puppy pup doggy
cat kitty feline
couch sofa settee
cup mug
car automobile
bike bicycle
plane airplane aeroplane aircraft jet
phone telephone smartphone cellphone
tv television telly
laptop notebook computer pc
glasses spectacles eyeglasses specs
begin start commence
stop halt end finish quit cease
close shut
hold grip grasp clutch carry
wear dress
talk speak chat
jump hop leap
walk stroll
run jog sprint
throw toss hurl
pick lift raise
look watch gaze stare
rock stone
road street
house home
rubbish trash garbage waste
trousers pants
jumper sweater pullover
hat cap
bag handbag purse
backpack rucksack
picture photo photograph image
drink sip
eat chew munch
write scribble
draw sketch
fix repair mend
sick ill unwell
doctor physician
present gift
film movie
lift elevator
grey gray
purple violet
colour color
centre center middle
front forward forwards ahead
back backward backwards behind
inside indoors
outside outdoors outdoor
above atop
near beside next
water aqua
medicine medication pill tablet meds
buy purchase
ship boat vessel
stove cooker hob
fridge refrigerator
cookie biscuit
crisps chips
wrong mistaken
angry mad furious
tired sleepy exhausted
clap applaud
rotate spin turn twirl
breathe breath breathing
stretch stretching
posture straight upright
remind reminder
rainy rain raining
sunny sunshine sun
snowy snow snowing
airport airfield
bathroom washroom restroom toilet
lamp light
scissors shears
knife blade
pen ballpoint
money cash
job occupation work
taxi cab
lawyer attorney
soccer football
pullups pullup chinup
pushups pushup pressup
taps tapping tap knock
whistle whistling
hello hi greeting greet
goodbye bye farewell
"""

_CLASSES = """
colour: red blue green yellow orange purple pink brown black white grey silver gold beige turquoise
animal: dog cat kitten horse cow pig sheep goat chicken duck bird fish rabbit mouse rat lion tiger bear wolf fox deer
  monkey elephant giraffe zebra snake frog turtle butterfly moth bee spider ant parrot owl shark whale squirrel penguin
food: apple banana orange pear grape lemon strawberry cherry peach pineapple mango tomato potato carrot onion bread
  cheese egg rice pasta pizza burger soup salad cake cookie chocolate sandwich meat steak sausage butter honey
  sugar salt
drink: water coffee tea milk juice beer wine soda lemonade cola
vehicle: car bus truck bike motorcycle train plane ship taxi tram scooter helicopter van tractor
hold: cup bottle glass plate bowl spoon fork knife scissors pen pencil phone book laptop ball key wallet bag umbrella
  remote camera hammer toothbrush comb candle lighter box guitar bell balloon brush toy teddy coin
furniture: chair table couch bed desk shelf lamp mirror door window fridge stove cupboard carpet curtain
clothes: shirt trousers jumper jacket coat dress skirt shoe sock hat scarf glove tie belt glasses watch ring
person: man woman boy girl
day: monday tuesday wednesday thursday friday saturday sunday today tomorrow yesterday
month: january february march april june july august september october november december
season: spring summer autumn winter
weather: sunny rainy snowy cloudy windy foggy
city: paris london berlin rome madrid vienna lisbon athens tokyo beijing moscow amsterdam brussels dublin oslo
country: france germany italy spain england portugal greece japan china russia ireland norway canada mexico brazil india
body: head hand arm leg foot knee elbow shoulder nose ear eye mouth finger thumb chin cheek stomach neck forehead
room: kitchen bathroom bedroom garage garden office hallway balcony basement
print: book newspaper magazine letter map
sport: soccer tennis basketball baseball golf hockey rugby cricket volleyball badminton
instrument: piano violin drum flute trumpet cello harp saxophone
job: doctor nurse teacher lawyer pilot chef firefighter policeman farmer actor engineer plumber
move: walk run jump dance swim crawl sit stand sleep kneel lie climb
gesture: clap wave point nod shake thumbup thumbdown salute shrug snap whistle
shape: circle square triangle rectangle star heart
meal: breakfast lunch dinner
compass: north south east west
planet: mercury venus earth mars jupiter saturn uranus neptune
material: wood metal plastic paper leather cotton wool
order: first third fourth fifth sixth seventh eighth ninth tenth last
language: english french spanish german italian portuguese dutch russian chinese japanese korean arabic
"""

_ANTONYMS = """
open/close on/off in/out up/down left/right hot/cold warm/cold big/small empty/full before/after begin/stop sit/stand
push/pull inside/outside same/different heavy/light fast/slow wet/dry clean/dirty happy/sad young/old tall/short
more/less more/few true/false increase/decrease win/lose buy/sell arrive/leave asleep/awake alive/dead safe/dangerous
long/short high/low near/far front/back above/below early/late easy/difficult loud/quiet rich/poor strong/weak
clockwise/anticlockwise switchon/switchoff thumbup/thumbdown lock/unlock lead/follow accept/refuse pass/fail
day/night morning/evening throw/catch give/take remember/forget rise/fall approach/leave healthy/sick
hello/goodbye right/wrong horizontal/vertical top/bottom love/hate sweet/sour smooth/rough thick/thin
valid/invalid able/unable possible/impossible correct/incorrect safe/unsafe visible/invisible complete/incomplete
appear/disappear agree/disagree legal/illegal plausible/implausible pick/put lift/lower known/unknown like/dislike
"""

IRREGULAR = {
    "men": "man", "women": "woman", "children": "child", "feet": "foot", "teeth": "tooth", "mice": "mouse",
    "held": "hold", "sat": "sit", "stood": "stand", "took": "take", "taken": "take", "ate": "eat", "eaten": "eat",
    "drank": "drink", "went": "go", "gone": "go", "threw": "throw", "thrown": "throw", "caught": "catch",
    "fell": "fall", "fallen": "fall", "wore": "wear", "worn": "wear", "gave": "give", "given": "give", "ran": "run",
    "began": "begin", "begun": "begin", "wrote": "write", "written": "write", "drew": "draw", "drawn": "draw",
    "bought": "buy", "sold": "sell", "slept": "sleep", "lying": "lie", "spoke": "speak", "swam": "swim",
    "knives": "knife", "wives": "wife", "leaves": "leaf", "geese": "goose", "lit": "light", "shook": "shake",
    "drove": "drive", "rode": "ride", "sang": "sing", "sung": "sing", "broke": "break", "broken": "break",
    "sunglasses": "sunglasses", "glasses": "glasses", "less": "less", "minus": "minus", "this": "this", "bus": "bus",
    "yes": "yes", "always": "always", "paris": "paris", "athens": "athens", "brussels": "brussels", "mars": "mars",
    "shelves": "shelf", "fewer": "few", "bigger": "big", "better": "good", "best": "good", "wednesday": "wednesday",
}  # fmt: skip


def stem(word: str) -> str:
    """A word without its ending: enough to find its other forms, no more."""
    if word in IRREGULAR:
        word = IRREGULAR[word]
        return word[:-1] if word.endswith("e") and len(word) > 3 else word
    for ending, rest in (("ies", "y"), ("sses", "ss"), ("shes", "sh"), ("ches", "ch"), ("xes", "x"), ("ing", ""),
                         ("ied", "y"), ("ed", ""), ("ly", ""), ("s", "")):  # fmt: skip
        cut = word.removesuffix(ending)
        if cut == word or len(cut) + len(rest) < 3 or (ending == "s" and cut[-1] in "su") or word.endswith("fly"):
            continue
        word = cut + rest
        if ending in ("ing", "ed") and word[-1] == word[-2] and word[-1] not in "lsz":
            word = word[:-1]
        break
    return word[:-1] if word.endswith("e") and len(word) > 3 else word


def _canonical() -> dict[str, str]:
    table: dict[str, str] = {}
    for line in _SYNONYMS.split("\n"):
        words = line.split()
        for word in words:
            table.setdefault(stem(word), stem(words[0]))
    return table


CANONICAL = _canonical()


def key(word: str) -> str:
    """What stands for `word` and all that means the same."""
    short = stem(word)
    return CANONICAL.get(short, short)


def _classes() -> dict[str, frozenset[str]]:
    table: dict[str, set[str]] = {}
    for block in re.split(r"\n(?! )", _CLASSES.strip()):
        name, words = block.split(":")
        for word in words.split():
            table.setdefault(key(word), set()).add(name)
    return {word: frozenset(names) for word, names in table.items()}


def _opposites() -> dict[str, frozenset[str]]:
    table: dict[str, set[str]] = {}
    for pair in _ANTONYMS.split():
        one, other = (key(word) for word in pair.split("/"))
        table.setdefault(one, set()).add(other)
        table.setdefault(other, set()).add(one)
    return {word: frozenset(others) for word, others in table.items()}


CLASSES = _classes()
"""Kinds of which a thing is only one: another of the same kind is another thing."""
OPPOSITES = _opposites()
