"""Databases of earlier versions, with what stood in them, go on working."""

from __future__ import annotations

import re
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from alembic import command
from alembic.autogenerate import compare_metadata
from alembic.migration import MigrationContext
from sqlalchemy import DateTime, Integer, MetaData, Table, Text, insert, select
from sqlalchemy import text as sql
from support.factory import ANA, BEN, ME, NOW, mention
from support.harness import Harness, ScriptedBrain
from support.queue import LATER, LEASE, accept, claim_next, draft

from bot.domain.events import PostDeleted
from bot.domain.mention import State
from bot.privacy import proof
from bot.storage import jobs, mentions
from bot.storage.jobs import JobKind
from bot.storage.tables import MentionRow, PersonQueueRow, SourceRow, SpendRow
from bot.storage.wakeups import CHANNEL
from memory import schema
from memory.db import Database
from memory.rows import shingles
from memory.rows.passages import key_of
from memory.rules.consolidation import gist
from memory.shingles import of_text
from memory.tables import EPOCH, MICROSECOND, Base, NoteRow, RevisionRow

PAGE = Path(__file__).parents[1] / "docs" / "scale.md"
WORD = "ZEBRAFISH"
EMPTY = {Text: "", Integer: 0, DateTime: NOW}
FIRST, SECOND, THIRD = (f"at://{ANA}/app.bsky.feed.post/3m5z22222222{number}" for number in "345")
ROOT = f"at://{BEN}/app.bsky.feed.post/3222222222222"


@pytest.fixture
def older(db):
    """Brings the database to an earlier version of its schema."""

    def bring(revision):
        with db.write() as tx:
            config = schema.config()
            config.attributes["connection"] = tx
            command.downgrade(config, revision)
        return db

    return bring


def fill(db, table, *, times=1, **values):
    """Add a row to this table as it is now, so many times. What must be set and is not given is empty."""
    with db.write() as tx:
        known = Table(table, MetaData(), autoload_with=tx)
        empty = {
            column.name: next(value for kind, value in EMPTY.items() if isinstance(column.type, kind))
            for column in known.columns
            if not (column.nullable or column.server_default is not None or column.name == "id")
            and column.name not in values
        }
        tx.execute(insert(known), [empty | values] * times)


def fill_mention(db, uri, did=ANA, **values):
    said = {"uri": uri, "did": did, "root_uri": uri, "reason": "mention", "cid": "bafy"}
    fill(db, "mention", **(said | values))


def rows(db, table):
    with db.read() as tx:
        return tx.execute(select(table.__table__)).all()


def places(db):
    return [trace.place for trace in proof.find_in_rows(db, [WORD])]


# --- whatever the version was ----------------------------------------------------------------------


def fill_as_always(db, revision):
    """A person with a note that replaced another, answered mentions, and somebody who wrote `stop`."""
    kept = revision >= "0003"  # from there on the program itself wrote what is filled in
    at = {"said_at": NOW, "written_at": NOW}
    fill(db, "person", did=ANA, handle="ana.test", first_seen=NOW, last_seen=NOW, introduced_at=NOW)
    for number, (uri, text, more) in enumerate(
        [
            (FIRST, "lives in Porto", {"superseded_by": 2, "valid_to": NOW}),
            (SECOND, "lives in Lisbon", {"replaces": 1}),
        ],
        1,
    ):
        at_work = {"gist": gist(text)} if kept else {}
        fill(db, "note", did=ANA, text=text, source_uri=uri, said_by=ANA, **at, **at_work, **more)
        edit = {"op": "remember" if number == 1 else "revise", "after": text, "actor": "rules"}
        edit |= {"replaces": more.get("replaces")} if kept else {}
        fill(db, "revision", did=ANA, note_id=number, source_uri=uri, key=uri, at=NOW, **edit)
        fill_mention(db, uri, state="answered", text=f"she {text}", said_at=NOW, seen_at=NOW, ended_at=NOW)
        posted = {"rkey": f"3l{number}", "uri": f"at://{ME}/app.bsky.feed.post/3l{number}", "cid": "bafy"}
        fill(db, "outbox", mention_uri=uri, text="Noted.", facets="[]", posted_at=NOW, **posted)
    fill(db, "stop", did=BEN, at=NOW)


EARLIER = [f"{number:04}" for number in range(1, int(Database.head()))]
ON_POSTGRES = ("0001",)  # each takes seconds there; tests/test_upgrades.py has all


