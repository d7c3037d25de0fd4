from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime

from bot.storage import sessions

NOW = datetime(2026, 11, 22, tzinfo=UTC)


def test_the_last_session_of_each_account_is_kept(db):
    with db.write() as tx:
        assert sessions.load(tx, "jay.test") is None
        sessions.save(tx, "jay.test", "first", NOW)
        sessions.save(tx, "wren.test", "other", NOW)
        sessions.save(tx, "jay.test", "second", NOW)
    with db.read() as tx:
        assert (sessions.load(tx, "jay.test"), sessions.load(tx, "wren.test")) == ("second", "other")


def test_workers_that_start_at_once_may_all_keep_a_session(db):
    def keep(number):
        with db.write() as tx:
            sessions.save(tx, "jay.test", f"session {number}", NOW)

    with ThreadPoolExecutor(4) as workers:
        list(workers.map(keep, range(40)))

    with db.read() as tx:
        assert sessions.load(tx, "jay.test").startswith("session ")
