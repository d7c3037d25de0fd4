from __future__ import annotations

import tomllib
from datetime import time, timedelta
from pathlib import Path
from zoneinfo import ZoneInfo

import pytest
from sqlalchemy.engine import make_url

from bot.config.loading import example_toml
from bot.config.settings import Settings, load, table
from bot.domain.hours import WEEKDAYS, Hours
from bot.errors import SettingsError

SECRET = "hunter2-canary"


def problems(tmp_path: Path, env: dict[str, str], toml: str = "", dotenv: str = "") -> tuple[str, ...]:
    (tmp_path / "scrubjay.toml").write_text(toml)
    (tmp_path / ".env").write_text(dotenv)
    with pytest.raises(SettingsError) as caught:
        load(env, home=tmp_path)
    return caught.value.args


BAD = [
    ("SCRUBJAY_HANDLE", "iris", "should be a handle", "SCRUBJAY_HANDLE=scrubjay.bsky.social"),
    ("SCRUBJAY_HANDLE", "did:plc:ewvi7nxzyoun6zhxrhs64oiz", "should be a handle", "SCRUBJAY_HANDLE="),
    ("SCRUBJAY_PDS_URL", "bsky.social", "begins with https://", "SCRUBJAY_PDS_URL=https://"),
    ("SCRUBJAY_FIREHOSE_URL", "https://bsky.network", "begins with wss://", "SCRUBJAY_FIREHOSE_URL=wss://"),
    ("SCRUBJAY_SOURCE", "replay:", "should be jetstream, firehose, or replay:", "SCRUBJAY_SOURCE=firehose"),
    ("SCRUBJAY_JETSTREAM_URL", "wss://a.test,b.test", "begins with wss://", "SCRUBJAY_JETSTREAM_URL=wss://"),
    ("SCRUBJAY_FIREHOSE_START", "yesterday", "should be 'now' or 'oldest'", "SCRUBJAY_FIREHOSE_START=oldest"),
    ("SCRUBJAY_SPACING", "soon", "should be a valid number", "SCRUBJAY_SPACING=5.0"),
    ("SCRUBJAY_SPACING", "-1", "greater than or equal to 0", "SCRUBJAY_SPACING=5.0"),
    ("SCRUBJAY_SPACING", "nan", "finite", "SCRUBJAY_SPACING=5.0"),
    ("SCRUBJAY_ACTIVE_HOURS", "8-9", "should be two times", "SCRUBJAY_ACTIVE_HOURS=08:00-23:00"),
    ("SCRUBJAY_ACTIVE_HOURS", "08:00-08:59", "an hour or more", "SCRUBJAY_ACTIVE_HOURS=08:00-23:00"),
    ("SCRUBJAY_TIME_ZONE", "Mars/Olympus", "should be a time zone", "SCRUBJAY_TIME_ZONE=Europe/Vienna"),
    ("SCRUBJAY_TIME_ZONE", "../etc/passwd", "should be a time zone", "SCRUBJAY_TIME_ZONE=Europe/Vienna"),
    ("SCRUBJAY_QUIET_DAYS", "funday", "should be weekdays", "SCRUBJAY_QUIET_DAYS=sunday"),
    ("SCRUBJAY_QUIET_DAYS", "02-30", "should be weekdays", "SCRUBJAY_QUIET_DAYS=sunday"),
    ("SCRUBJAY_TEMPO", "slow", "should be 'human', 'brisk' or 'at once'", "SCRUBJAY_TEMPO=brisk"),
    ("SCRUBJAY_MAX_AGE", "1e300", "less than or equal", "SCRUBJAY_MAX_AGE=86400.0"),
    ("SCRUBJAY_LEASE", "0", "greater than 0", "SCRUBJAY_LEASE=30.0"),
    ("SCRUBJAY_WORKERS", "0", "greater than or equal to 1", "SCRUBJAY_WORKERS=2"),
    ("SCRUBJAY_PER_HOUR", "2.5", "should be a valid integer", "SCRUBJAY_PER_HOUR=60"),
    ("SCRUBJAY_ALLOWED_BOTS", "alice.test", "should be DIDs", "SCRUBJAY_ALLOWED_BOTS=did:plc:"),
    (
        "SCRUBJAY_LINK_HOSTS",
        "https://bsky.app",
        "bare host names",
        "SCRUBJAY_LINK_HOSTS=bsky.app,example.org",
    ),
    ("SCRUBJAY_LOG_LEVEL", "loud", "should be 'debug'", "SCRUBJAY_LOG_LEVEL=debug"),
    ("SCRUBJAY_HANDEL", "a.test", "is no setting", "Did you mean SCRUBJAY_HANDLE?"),
    ("SCRUBJAY_PASSWORD_FILE", "/nowhere/at/all", "No such file", "SCRUBJAY_PASSWORD_FILE=/run/secrets/"),
    ("SCRUBJAY_SECRETS_DIR", "/nowhere", "there is no directory", "SCRUBJAY_SECRETS_DIR=/run/secrets"),
    ("SCRUBJAY_CONFIG", "/nowhere.toml", "there is no file", "SCRUBJAY_CONFIG=/etc/scrubjay/scrubjay.toml"),
]


