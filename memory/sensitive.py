"""Which sensitive kinds a text touches: a list of words, and no more than that. Pure.

The kinds are those of Art. 9 GDPR that people tell of in posts, with immigration and money. docs/memory.md
says how well the list does.
"""

from __future__ import annotations

import unicodedata

import regex

# Beginnings of words, in English, German, French, Spanish and Portuguese; `\b` ends a whole word.
HEALTH = r"""
hiv|aids\b|cancer|c[aâá]ncer|krebs\b|tumou?r|leuk[aæ]?emi|diabet|asthma|epilep|schizophren
|schizofren|bipolar|depress(?:ion|ed|iv|ivo)|depresi[oó]n|depress[aã]o|d[eé]pression|anxiety
|ansiedad|angstst[oö]r|ptsd|adhd|adhs|autis|asperger|dyslex|alzheimer|parkinson|dementia|demenz
|multiple sclerosis|\bms diagnos|chemo|dialysis|insulin|infertil|miscarr|abortion|aborto|avortement
|abtreibung|pregnan|schwanger|enceinte|embaraz|gr[aá]vida|disab(?:led|ility)|behindert|wheelchair
|rollstuhl|anorex|bulimi|eating disorder|self-harm|suicid|suizid|overdos|addict|alcoholi|alcooli
|drogen|rehab\b|therap(?:y|ist|ie)|terapi|psychiat|antidepress|medicat(?:ion|ed)|prescri|diagnos
|disease|syndrom|illness|sick(?:ness)? with|arthrit|migraine|endometrios|crohn|lupus\b|covid|hepatit
|herpes|std\b|sti\b|allerg|erkrank|krank(?:heit)?\b|maladie|enferm|doen[cç]a|surgery|surgeries
|transplant|heart (?:attack|condition)|stroke\b|blind\b|deaf\b|menopaus|hormone|trans surgery"""
SEXUALITY = r"""
gay\b|lesbian|lesb(?:e|isch|ica|iana|ienne)|bisexual|bisexuel|homosexual|homosexuel|homossexual
|schwul|queer|pansexual|asexual|heterosexual|straight (?:man|woman|guy)|lgbt
|trans(?:gender|sexual|geschlecht| (?:man|woman))|\btrans\b|non-?binary|enby|nonbin[aä]r|sexual
|sexuell|polyamor|kink|fetish|bdsm|escort\b|sex work|porn|onlyfans|came out as|closeted|virgin\b
|affair\b|sex life|impoten"""
RELIGION = r"""
christian|christlich|chr[eé]tien|cristian|catholic|katholi|cat[oó]lic|catholique|protestant
|evangelical|baptist\b|methodist|lutheran|orthodox|mormon|jehovah|muslim|moslem|musulm|mu[cç]ulman
|islam|sunni|shia|shiite|ramadan|jewish|j[uü]disch|\bjews?\b|jud[ií]o|judeu|juif|juive|judais|hindu
|buddhis|budis|bouddh|sikh|jain\b|atheis|atheist|ateu\b|ateo\b|ath[eé]e|agnosti|religio|religi[oö]s
|faith\b|church|kirche|[eé]glise|iglesia|igreja|mosque|synagog|prays?\b|praying|baptis(?:ed|m)
|baptized|pagan|wiccan|satanis|scientolog|believes in god|convert(?:ed|s)? to"""
POLITICS = r"""
democrat|republican|conservative|konservativ|liberal\b|libertarian|socialis|sozialist|communis
|kommunist|marxis|anarchis|fascis|faschist|nazi|trump|biden|labour (?:party|voter)|tory\b|tories
|\bafd\b|\bspd\b|\bcdu\b|die gr[uü]nen|green party|left-wing|right-wing|leftist|far-right|far-left
|linksradikal|rechtsradikal|vot(?:e|es|ed|ing) for|w[aä]hlt\b|vota\b|vote pour|activist|aktivist
|trade union|union member|gewerkschaft|sindicat|syndicat|zionis|maga\b|politic|politisch
|polit(?:ik|ique)|pol[ií]tic|party member|parteimitglied|feminist|abolitionist|monarchist"""
IMMIGRATION = r"""
undocumented|illegal immigra|immigra|migrant|asylum|asyl\b|asylbewerb|asile\b|asilo\b|refugee
|fl[uü]chtling|r[eé]fugi|refugiad|visa\b|visum|visto\b|green card|deport|abschieb|expuls
|residence permit|work permit|aufenthalt|overstay|citizenship|naturali[sz]|papers\b|sin papeles
|sans[- ]papiers|ethnic|ethnie"""
MONEY = r"""
debt|schulden|verschuldet|dettes?\b|endett|deuda|d[ií]vida|bankrupt|insolven|insolvent|quiebra
|fal[eê]ncia|salary|salaries|gehalt\b|salaire|salario|sal[aá]rio|earns?\b|verdient|gagne\b|income\b
|einkommen|mortgage|hypothek|hipoteca|foreclos|evict|homeless|obdachlos|broke\b|welfare
|benefits? claim|on benefits|food stamps|hartz|b[uü]rgergeld|savings|inherit|net worth|owes?\b
|loan\b|overdraft|credit (?:card|score)|gambl|unemploy|arbeitslos|ch[oô]mage|desemple|desempreg
|millionaire|\brich\b|\bpoor\b|wealthy|pension\b|[$€£]\s?\d
|\d\s?(?:[$€£]|dollars?\b|euros?\b|pounds a)"""


def _compiled(words: str) -> regex.Pattern[str]:
    return regex.compile(rf"\b(?:{words.replace(chr(10), '')})", regex.IGNORECASE)


KINDS = {
    "health": _compiled(HEALTH),
    "sexuality": _compiled(SEXUALITY),
    "religion": _compiled(RELIGION),
    "politics": _compiled(POLITICS),
    "immigration": _compiled(IMMIGRATION),
    "money": _compiled(MONEY),
}
SENTENCE = regex.compile(r"[^.!?\n…。]+[.!?\n…。]*")
QUESTION = regex.compile(r"[?？]\s*$")  # noqa: RUF001 - Chinese and Japanese
LATIN = regex.compile(r"\p{Latin}")
ME = regex.compile(
    r"\b(?:i|i['\u2019]m|im|i['\u2019]ve|i['\u2019]d|me|my|mine|myself|we|our|us|ich|mir|mich"
    r"|mein\w*|wir|unser\w*|je|j['\u2019]\w+|moi|mon|ma|mes"
    r"|suis|yo|mi|mis|me|soy|estoy|tengo|eu|meu|minha|sou|estou|tenho|fui|io|sono|ho|mio|mia|ik"
    r"|mijn|heb)\b",
    regex.IGNORECASE,
)


def kinds(text: str) -> frozenset[str]:
    """The kinds that the text touches."""
    plain = unicodedata.normalize("NFKC", text)
    return frozenset(kind for kind, pattern in KINDS.items() if pattern.search(plain))


def said_plainly(text: str) -> frozenset[str]:
    """The kinds of which the text tells something: in the first person, and not as a question."""
    sentences = SENTENCE.findall(unicodedata.normalize("NFKC", text))
    own = (
        each
        for each in sentences
        if not QUESTION.search(each) and (ME.search(each) or not LATIN.search(each))
    )
    return frozenset(kind for each in own for kind in kinds(each))
