"""What is left of a mention and its answer when their words are erased."""

from __future__ import annotations

from datetime import timedelta

import pytest
from sqlalchemy import select
from support.factory import ANA, NOW, mention
from support.queue import accept, claim_next

from bot.domain.mention import Part, State, StrongRef
from bot.storage import edits, outbox, outcomes, redaction
from bot.storage.tables import MentionRow, OutboxRow

LATER = NOW + timedelta(days=1)
WAYS = {
    "its time is over": lambda tx, uri: redaction.erase_texts(tx, LATER),
    "what it was made of is erased": lambda tx, uri: redaction.erase_answers(tx, [uri]),
    "its author is forgotten": lambda tx, uri: redaction.anonymize(tx, [uri], lambda _: "forgotten:1"),
    "its author deleted it": lambda tx, uri: edits.retract(tx, uri, "deleted", LATER),
}
each_way = pytest.mark.parametrize("erase", WAYS.values(), ids=WAYS)


def rows(tx, table):
    return [dict(row) for row in tx.execute(select(table.__table__)).mappings()]


@each_way
def test_why_a_brain_stayed_silent_goes_with_the_words(db, erase):
    accept(db, mention(1))
    claim = claim_next(db)
    with db.write() as tx:
        outcomes.finish(tx, claim, State.SILENT, "they told of zanzibar", NOW)
        erase(tx, mention(1).uri)
        (left,) = rows(tx, MentionRow)

    assert (left["state"], left["why"]) == (State.SILENT, None)


@each_way
def test_why_the_program_declined_stays(db, erase):
    accept(db, mention(1))
    claim = claim_next(db)
    with db.write() as tx:
        outcomes.finish(tx, claim, State.DECLINED, "person hour limit", NOW)
        erase(tx, mention(1).uri)
        (left,) = rows(tx, MentionRow)

    assert (left["state"], left["why"]) == (State.DECLINED, "person hour limit")


@pytest.mark.parametrize("way", ["its time is over", "what it was made of is erased"])
def test_of_an_answer_that_stands_is_left_where_and_when(db, way):
    accept(db, mention(1))
    ref = StrongRef("at://did:plc:me/app.bsky.feed.post/a", "cid")
    part = Part(0, "hi from zanzibar", ({"zanzibar": 1},), "a", '{"text": "zanzibar"}', ref)
    with db.write() as tx:
        outbox.draft_at_once(tx, mention(1).uri, [part], NOW)
    claim = claim_next(db)
    with db.write() as tx:
        outbox.fix_record(tx, claim, part)
        outbox.mark_posted(tx, claim, part, NOW)
        outcomes.finish(tx, claim, State.ANSWERED, None, NOW)
        WAYS[way](tx, mention(1).uri)
        (left,) = rows(tx, OutboxRow)

    kept = {"mention_uri": mention(1).uri, "part": 0, "rkey": "a", "uri": ref.uri, "posted_at": NOW}
    assert {name: left[name] for name in kept} == kept
    assert "zanzibar" not in str(left)


def test_an_anonymous_mention_names_nobody_and_no_post(db):
    accept(db, mention(1), mention(2))
    claim_next(db)
    with db.write() as tx:
        outcomes.decline_all(tx, [mention(1).uri, mention(2).uri], "forgotten", NOW)
        redaction.anonymize(tx, [mention(1).uri, mention(2).uri], lambda uri: f"forgotten:{uri[-1]}")
        left = rows(tx, MentionRow)

    assert [row["did"] == row["uri"] != "" for row in left] == [True, True]
    assert not any(ANA in str(row) or "at://" in str(row) for row in left)
