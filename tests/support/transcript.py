"""The README's transcript: an excerpt of what the demo prints, and what of it is the same in every run.

People talk at the same time and the rules brain varies its phrases, so an excerpt goes person by person, and
`stable` puts the first of each phrase's variants for all.
"""

from __future__ import annotations

import os
import re
import subprocess
import sys
import textwrap
from pathlib import Path

from bot.brains.rules import wording
from bot.demo.script import SCRIPT
from bot.wording import answers

NOTICE = answers.text("en", "notice_ask")
README = Path(__file__).parents[2] / "README.md"
MARKED = re.compile(r"<!-- transcript -->\n```\n(.*?)\n```\n<!-- /transcript -->", re.DOTALL)
SHOWN = ("hello", "moved", "secret", "forget", "gone")  # names of posts in the demo's script
REMEMBERED = "lives in Porto"
WIDTH, MARGIN = 110, 12
ENVIRONMENT = {**os.environ, "COLUMNS": "1000"}  # the demo prints each post on a line of its own
PHRASES = (wording.GREETING, wording.KEPT_ANY, wording.CHANGED, wording.RECALL_NOTHING)


def of_readme() -> str:
    """The excerpt as it stands in the README."""
    found = MARKED.search(README.read_text("utf-8"))
    assert found, "the README has no transcript"
    return found[1]


def of_demo() -> str:
    """Run the demo, which takes some 20 seconds, and return the excerpt."""
    command = [sys.executable, "-m", "bot", "demo"]
    demo = subprocess.run(command, capture_output=True, text=True, env=ENVIRONMENT, timeout=200, check=True)
    return excerpt(demo.stdout)


def excerpt(printed: str) -> str:
    """A few lines of `printed`, the output of a demo in this module's environment."""
    rows = re.findall(r"^ *(\S.{0,11}?)  (\S.*?) *$", printed, re.MULTILINE)
    by_name = {scripted.name: scripted for scripted in SCRIPT}
    shown = [row for name in SHOWN for row in _exchange(rows, by_name[name].who, by_name[name].text)]
    return "\n".join([*map(_wrapped, _shortened(shown)), *_remembered(printed), *_verdict(printed)])


def _exchange(rows: list[tuple[str, str]], who: str, text: str) -> list[tuple[str, str]]:
    """What the person said, and the answers before they spoke again."""
    theirs = [(name, said) for name, said in rows if name in {who, f"jay → {who}"}]
    start = theirs.index((who, text))
    following = theirs[start + 1 :]
    end = next((at for at, (name, _) in enumerate(following) if name == who), len(following))
    return [theirs[start], *following[:end]]


def _shortened(rows: list[tuple[str, str]]) -> list[tuple[str, str]]:
    """The notice of a first answer stands in whole once."""
    told = [at for at, (_, text) in enumerate(rows) if NOTICE in text]
    return [
        (name, text.replace(NOTICE, "(…)") if at in told[1:] else text)
        for at, (name, text) in enumerate(rows)
    ]


def _wrapped(row: tuple[str, str]) -> str:
    name, text = row
    lines = textwrap.wrap(text, WIDTH - MARGIN - 2, break_on_hyphens=False)
    return f"{name:>{MARGIN}}  " + f"\n{'':{MARGIN + 2}}".join(lines)


def _remembered(printed: str) -> list[str]:
    (heading,) = re.findall(r"^What it remembers.*$", printed, re.MULTILINE)
    found = re.search(rf"^( +n\d+  {REMEMBERED}.*?) *\n( +at://\S+)", printed, re.MULTILINE)
    assert found
    return ["", heading, found[1], found[2]]


def _verdict(printed: str) -> list[str]:
    return ["", *re.findall(r"^[✓✗] \d+ mentions.*\S", printed, re.MULTILINE)]


def stable(block: str) -> str:
    """The block without what another run may say in another way: numbers, keys, phrases, line breaks."""
    text = " ".join(block.split())
    for pattern in (r"\bn\d+\b", r"at://\S+", r"\d+\.\d+ s\b"):
        text = re.sub(pattern, "#", text)
    for first, *others in PHRASES:
        for other in others:
            text = text.replace(_fixed(other), _fixed(first))
    return text


def _fixed(phrase: str) -> str:
    """What of a phrase stands before its fact. Nobody has a name in the demo."""
    return phrase.replace("{name}", "").partition("{")[0]
