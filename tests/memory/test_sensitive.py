"""How well the list of sensitive words does, on phrases written by the same hand after it."""

from __future__ import annotations

from memory.sensitive import kinds, said_plainly

SENSITIVE = {
    "health": """
        has type 1 diabetes; lives with bipolar disorder; is in chemo for a lymphoma; takes
        antidepressants; was diagnosed with ADHD; is allergic to peanuts; had a miscarriage; uses a
        wheelchair; is recovering from an eating disorder; has long covid; hat Krebs; está
        embarazada; wears a hearing aid; had a knee replaced; is on sertraline""",
    "sexuality": """
        is a lesbian; came out as trans; is bisexual; is non-binary; ist schwul; has an OnlyFans; is
        in a polyamorous relationship; has two husbands""",
    "religion": """
        is a practising Catholic; prays five times a day; converted to Islam; is an atheist; goes to
        synagogue; wears a hijab; keeps kosher; ist evangelisch""",
    "politics": """
        votes for the Greens; is a socialist; campaigned for Trump; is a union member; wählt die
        SPD; marched against the government; is a feminist; ran for the city council""",
    "immigration": """
        is undocumented; waits for asylum; has a work permit; overstayed a visa; is a refugee from
        Syria; got a green card; crossed the border at night""",
    "money": """
        has 30,000 in debts; earns 4,000 euros a month; is unemployed; went bankrupt; owes the
        landlord rent; lost the house; lives on benefits; hat Schulden""",
}
ORDINARY = """
        lives in Lisbon; has a dog called Biscuit; likes oolong tea; works as a carpenter; plays the
        cello; is 34; rides a bicycle to work; has two sisters; speaks Portuguese; moved to Porto in
        May; keeps bees; bakes sourdough; is learning to sail; loves rainy mornings; collects
        stamps; has a birthday in March; prefers mornings; is left-handed; reads science fiction;
        studies physics; is afraid of heights; is tired of winter; writes poems; restores old
        radios; grew up on a farm; has a garden with figs; runs marathons; is called Ana; their
        favourite colour is green; is married; has a cat that hates the vacuum; dreams of Iceland;
        broke a mug; likes the church bells; is a vegetarian; works night shifts; has a red kayak;
        is a nurse; paints watercolours; does not like olives"""


def phrases(text: str) -> list[str]:
    return [" ".join(each.split()) for each in text.split(";")]


def test_the_list_finds_most_of_what_is_sensitive_and_little_else():
    found = [kind in kinds(text) for kind, texts in SENSITIVE.items() for text in phrases(texts)]
    wrong = [text for text in phrases(ORDINARY) if kinds(text)]
    assert sum(found) >= 0.7 * len(found)
    assert len(wrong) <= 2


def test_what_is_asked_or_told_of_others_is_not_said_plainly():
    assert said_plainly("I am gay. Is he a Catholic? Ben has cancer.") == {"sexuality"}