@pytest.mark.parametrize(("name", "value", "problem", "example"), BAD)
def test_a_bad_variable_is_told_with_its_name_its_problem_and_an_example(
    tmp_path, name, value, problem, example
):
    (line,) = problems(tmp_path, {name: value})
    assert line.startswith(name)
    assert problem in line
    assert example in line


@pytest.mark.parametrize(
    ("toml", "said"),
    [
        ('spacing = "soon"', "spacing = 'soon' in scrubjay.toml should be a valid number"),
        ("handle = 5", "handle = 5 in scrubjay.toml should be a valid string"),
        ('link_hosts = ["a b"]', 'Example: link_hosts = ["bsky.app", "example.org"]'),
        ('handel = "a.test"', "handel in scrubjay.toml is no setting. Did you mean handle?"),
        ("[limits]\nper_hour = 3", "limits in scrubjay.toml is no setting."),
    ],
)
def test_a_bad_line_of_the_toml_is_told_as_it_is_written_there(tmp_path, toml, said):
    (line,) = problems(tmp_path, {}, toml)
    assert said in line


def test_a_file_that_is_no_toml_is_told_with_its_line(tmp_path):
    (line,) = problems(tmp_path, {}, "spacing 5")
    assert "scrubjay.toml cannot be read" in line
    assert "line 1" in line


def test_a_bad_line_of_the_dotenv_names_the_file(tmp_path):
    bad, unknown = sorted(problems(tmp_path, {}, dotenv="SCRUBJAY_WORKERS=no\nSCRUBJAY_WORKER=1\nOTHER=1\n"))
    assert unknown.startswith("SCRUBJAY_WORKERS='no' in .env")
    assert bad == "SCRUBJAY_WORKER in .env is no setting. Did you mean SCRUBJAY_WORKERS?"


def test_all_problems_are_told_at_once_a_line_each(tmp_path):
    found = problems(tmp_path, {"SCRUBJAY_WORKERS": "0", "SCRUBJAY_LEASE": "x"}, 'drain = "y"\nnope = 1')
    assert len(found) == 4
    assert not any("\n" in line for line in found)


def test_the_text_of_the_error_has_a_line_a_problem():
    assert str(SettingsError("a", "b")) == "The settings are not right.\n  a\n  b"


@pytest.mark.parametrize("toml", [f"password = [{SECRET!r}]", f"database_url = 'mysql://u:{SECRET}@db/x'"])
def test_no_error_shows_a_secret(tmp_path, toml):
    (line,) = problems(tmp_path, {}, toml)
    assert "(hidden)" in line
    assert SECRET not in line


def test_printing_settings_shows_no_secret(tmp_path):
    env = {"SCRUBJAY_PASSWORD": SECRET, "SCRUBJAY_DATABASE_URL": f"postgresql://u:{SECRET}@db/x"}
    assert SECRET not in repr(load(env, home=tmp_path))


def test_the_environment_wins_over_dotenv_over_toml_over_files(tmp_path):
    for name, value in {"per_day": "4", "lease": "4", "drain": "4", "sweep": "4"}.items():
        (tmp_path / name).write_text(value)
    (tmp_path / "sweep-file").write_text("5\n")
    (tmp_path / "scrubjay.toml").write_text("per_day = 3\nlease = 3\ndrain = 3\n")
    (tmp_path / ".env").write_text("SCRUBJAY_PER_DAY=2\nSCRUBJAY_LEASE=2\n")
    env = {
        "SCRUBJAY_PER_DAY": "1",
        "SCRUBJAY_SWEEP_FILE": str(tmp_path / "sweep-file"),
        "SCRUBJAY_SECRETS_DIR": str(tmp_path),
    }
    found = load(env, home=tmp_path)
    assert (found.per_day, found.lease, found.drain, found.sweep) == (1, 2, 3, 5)


@pytest.mark.parametrize("variable", ["SCRUBJAY_SECRETS_DIR", "CREDENTIALS_DIRECTORY"])
def test_a_secret_may_stand_in_a_directory(tmp_path, variable):
    (tmp_path / "password").write_text(f"{SECRET}\n")
    found = load({variable: str(tmp_path), "SCRUBJAY_HANDLE": "@Jay.test"}, home=tmp_path / "elsewhere")
    assert found.require_account() == ("jay.test", SECRET)


