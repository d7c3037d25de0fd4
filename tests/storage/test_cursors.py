from __future__ import annotations

from contextlib import suppress
from datetime import timedelta

from support.factory import NOW, mention

from bot.storage import cursors, mentions, views


def test_cursors_are_of_every_host_and_the_one_that_was_moved_last_is_first(db):
    with db.write() as tx:
        for minute, (host, seq) in enumerate([("a", 1), ("b", 900), ("c", 5), ("a", 2)]):
            cursors.move(tx, host, seq, NOW + timedelta(minutes=minute))
    with db.read() as tx:
        assert list(cursors.latest_first(tx).items()) == [("a", 2), ("c", 5), ("b", 900)]


def test_the_cursor_moves_in_the_transaction_that_accepts(db):
    with suppress(ZeroDivisionError), db.write() as tx:
        mentions.accept(tx, mention(1), now=NOW, due_at=NOW)
        cursors.move(tx, "host", 31_527_015_322, 1 / 0)

    with db.read() as tx:
        assert (cursors.get(tx, "host"), views.entries(tx)) == (None, ())


def test_cursors_are_kept_per_host(db):
    with db.write() as tx:
        cursors.move(tx, "a", 1, NOW)
        cursors.move(tx, "b", 31_527_015_322, NOW)
        cursors.move(tx, "a", 2, NOW)

    with db.read() as tx:
        assert (cursors.get(tx, "a"), cursors.get(tx, "b")) == (2, 31_527_015_322)
