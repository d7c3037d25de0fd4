"""The command that asks a brain again."""

from __future__ import annotations

import json
import re

import pytest
from support.brain_script import Fails, calls, replies
from support.model_brain import model_rig


@pytest.mark.slow
def test_a_replay_shows_then_and_now_side_by_side_and_what_was_alike(talked):
    cli, (hello, *_) = talked
    shown = cli("replay", hello).out
    assert shown.startswith("same      2026-11-22 12:00Z")
    says = next(line for line in shown.splitlines() if line.startswith("says"))
    assert says.count("Biscuit") == 2
    assert "Alike for both" in shown
    assert "the brain (rules)" in shown
    assert "Not alike" in shown


def test_a_replay_in_json_has_both_turns_and_tells_whether_it_changed(talked):
    cli, (hello, *_) = talked
    (cli.home / "heron.md").write_text(
        "---\nname: Heron\n---\nA heron.\n## Voice\nlong\n## Boundaries\nfew\n", "utf-8"
    )
    done = json.loads(cli("replay", hello, "--persona", "heron.md", "--json").out)
    assert (done["uri"], done["changed"]) == (hello, False)
    assert done["now"]["told"]["sections"][0]["text"].startswith("Your name is Heron.")
    assert done["then"]["persona"] != done["now"]["persona"]
    assert [call["name"] for call in done["now"]["calls"]] == ["remember", "reply"]


def test_many_turns_are_thought_again_with_their_sums(talked):
    cli, (hello, dog, ben) = talked
    done = json.loads(cli("replay", "--all-since", "2026-11-01", "--brain", "rules", "--json").out)
    assert [one["uri"] for one in done["turns"]] == [ben, dog, hello]
    assert done["changed"] == 1
    assert done["then"] == {"tokens_in": 100, "tokens_out": 20, "cost": done["then"]["cost"]}
    assert done["now"]["tokens_in"] == 0
    shown = cli("replay", "--all-since", "2026-11-01", "--brain", "rules").out
    assert "1 of 3 came out differently\n  then 100 tokens in, 20 out" in shown


@pytest.mark.slow
@pytest.mark.parametrize("which", [(), ("--brain", "model")], ids=["implied", "named"])
def test_a_replay_asks_another_model_and_shows_what_it_said_and_took(talked, which):
    cli, (hello, *_) = talked
    with model_rig() as rig:
        script = calls("remember", {"text": "has a dog"}), replies("Woof.")
        asked = ("replay", hello, *which, "--model", "openai-compatible:double")
        where = {"SCRUBJAY_MODEL_URL": f"{rig.server.url}/v1"}
        rig.script(*script)
        shown = cli(*asked, **where)
        rig.script(*script)
        done = json.loads(cli(*asked, "--json", **where).out)
    assert "My dog is called Biscuit" in rig.requests[0]
    lines = {line.split()[0]: line.split() for line in shown.out.splitlines() if line[:1].isalpha()}
    assert lines["brain"] == ["brain", "rules", "model", "openai-compatible:double"]
    assert lines["tokens"] == ["tokens", "0", "in,", "0", "out", "200", "in,", "40", "out"]
    assert lines["cost"] == ["cost", "price", "unknown"]
    assert (lines["says"][-1], lines["changed"][0]) == ("Woof.", "changed")
    assert "the model: none then, openai-compatible:double now" in shown.out
    assert (done["now"]["reply"], done["now"]["cost"]) == ("Woof.", None)
    assert [edit["text"] for edit in done["now"]["edits"]] == ["has a dog"]


@pytest.mark.slow
def test_a_replay_with_a_model_that_fails_shows_why(talked):
    cli, (hello, *_) = talked
    with model_rig() as rig:
        rig.script(Fails(401))
        asked = ("replay", hello, "--model", "openai-compatible:double")
        shown = cli(*asked, SCRUBJAY_MODEL_URL=f"{rig.server.url}/v1").out
    assert re.search("outcome +reply +trouble", shown)
    assert "check SCRUBJAY_MODEL_KEY (HTTP 401)" in shown


def test_a_sum_with_an_unknown_price_is_unknown(talked):
    cli, _ = talked
    with model_rig() as rig:
        rig.script(replies("Woof."))
        asked = ("replay", "--all-since", "2026-11-01", "--model", "openai-compatible:double", "-n", "2")
        where = {"SCRUBJAY_MODEL_URL": f"{rig.server.url}/v1"}
        done, shown = json.loads(cli(*asked, "--json", **where).out), cli(*asked, **where)
    assert (done["then"]["cost"], done["now"]["cost"], done["now"]["tokens_in"]) == (0, None, 100)
    assert "now  100 tokens in, 20 out · price unknown" in shown.out
    assert "Only the last 2 turns are looked at" in shown.err


def test_a_replay_leaves_the_database_as_it_was(talked):
    cli, _ = talked
    before = (
        cli("memory", "export", "ana.test").out,
        cli("turn", "list", "--json").out,
        cli("post", "list").out,
    )
    cli("replay", "--all-since", "2026-11-01", "--brain", "rules")
    assert (
        cli("memory", "export", "ana.test").out, cli("turn", "list", "--json").out, cli("post", "list").out
    ) == before  # fmt: skip


@pytest.mark.parametrize(
    ("args", "code", "said"),
    [
        ((), 2, "Name one mention"),
        (("at://did:plc:ana/app.bsky.feed.post/3k", "--all-since", "7d"), 2, "Name one mention"),
        (("--all-since", "yesterday"), 2, "Examples: 2026-11-01, 7d, 12h"),
        (("--all-since", "2126-11-01"), 0, "No turn is kept since then"),
        (("at://did:plc:ana/app.bsky.feed.post/3k",), 1, "There is no turn over"),
        (("--all-since", "2026-11-01", "--model", "openai-compatible:x"), 78, "needs SCRUBJAY_MODEL_URL"),
        (("--all-since", "2026-11-01", "--brain", "rules", "--model", "a:b"), 2, "asks no model"),
        (("--all-since", "2026-11-01", "--brain", "none"), 78, "There is no brain"),
        (("--all-since", "2026-11-01", "--persona", "none.md"), 2, "none.md"),
    ],
)
def test_what_cannot_be_replayed_is_told(talked, args, code, said):
    done = talked[0]("replay", *args)
    assert (done.code, done.out) == (code, "")
    assert said in done.err