@pytest.mark.slow
@pytest.mark.parametrize(
    ("db", "revision"),
    [*(("sqlite", each) for each in EARLIER), *(("postgres", each) for each in ON_POSTGRES)],
    indirect=["db"],
)
def test_a_filled_database_of_every_schema_goes_on_working(older, tmp_path, revision):
    db = older(revision)
    fill_as_always(db, revision)
    db.upgrade()
    same = ("remember", {"text": "lives in Lisbon"})
    harness = Harness(db, tmp_path, ScriptedBrain(same, ("reply", {"text": "Noted again."})))
    harness.clock.forward(minutes=20)
    again, stopped = harness.say(ANA, "I live in Lisbon, as I said"), harness.say(BEN, "hi")
    harness.work()
    memory = harness.services.memory
    with db.read() as tx:
        (note,) = memory.recall(tx, ANA).notes
        before = [each.text for each in memory.chain(tx, note.id)]
        past = [(edit.op, edit.replaces) for edit in tx.execute(select(RevisionRow.__table__))]

    assert (harness.outcome(again), harness.outcome(stopped)[0]) == ((State.ANSWERED, None), State.DECLINED)
    assert [post.text for post in harness.replies(again)] == ["Noted again."]  # she was told before
    assert [receipt.uri for receipt in note.receipts] == [SECOND, again.uri]
    assert {(row.text, row.gist) for row in rows(db, NoteRow)} == {(text, gist(text)) for text in before}
    assert (before, past[:2]) == (
        ["lives in Porto", "lives in Lisbon"],
        [("remember", None), ("revise", 1)],
    )
    harness.erase(ANA)
    assert [trace for trace in proof.find_in_rows(db, [ANA, "Lisbon", "Porto"]) if not trace.needed] == []


# --- 0011: the queue of people, and what was spent -------------------------------------------------


def test_who_waited_before_there_was_a_queue_of_people_is_answered(older, tmp_path):
    db = older("0010")
    uris = {did: f"at://{did}/app.bsky.feed.post/3222222222222" for did in (ANA, BEN)}
    for did, uri in uris.items():
        fill_mention(db, uri, did, state="waiting", due_at=NOW, text="hi")
    fill_mention(db, FIRST, state="answered", ended_at=NOW)
    db.upgrade()
    harness = Harness(db, tmp_path)
    refs = [harness.say(did, "hi", rkey="3222222222222", heard=False) for did in uris]
    assert {row.did: row.newcomer for row in rows(db, PersonQueueRow)} == {ANA: False, BEN: True}
    harness.work()
    assert [harness.outcome(ref)[0] for ref in refs] == [State.ANSWERED] * 2


def test_what_was_admitted_on_the_last_day_counts_against_the_limits(older):
    db, now = older("0010"), datetime.now(UTC)
    spent = {"tokens_in": 100, "tokens_out": 20, "cost": 7}
    fill_mention(db, FIRST, state="answered", admitted_at=now - timedelta(hours=1), **spent)
    fill_mention(db, SECOND, state="silent", admitted_at=now - timedelta(hours=1), **(spent | {"cost": None}))
    fill_mention(db, THIRD, state="answered", admitted_at=now - timedelta(days=3), **spent)
    db.upgrade()
    counted = [(row.calls, row.replies, row.tokens_in, row.money, row.person) for row in rows(db, SpendRow)]
    assert sorted(counted) == [(1, 0, 100, 0, ""), (1, 1, 100, 7, "")]


# --- 0013: the shingles of notes -----------------------------------------------------------------


def test_a_note_from_before_there_were_shingles_is_recognised_as_somebodys(older):
    db = older("0012")
    fill(db, "person", did=ANA, first_seen=NOW, last_seen=NOW)
    note = {"text": "keeps eleven tame zebrafish", "source_uri": FIRST, "said_by": ANA}
    fill(db, "note", did=ANA, said_at=NOW, written_at=NOW, **note)
    fill(db, "note", did=ANA, said_at=NOW, written_at=NOW, times=1000, **(note | {"text": ""}))
    fill(db, "note", did=ANA, said_at=NOW, written_at=NOW, **(note | {"text": "has nine old accordions"}))
    db.upgrade()
    with db.read() as tx:
        for text in ("She keeps eleven tame zebrafish!", "She has nine old accordions!"):
            said = of_text(text)
            assert (shingles.others(tx, BEN, said), shingles.others(tx, ANA, said)) == (True, False)


# --- 0014: what answers were made of -------------------------------------------------------------


@pytest.fixture
def answered(older):
    """Three answers repeat a post: one's turn tells so, one's lost its words, one's mention is gone."""
    db = older("0013")
    fill(db, "person", did=ANA, first_seen=NOW, last_seen=NOW)
    for uri in (FIRST, SECOND, THIRD):
        if uri != THIRD:
            fill_mention(db, uri, state="answered", text="hi", ended_at=NOW)
            fill(db, "outbox", mention_uri=uri, text=f"It says {WORD}.", facets="[]")
        said = {
            "text": f"It says {WORD}.",
            "source": uri.removeprefix(f"at://{ANA}/"),
            "key": key_of("answer", uri),
        }
        fill(db, "passage", did=ANA, kind="answer", author="did:plc:jay", stems=b"", at=0, thread=0, **said)
    fill(db, "turn", id=7, uri=FIRST, did=ANA, at=NOW, reply=f"It says {WORD}.", calls="[]", edits="[]")
    for uri in (FIRST, ROOT):
        fill(db, "turn_source", turn_id=7, uri=uri)
    fill(db, "turn", id=8, uri=SECOND, did=ANA, at=NOW)
    db.upgrade()
    return db


