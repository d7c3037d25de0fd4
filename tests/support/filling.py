"""Rows in every table of a schema, whatever its revision: what its tables are is read from the database.

What people and mentions need to make sense is given here. Every other column gets a value of its type, also
where it may be null, so that a migration that drops or changes one is found out.
"""

from __future__ import annotations

from typing import Any

from sqlalchemy import Boolean, DateTime, Integer, LargeBinary, MetaData, Text, insert, select

from bot.network.pds_rules import record_cid, tid
from memory.rows.passages import key_of
from memory.rules.consolidation import gist
from support.factory import ME, NOW

POST = "app.bsky.feed.post"
MICROS = int(NOW.timestamp()) * 1_000_000
NAME = "@jay.test"
RECORD = {
    "$type": POST,
    "text": f"{NAME} hi",
    "createdAt": NOW.isoformat(),
    "facets": [
        {
            "index": {"byteStart": 0, "byteEnd": len(NAME)},
            "features": [{"$type": "app.bsky.richtext.facet#mention", "did": ME}],
        }
    ],
}
OPEN = dict.fromkeys(("ended_at", "admitted_at", "drafted_at", "post_at", "worker", "why", "brain", "model"))
ENDED = {"due_at": None, "worker": None}
UNSENT = dict.fromkeys(("rkey", "record", "uri", "cid", "posted_at", "withdrawn_at"))


