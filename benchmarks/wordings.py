"""Measures which wordings of commands code understands: `python -m benchmarks.wordings --json`.

Without `--data` it reads the table of the tests, by language, and tells under `unseen` of the wordings that
nobody saw who wrote the patterns. `--data FILE.json` has the form
{command: [texts], "nothing": [texts]}; a text's language is then the one in which it is understood, else the
one that is detected. A doubtful wish to forget counts as understood, for the bot asks back. The exit code is
1 if a text of `nothing` is taken for a command. `--missed` lists the texts that were not understood.
"""

from __future__ import annotations

import argparse
import json
import sys
import tomllib
from collections import Counter, defaultdict
from pathlib import Path
from typing import TYPE_CHECKING

from bot.domain.mention import Command
from bot.wording.detection import detect
from bot.wording.parse import understand

if TYPE_CHECKING:
    from collections.abc import Iterator

DATA = Path(__file__).parents[1] / "tests" / "data"
TABLE, UNSEEN = DATA / "wordings.toml", DATA / "wordings_unseen.toml"
NOTHING = "nothing"
ALSO = {  # other commands that are right as well
    "stop": {Command.FORGET_AND_STOP},
    "forget": {Command.MAY_FORGET, Command.FORGET_AND_STOP, Command.FORGET_AND_REFUSE},
    "consent": {Command.REFUSE, Command.REMEMBER},
}
ANSWERS = {Command.YES, Command.NO}  # commands only as the answer to a question of the bot


def texts(data: Path) -> Iterator[tuple[str | None, str, str]]:
    """Language (None: not told), name of the command, text."""
    if data.suffix == ".json":
        for name, said in json.loads(data.read_text("utf-8")).items():
            yield from ((None, name, text) for text in said)
        return
    for lang, commands in tomllib.loads(data.read_text("utf-8")).items():
        for name, said in commands.items():
            yield from ((lang, name, text) for text in said)


def is_right(name: str, command: Command | None) -> bool:
    if name == NOTHING:
        return command is None or command in ANSWERS
    exact = {Command[name.upper()]} if name.upper() in Command.__members__ else set()
    return command in exact | ALSO.get(name, set())


def measure(data: Path) -> tuple[dict[str, object], list[tuple[str, str, str, str]]]:
    """The shares that are understood, and the texts that are not: (language, name, text, taken for)."""
    seen, right, missed = defaultdict(Counter[str]), defaultdict(Counter[str]), []
    for lang, name, text in texts(data):
        understood = understand(text)
        command = understood.command if understood else None
        where = lang or (understood.langs[0] if understood else detect(text))
        seen[where][name] += 1
        right[where][name] += is_right(name, command)
        if not is_right(name, command):
            missed.append((where, name, text, str(command)))
    told = sum((seen[lang] for lang in seen), Counter())
    good = sum((right[lang] for lang in right), Counter())
    wishes = sum(count for name, count in told.items() if name != NOTHING)
    report = {
        "texts": told.total(),
        "understood": _share(sum(count for name, count in good.items() if name != NOTHING), wishes),
        "false_alarms": told[NOTHING] - good[NOTHING],
        "by_command": {name: _share(good[name], told[name]) for name in told},
        "by_language": {
            lang: {name: _share(right[lang][name], seen[lang][name]) for name in seen[lang]}
            for lang in sorted(seen)
        },
    }
    return report, missed


def _share(part: int, whole: int) -> float:
    return round(part / whole, 3) if whole else 1.0


def main() -> int:
    options = argparse.ArgumentParser(description=__doc__)
    options.add_argument("--json", action="store_true")
    options.add_argument("--data", type=Path)
    options.add_argument("--missed", action="store_true")
    chosen = options.parse_args()
    report, missed = measure(chosen.data or TABLE)
    if chosen.data is None:
        report["unseen"], unseen = measure(UNSEEN)
        missed += unseen
    if chosen.json:
        print(json.dumps(report, ensure_ascii=False))
    else:
        for name, value in report.items():
            print(f"{name}: {value}")
    for line in missed if chosen.missed else ():
        print(*line, sep="\t", file=sys.stderr)
    return 1 if report["false_alarms"] else 0


if __name__ == "__main__":
    sys.exit(main())