def test_the_posts_that_a_turn_was_shown_are_those_of_its_answer(answered):
    listed = {(row.mention_uri, row.uri) for row in rows(answered, SourceRow)}
    assert listed == {(FIRST, FIRST), (FIRST, ROOT), (SECOND, ""), (THIRD, "")}


def test_an_answer_of_which_nobody_knows_what_it_was_made_of_goes_with_whatever_is_forgotten(
    answered, tmp_path
):
    harness = Harness(answered, tmp_path, ScriptedBrain())
    before = places(answered)
    harness.send(PostDeleted, ROOT, BEN, harness.clock())
    assert (set(before), places(answered)) == ({"outbox.text", "passage.text", "turn.reply"}, [])


# --- 0015: hidden threads --------------------------------------------------------------------------


def test_mentions_that_were_to_lose_the_name_of_their_thread_lose_it(older, tmp_path):
    db, thread = older("0014"), {"root_uri": ROOT, "parent_uri": ROOT, "parent_cid": "bafy"}
    fill_mention(db, FIRST, state="answered", answer_forgotten=True, ended_at=NOW, **thread)
    fill_mention(db, SECOND, state="waiting", answer_forgotten=True, due_at=NOW, **thread)
    fill_mention(db, THIRD, state="answered", ended_at=NOW, **thread)
    db.upgrade()
    hidden = {row.uri: row.hidden_root for row in rows(db, MentionRow)}
    named = {row.uri for row in rows(db, MentionRow) if ROOT in {row.root_uri, row.parent_uri}}
    assert (named, bool(hidden[SECOND])) == ({SECOND, THIRD}, True)
    harness = Harness(db, tmp_path)
    harness.send(PostDeleted, SECOND, ANA, harness.clock())
    assert {row.uri for row in rows(db, MentionRow) if row.root_uri == ROOT} == {THIRD}


# --- 0022: indexes -------------------------------------------------------------------------------


@pytest.mark.parametrize("db", ["postgres"], indirect=True)
def test_the_indexes_of_the_page_can_be_made_before_the_upgrade_while_others_write(older):
    db, page = older("0021"), PAGE.read_text("utf-8")
    statements = re.findall(r"^CREATE INDEX CONCURRENTLY .*;$", page, re.MULTILINE)
    with db.engine.connect().execution_options(isolation_level="AUTOCOMMIT") as connection:
        for statement in statements:
            connection.execute(sql(statement))
    db.upgrade()
    with db.read() as tx:
        assert compare_metadata(MigrationContext.configure(tx), Base.metadata) == []
    assert len(statements) == 15


# --- 0023: wakeups -------------------------------------------------------------------------------


@pytest.mark.parametrize("db", ["postgres"], indirect=True)
def test_after_the_upgrade_the_database_tells_what_falls_due_and_no_claim_and_no_renewal(older):
    db, due = older("0022"), NOW + timedelta(microseconds=1)
    db.upgrade()
    with db.engine.connect().execution_options(isolation_level="AUTOCOMMIT") as connection:
        connection.exec_driver_sql(f"LISTEN {CHANNEL}")
        accept(db, mention(1), due_at=due)
        claim = claim_next(db, due)
        with db.write() as tx:
            mentions.renew(tx, claim, due + LEASE)
        post_at = draft(db, claim, "hi", pace=LATER)
        with db.write() as tx:
            jobs.add(tx, JobKind.FORGET, "brain", NOW)
        heard = connection.connection.driver_connection.notifies(timeout=2, stop_after=3)
        told = [notice.payload for notice in heard]
    assert told == [*(str((at - EPOCH) // MICROSECOND) for at in (due, post_at)), ""]


# --- 0025: fresh statistics ----------------------------------------------------------------------


@pytest.mark.parametrize("db", ["postgres"], indirect=True)
def test_after_the_upgrade_the_server_looks_again_after_ten_thousand_changes(older):
    db = older("0024")
    options = sql("SELECT relname, reloptions FROM pg_class WHERE relname IN ('mention', 'person_queue')")
    with db.read() as tx:
        before = dict(tx.execute(options).all())
    db.upgrade()
    with db.read() as tx:
        after = dict(tx.execute(options).all())
    wanted = ["autovacuum_analyze_scale_factor=0", "autovacuum_analyze_threshold=10000"]
    assert (before, after) == (dict.fromkeys(before), dict.fromkeys(before, wanted))
