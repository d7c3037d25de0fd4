"""A version finds the schema of a later one: it runs on if the schema says so, and else it says why not."""

from __future__ import annotations

import pytest
from sqlalchemy import text
from support.factory import ANA, BEN
from support.harness import Harness
from support.next_version import after, next_version

from bot import factory
from bot.cli.exits import Exit, told
from bot.config.settings import load
from bot.domain.mention import State
from memory import schema
from memory.errors import SchemaNewer, SchemaOlder

HEAD = schema.head()
OLDEST = schema._oldest(schema._scripts())
OLDER, NEWER = after(HEAD, -1), after(HEAD)


def upgraded(db, folder, *oldest):
    """The database after a later version was started on it."""
    with next_version(folder, *oldest):
        db.upgrade()
    return db


def programs(db):
    with db.read() as tx:
        return tx.scalar(schema.READ)


def test_a_schema_that_says_so_is_run_on_and_left_as_it_is(db, tmp_path):
    upgraded(db, tmp_path, HEAD).upgrade()
    db.require_current()
    revisions = db.check()
    assert (revisions, revisions.fit) == ((NEWER, HEAD), True)


@pytest.mark.slow
def test_both_versions_answer_side_by_side_while_the_schema_is_upgraded_beneath_the_older(db, tmp_path):
    older = Harness(db, tmp_path)
    refs = [older.say(ANA, "hi")]
    older.work()
    upgraded(db, tmp_path, HEAD)
    refs += [older.say(ANA, "again"), older.say(BEN, "hi")]
    older.work()
    with next_version(tmp_path, HEAD):
        newer = Harness(db, tmp_path, network=older.network)
        newer._seq = 100
        newer.clock.forward(minutes=1)
        refs.append(newer.say(ANA, "and to the newer one?"))
        newer.work()
    assert [newer.outcome(ref)[0] for ref in refs] == [State.ANSWERED] * 4


@pytest.mark.parametrize("said", [NEWER, None])
def test_a_schema_that_does_not_is_refused_and_left_as_it_is(db, tmp_path, said):
    upgraded(db, tmp_path, said)
    for attempt in (db.upgrade, db.check, db.require_current):
        with pytest.raises(SchemaNewer, match=f"newer scrubjay.*{NEWER}.*{HEAD}"):
            attempt()
    with next_version(tmp_path, said):
        assert db.check() == (NEWER, NEWER)


def test_what_one_migration_needs_those_after_it_need_as_well(db, tmp_path):
    upgraded(db, tmp_path, NEWER, HEAD)
    with pytest.raises(SchemaNewer):
        db.check()


def test_two_migrations_that_both_let_it_run_let_it_run(db, tmp_path):
    upgraded(db, tmp_path, HEAD, HEAD)
    assert (db.check().fit, programs(db)) == (True, f"{HEAD}-{after(HEAD, 2)}")


def test_what_was_said_of_another_revision_does_not_count(db, tmp_path):
    upgraded(db, tmp_path, HEAD)
    with db.write() as tx:
        tx.execute(text("UPDATE alembic_version SET version_num = '9999'"))
    with pytest.raises(SchemaNewer, match="9999"):
        db.check()


def test_a_schema_from_before_anything_was_said_is_upgraded_and_says_it(db, tmp_path):
    assert programs(db) == f"{OLDEST}-{HEAD}"
    with next_version(tmp_path, HEAD):
        with pytest.raises(SchemaOlder):
            db.require_current()
        db.upgrade()
        db.require_current()
    assert programs(db) == f"{HEAD}-{NEWER}"


def test_every_migration_that_lets_older_programs_run_names_one_that_can_tell():
    """From 0023 on the column is there; an older program refuses whatever is said."""
    said = {
        script.revision: script.module.oldest
        for script in schema._scripts().walk_revisions()
        if hasattr(script.module, "oldest")
    }
    assert all("0023" <= oldest < revision for revision, oldest in said.items()), said


@pytest.mark.parametrize("db", ["postgres"], indirect=True)
def test_a_daemon_says_that_the_schema_is_newer_and_starts(db, tmp_path, capsys):
    upgraded(db, tmp_path, HEAD)
    url = db.engine.url.render_as_string(hide_password=False)
    opened, claim = factory.claim_database(
        load({"SCRUBJAY_DATABASE_URL": url, "SCRUBJAY_DATA_DIR": str(tmp_path / "data")})
    )
    opened.close()
    claim.close()
    assert "app.schema_newer" in capsys.readouterr().out


def test_a_daemon_that_may_not_start_is_not_started_again_by_systemd():
    assert told(SchemaNewer(NEWER), "newer").exit_code == Exit.CONFIGURATION
