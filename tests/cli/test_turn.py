"""Why it said that, asked on the command line."""

from __future__ import annotations

import json
import re
from dataclasses import replace

import pytest
from support.brain_script import Fails, calls, replies
from support.cli_seed import HOSTILE
from support.factory import ANA, BEN, ME
from support.harness import Harness, ScriptedBrain
from support.model_brain import model_rig

from bot.brains import make
from bot.errors import TransientBrainError
from memory.db import Database


@pytest.fixture
def talked(cli):
    """Ana said two things to the `rules` brain, Ben one thing that a scripted brain failed at first."""
    (cli.home / "data").mkdir()
    db = Database(f"sqlite:///{cli.home}/data/scrubjay.db")
    db.upgrade()
    harness = Harness(db, cli.home / "data", make("rules"))
    harness.network.set_handle(ANA, "ana.test")
    refs = []
    for text in ("My dog is called Biscuit", f"what is my dog called? {HOSTILE}"):
        refs.append(harness.say(ANA, text))
        harness.work()
        harness.clock.forward(hours=1)
    harness = Harness(
        db, cli.home / "data", ScriptedBrain(TransientBrainError("503")), network=harness.network
    )
    harness.clock.forward(hours=3)
    refs.append(harness.say(BEN, "hello", rkey="3222222222ben"))
    harness.work()
    harness.brain.script = [("remember", {"text": "x" * 400}), ("stay_silent", {"reason": "no need"})]
    harness.clock.forward(hours=1)
    harness.work()
    db.close()
    return cli, [ref.uri for ref in refs]


def test_the_list_shows_the_latest_first_with_what_was_asked_and_said(talked):
    cli, (hello, dog, ben) = talked
    shown = cli("turn", "list").out
    assert [line.strip() for line in shown.splitlines() if line.startswith("  at://")] == [
        ben,
        ben,
        dog,
        hello,
    ]
    assert "My dog is called Biscuit" in shown
    assert "→ (nothing: no need)" in shown
    assert "scripted scripted-1  100 + 20 tokens" in shown
    assert [one["uri"] for one in json.loads(cli("turn", "list", "--json", "-n", "1").out)] == [ben]
    assert {one["did"] for one in json.loads(cli("turn", "list", "--json", "--who", "ana.test").out)} == {ANA}


def test_show_tells_what_was_told_where_it_comes_from_what_was_done_and_said(talked):
    cli, (hello, dog, _) = talked
    shown = cli("turn", "show", dog).out
    for part in (
        "@ana.test (did:plc:ana)",
        "became   answered",
        "Rules of conduct  operator: your program · ",
        "What you know of this person  memory: your own notes of what they said · ",
        "> n1 · 2026-11-22 · has a dog called Biscuit",
        "Where those notes come from",
        f"n1 · said 2026-11-22 12:00Z\n  {hello}",
        "> what is my dog called?",
        "What it did  1 call",
        "→ This will be posted.",
        "Biscuit.",
    ):
        assert part in shown
    assert "Agreement is not politeness" not in shown
    assert "Agreement is not politeness" in cli("turn", "show", dog, "--full").out


def test_show_tells_which_pictures_went_along_and_a_replay_that_they_do_not(cli):
    (cli.home / "data").mkdir()
    db = Database(f"sqlite:///{cli.home}/data/scrubjay.db")
    db.upgrade()
    harness = Harness(db, cli.home / "data", make("rules"))
    harness.worker._services = replace(
        harness.services, options=replace(harness.services.options, vision=True)
    )
    blob = harness.network.upload(ANA, b"\xff\xd8\xff" + b"x" * 1234, "image/jpeg")
    image = {"alt": "a cat", "image": blob}
    ref = harness.say(ANA, "look", embed={"$type": "app.bsky.embed.images", "images": [image]})
    harness.work()
    db.close()
    shown = cli("turn", "show", ref.uri).out
    heading = "Pictures that went along"
    assert f"{heading}\n  image 1 of the post to answer · image/jpeg, 1,237 bytes" in shown
    assert blob["ref"]["$link"] in shown
    again = json.loads(cli("replay", ref.uri, "--json").out)
    assert [len(again[which]["told"]["images"]) for which in ("then", "now")] == [1, 0]
    assert any(line.startswith("pictures are not fetched again") for line in again["differs"])


def test_the_bots_own_answer_may_be_asked_about(talked):
    cli, (_, dog, _) = talked
    (part, *_) = json.loads(cli("mention", "show", dog, "--json").out)["parts"]
    assert part["ref"]["uri"].startswith(f"at://{ME}/")
    assert cli("turn", "show", part["ref"]["uri"]).out == cli("turn", "show", dog).out


