"""Commands about the bot's posts."""

from __future__ import annotations

import json

from support.cli_seed import BOT, REPLY


def test_posts_are_listed_by_whom_they_answer(filled):
    found = json.loads(filled("post", "list", "--who", "iris.test", "--json").out)
    assert [said["part"]["ref"]["uri"] for said in found] == [REPLY]
    assert found[0]["part"]["ref"]["uri"].startswith(f"at://{BOT}/")
