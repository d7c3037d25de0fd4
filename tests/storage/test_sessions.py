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