def test_each_attempt_is_shown(talked):
    cli, (_, _, ben) = talked
    shown = cli("turn", "show", ben).out
    assert ("attempt 1 of 2" in shown, "attempt 2 of 2" in shown) == (True, True)
    assert "503" in shown
    assert 'remember {"text": "' + "x" * 150 + "…" in shown
    assert re.search(r"\n    ✗ .*the note has 400 characters", shown)
    assert [one["outcome"] for one in json.loads(cli("turn", "show", ben, "--json").out)] == [
        "trouble",
        "silence",
    ]


@pytest.mark.parametrize("command", [("turn", "list"), ("turn", "show"), ("replay",)])
def test_no_strangers_word_acts_on_the_terminal_and_json_is_one_document(talked, command):
    cli, (_, dog, _) = talked
    target = () if command[-1] == "list" else (dog,)
    shown = cli(*command, *target)
    assert shown.code == 0
    assert not {"\x1b", "\u202e", "\x9b"} & {*shown.out}
    assert [line for line in shown.out.splitlines() if line != line.rstrip()] == []
    assert json.loads(cli(*command, *target, "--json").out)


def test_a_forgotten_note_leaves_its_turns_without_words(talked):
    cli, (hello, dog, _) = talked
    assert cli("memory", "forget", "n1", "--yes").code == 0
    for uri in (hello, dog):
        (one,) = json.loads(cli("turn", "show", uri, "--json").out)
        assert (one["erased"], one["told"], one["reply"]) == (True, None, None)
    assert "Its words were erased" in cli("turn", "show", dog).out
    assert "(erased)" in cli("turn", "list").out
    done = cli("replay", dog)
    assert (done.code, done.out) == (1, "")
    assert "its words were erased" in done.err
    assert "Biscuit" not in cli("turn", "list", "--json").out


def test_an_export_holds_the_turns_about_a_person(talked):
    cli, (hello, dog, _) = talked
    held = json.loads(cli("memory", "export", "ana.test").out)
    assert [one["uri"] for one in held["turns"]] == [dog, hello]


# --- replay --------------------------------------------------------------------------------------


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
        (("--all-since", "2026-11-01", "--model", "openai-compatible:x"), 1, "needs SCRUBJAY_MODEL_URL"),
        (("--all-since", "2026-11-01", "--brain", "rules", "--model", "a:b"), 2, "asks no model"),
        (("--all-since", "2026-11-01", "--brain", "none"), 1, "There is no brain"),
        (("--all-since", "2026-11-01", "--persona", "none.md"), 2, "none.md"),
    ],
)
def test_what_cannot_be_replayed_is_told(talked, args, code, said):
    done = talked[0]("replay", *args)
    assert (done.code, done.out) == (code, "")
    assert said in done.err


def test_with_nothing_kept_the_list_says_so(cli):
    assert "No turn is kept yet." in cli("turn", "list").err


# --- persona -------------------------------------------------------------------------------------


def test_check_shows_the_whole_prompt_with_the_tokens_of_each_section(cli):
    shown = cli("persona", "check")
    assert shown.code == 0
    for part in (
        "# Who you are  operator: the persona's file · ",
        "## Voice",
        "> n1 · ",
        "[it shows an image",
    ):
        assert part in shown.out
    told = json.loads(cli("persona", "check", "--json").out)
    assert told["tokens"] == sum(one["tokens"] for one in told["sections"]) + told["tools_tokens"]
    assert (told["name"], told["allowed"], told["advice"]) == ("Scrubjay", 12_000, [])


def test_check_refuses_a_bad_persona_with_every_problem(cli):
    (cli.home / "bad.md").write_text("---\nname:\n---\n# Voice\n", "utf-8")
    done = cli("persona", "check", "bad.md")
    assert (done.code, done.out) == (1, "")
    for problem in (
        "the header has no name",
        "line 4 is a heading",
        "no section `## Voice`",
        "`## Boundaries`",
    ):
        assert problem in done.err


def test_check_advises_what_a_good_persona_has(cli):
    (cli.home / "mine.md").write_text("---\nname: M\n---\n## Voice\na\n## Boundaries\nb\n", "utf-8")
    done = cli("persona", "check", "mine.md")
    assert done.code == 0
    assert "Advice: there is no section `## Examples`." in done.err


def test_show_prints_the_persona_in_use(cli):
    assert cli("persona", "show").out.startswith("Your name is Scrubjay.\n")
    (cli.home / "mine.md").write_text("---\nname: M\n---\n## Voice\na\n## Boundaries\nb\n", "utf-8")
    assert cli("persona", "show", SCRUBJAY_PERSONA_FILE="mine.md").out.startswith("Your name is M.")
    told = json.loads(cli("persona", "show", "mine.md", "--json").out)
    assert (told["name"], told["file"], len(told["digest"])) == ("M", "mine.md", 12)
