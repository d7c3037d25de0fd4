"""Rows of the queue become frozen values, and values become columns. No row leaves storage."""

from __future__ import annotations

import json
from typing import Any

from bot.domain.mention import Command, Entry, Mention, Part, Reason, State, StrongRef


def to_part(row: Any) -> Part:
    return Part(
        index=row.part,
        text=row.text,
        facets=tuple(json.loads(row.facets)),
        rkey=row.rkey,
        record=row.record,
        ref=StrongRef(row.uri, row.cid) if row.uri else None,
        edited_at=row.edited_at,
        withdrawn_at=row.withdrawn_at,
    )


def to_entry(row: Any, parts: tuple[Part, ...]) -> Entry:
    return Entry(
        mention=to_mention(row),
        state=State(row.state),
        why=row.why,
        attempts=row.attempts,
        due_at=row.due_at,
        seen_at=row.seen_at,
        drafted_at=row.drafted_at,
        post_at=row.post_at,
        ended_at=row.ended_at,
        brain=row.brain,
        model=row.model,
        tokens_in=row.tokens_in,
        tokens_out=row.tokens_out,
        cost=row.cost,
        parts=parts,
        merged_into=row.merged_into,
    )


def post_columns(mention: Mention) -> dict[str, Any]:
    """The columns of a mention that come from its post."""
    return {
        "cid": mention.ref.cid,
        "reason": mention.reason,
        "text": mention.text,
        "langs": " ".join(mention.langs),
        "root_uri": mention.root.uri,
        "root_cid": mention.root.cid,
        "parent_uri": mention.parent.uri if mention.parent else None,
        "parent_cid": mention.parent.cid if mention.parent else None,
        "command": mention.command,
        "said_at": mention.said_at,
    }


def to_mention(row: Any) -> Mention:
    return Mention(
        ref=StrongRef(row.uri, row.cid),
        did=row.did,
        reason=Reason(row.reason),
        text=row.text,
        root=StrongRef(row.root_uri, row.root_cid),
        parent=StrongRef(row.parent_uri, row.parent_cid) if row.parent_uri else None,
        said_at=row.said_at,
        langs=tuple(row.langs.split()),
        command=Command(row.command) if row.command else None,
        is_burst=bool(getattr(row, "is_burst", False)),  # only a claim asks for it
    )