class Filler:
    """The rows that are typical of one revision. `did` is whom they are about; others have mentions, too.

    `open` are the mentions of which an answer is still to come.
    """

    def __init__(self, revision: str) -> None:
        self.revision = revision
        self.number = int(revision)
        self.did, self.late, self.drafted, self.stopped = (
            f"did:plc:{name}{revision}" for name in ("filled", "late", "drafted", "stopped")
        )
        self.answered, self.waiting = self.post(self.did, 1), self.post(self.did, 2)
        self.died, self.draft = self.post(self.late, 3), self.post(self.drafted, 4)
        self.open = (self.waiting, self.died, self.draft)
        self.texts = f"lives in a town of {revision}", f"lives in a city of {revision}"

    def post(self, did: str, count: int) -> str:
        return f"at://{did}/{POST}/{tid(1000 * self.number + count)}"

    def fill(self, db: Any) -> None:
        """Add the rows, in one transaction."""
        with db.write() as tx:
            known = MetaData()
            known.reflect(tx)
            for table in known.sorted_tables:
                for given in self.rows(table.name):
                    row = {column.name: self.value(column) for column in table.columns}
                    tx.execute(insert(table).values(row | {k: v for k, v in given.items() if k in row}))

    def rows(self, table: str) -> list[dict[str, Any]]:
        """What is not any value: a dictionary for each row of the table."""
        if table == "alembic_version":
            return []
        make = getattr(self, f"_{table}", None)
        return make() if make else [{}]

    def value(self, column: Any) -> Any:
        """A value that fits the column."""
        fixed = self.fixed(column.name)
        if fixed is not None and isinstance(fixed, column.type.python_type):
            return fixed
        of_type = {Boolean: False, DateTime: NOW, Integer: self.number, LargeBinary: b""}
        text = {Text: f"{column.table.name}.{column.name} of {self.revision}"}
        return next(value for kind, value in {**of_type, **text}.items() if isinstance(column.type, kind))

    def fixed(self, name: str) -> Any:
        """What a column of this name has in all tables."""
        hexadecimal = f"{self.number:064x}"
        return {
            **dict.fromkeys(("did", "said_by"), self.did),
            **dict.fromkeys(("uri", "mention_uri", "source_uri", "root_uri", "post"), self.answered),
            **dict.fromkeys(("facets", "edits", "calls"), "[]"),
            "statements": "{}",
            **dict.fromkeys(("hash", "salt"), hexadecimal),
            "note_id": 10 * self.number,
        }.get(name)

    # --- tables ----------------------------------------------------------------------------------

    def _person(self) -> list[dict[str, Any]]:
        at = {"status": None, "status_at": None, "told_of_memory": True}
        return [{"did": did, **at} for did in (self.did, self.late, self.drafted)]

    def _mention(self) -> list[dict[str, Any]]:
        rows = [
            {"uri": self.answered, "did": self.did, "state": "answered", **ENDED},
            {"uri": self.waiting, "did": self.did, "state": "waiting", **OPEN},
            {"uri": self.died, "did": self.late, "state": "thinking", **OPEN, "worker": "w"},
            {
                "uri": self.draft,
                "did": self.drafted,
                "state": "drafted",
                **OPEN,
                "drafted_at": NOW,
                "post_at": NOW,
            },
        ]
        rows += [
            {"uri": self.post(self.did, count), "did": self.did, "state": state, **ENDED}
            for count, state in enumerate(("silent", "declined", "expired", "failed"), 5)
        ]
        cid, none = (
            record_cid(RECORD),
            ("parent_uri", "parent_cid", "command", "rev", "retried_at", "hidden_root"),
        )
        same = {"cid": cid, "root_cid": cid, "reason": "mention", "langs": "en", "fence": 1, "attempts": 1}
        same |= {"text": RECORD["text"], "post_failures": 0, **dict.fromkeys(none)}
        return [same | row | {"root_uri": row["uri"]} for row in rows]

    def _note(self) -> list[dict[str, Any]]:
        first = 10 * self.number - 1
        old, new = self.texts
        return [
            {
                "id": first,
                "text": old,
                "superseded_by": first + 1,
                "replaces": None,
                "gist": gist(old),
                "withdrawn_at": None,
            },
            {
                "id": first + 1,
                "text": new,
                "superseded_by": None,
                "replaces": first,
                "gist": gist(new),
                "withdrawn_at": None,
                "valid_to": None,
            },
        ]

    def _passage(self) -> list[dict[str, Any]]:
        same = {
            "source": self.answered.removeprefix(f"at://{self.did}/"),
            "superseded_by": None,
            "valid_to": None,
        }
        same |= {"at": MICROS, "valid_from": MICROS, "emb": None, "emb_model": None, "lang": "en"}
        kinds = {"said": {"note_id": None, "author": None}, "answer": {"note_id": None, "author": ME}}
        kinds |= {"note": {"note_id": 10 * self.number, "author": None}}
        return [
            {**same, **row, "kind": kind, "id": 10 * self.number + count, "key": key_of(kind, self.answered)}
            for count, (kind, row) in enumerate(kinds.items())
        ]

    def _outbox(self) -> list[dict[str, Any]]:
        rkey = tid(1000 * self.number)
        sent = {"rkey": rkey, "uri": f"at://{ME}/{POST}/{rkey}", "record": "{}", "withdrawn_at": None}
        return [
            {"mention_uri": self.answered, "part": 0, "text": "Noted.", **sent},
            {"mention_uri": self.draft, "part": 0, "text": f"Hello from {self.revision}.", **UNSENT},
        ]

    def _person_queue(self) -> list[dict[str, Any]]:
        return [{"did": self.did, "turn_at": NOW}]

    def _revision(self) -> list[dict[str, Any]]:
        return [{"op": "remember", "note_id": 10 * self.number - 1, "before": None, "replaces": None}]

    def _turn(self) -> list[dict[str, Any]]:
        return [{"outcome": "reply", "told": None, "error": None}]

    def _introduction(self) -> list[dict[str, Any]]:
        return [{"mention_uri": self.draft}]

    def _direct_message(self) -> list[dict[str, Any]]:
        return [{"mention_uri": self.draft, "text": None}]

    def _gate(self) -> list[dict[str, Any]]:
        return [{"record": '{"allow": null, "hidden": []}', "post": self.post(self.stopped, 9)}]

    def _errand(self) -> list[dict[str, Any]]:
        return [{"kind": "identity", "subject": self.did}]

    def _erasure_salt(self) -> list[dict[str, Any]]:
        return [{"id": 1}]

    def _wish(self) -> list[dict[str, Any]]:
        return [{"did": self.stopped}]

    _stop = _block = _memory_wish = _denial = _wish

    def _thread_stop(self) -> list[dict[str, Any]]:
        return [{"did": self.stopped, "root_uri": self.post(self.stopped, 9)}]


def read_all(db: Any) -> dict[str, dict[tuple[Any, ...], dict[str, Any]]]:
    """All rows: by table, then by primary key, the values by column."""
    with db.read() as tx:
        known = MetaData()
        known.reflect(tx)
        return {
            table.name: {
                tuple(getattr(row, key.name) for key in table.primary_key): dict(row._mapping)
                for row in tx.execute(select(table))
            }
            for table in known.sorted_tables
            if table.name != "alembic_version"
        }


def losses(before: dict[str, Any], after: dict[str, Any]) -> set[str]:
    """The tables and columns that are gone or have lost a row or a value."""
    found = {
        table for table, rows in before.items() if table not in after or rows.keys() - after[table].keys()
    }
    for table in before.keys() - found:
        for key, row in before[table].items():
            now = after[table][key]
            found |= {
                f"{table}.{name}" for name, value in row.items() if name not in now or now[name] != value
            }
    return found