def test_an_empty_variable_is_as_good_as_none(tmp_path):
    assert load({"SCRUBJAY_HANDLE": ""}, home=tmp_path).handle is None


def test_lists_in_a_variable_are_separated_by_commas(tmp_path):
    assert load({"SCRUBJAY_LINK_HOSTS": "a.org, B.org,"}, home=tmp_path).link_hosts == ("a.org", "b.org")


def test_the_toml_may_stand_elsewhere(tmp_path):
    (tmp_path / "mine.toml").write_text("per_day = 7")
    assert load({"SCRUBJAY_CONFIG": str(tmp_path / "mine.toml")}, home=tmp_path).per_day == 7
    assert load({}, config=tmp_path / "mine.toml", home=tmp_path).per_day == 7


def test_a_missing_account_is_told_with_what_to_set_and_how(tmp_path):
    with pytest.raises(SettingsError) as caught:
        load({}, home=tmp_path).require_account()
    handle, password = caught.value.args
    assert "SCRUBJAY_HANDLE=scrubjay.bsky.social" in handle
    assert "App passwords" in password
    assert "SCRUBJAY_PASSWORD_FILE=" in password


def test_a_data_dir_may_have_any_name(tmp_path):
    odd = tmp_path / "a?b=c#d 100%25 ä"
    url = load({"SCRUBJAY_DATA_DIR": str(odd)}, home=tmp_path).database
    assert make_url(url).database == f"{odd}/scrubjay.db"


def test_the_database_stands_in_the_data_dir_unless_told_otherwise(tmp_path):
    assert load({"SCRUBJAY_DATA_DIR": "/var/x"}, home=tmp_path).database == "sqlite:////var/x/scrubjay.db"
    url = "postgresql://u@db/x"
    assert load({"SCRUBJAY_DATABASE_URL": url}, home=tmp_path).database == url


def test_limits_and_pace_come_from_the_settings(tmp_path):
    found = load({"SCRUBJAY_PARTNER_WINDOW": "60", "SCRUBJAY_SPACING": "0.5"}, home=tmp_path)
    assert found.limits.partner_window == timedelta(minutes=1)
    assert found.limits.person_hour == 10
    assert found.pace.spacing == timedelta(seconds=0.5)
    assert found.memory_limits.note_chars == 280


@pytest.mark.parametrize("name", Settings.model_fields)
def test_every_setting_is_described_and_its_example_is_accepted(tmp_path, name):
    field = Settings.model_fields[name]
    (example,) = field.examples or [None]
    text = ",".join(example) if isinstance(example, list) else str(example)
    load({f"SCRUBJAY_{name.upper()}": text}, home=tmp_path)
    assert field.description
    assert f"| `{name}` |" in table()


def test_the_example_toml_is_made_from_the_settings_and_holds_when_uncommented(tmp_path):
    example = (Path(__file__).parents[2] / "deploy" / "scrubjay.example.toml").read_text()
    assert example == example_toml(Settings)
    lines = "\n".join(line.removeprefix("# ") for line in example.splitlines() if " = " in line)
    secret = {name for name, field in Settings.model_fields.items() if "SecretStr" in str(field.annotation)}
    assert set(tomllib.loads(lines)) == set(Settings.model_fields) - secret
    (tmp_path / "scrubjay.toml").write_text(lines)
    assert load({}, home=tmp_path).handle == "scrubjay.bsky.social"


def test_limits_beyond_a_fifth_of_what_the_pds_allows_are_refused():
    with pytest.raises(SettingsError, match=r"SCRUBJAY_PER_HOUR=200.*At most: 166"):
        load({"SCRUBJAY_PER_HOUR": "200"})
    with pytest.raises(SettingsError, match=r"SCRUBJAY_PER_DAY=2000.*At most: 1166"):
        load({"SCRUBJAY_PER_DAY": "2000"})
    assert load({"SCRUBJAY_PER_HOUR": "200", "SCRUBJAY_REPLY_PARTS": "1"}).per_hour == 200


def test_quiet_days_leave_a_day_of_the_week(tmp_path):
    (line,) = problems(tmp_path, {"SCRUBJAY_QUIET_DAYS": ",".join(WEEKDAYS)})
    assert "nothing would ever be answered" in line


def test_the_hours_are_by_the_clock_of_the_zone(tmp_path):
    hours = {"ACTIVE_HOURS": "18:00-02:00", "TIME_ZONE": "Europe/Vienna", "QUIET_DAYS": "Sunday, 02-29"}
    found = load({f"SCRUBJAY_{name}": value for name, value in hours.items()}, home=tmp_path).hours
    assert found == Hours(time(18), time(2), ZoneInfo("Europe/Vienna"), frozenset({"sunday", "02-29"}))
    assert load({}, home=tmp_path).hours.is_always
