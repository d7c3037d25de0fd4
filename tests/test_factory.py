"""From the settings to a brain."""

from __future__ import annotations

import pytest
from structlog.testing import capture_logs

from bot import factory
from bot.config.settings import load
from bot.errors import PermanentBrainError, SettingsError, TransientBrainError

LETTA = {
    "SCRUBJAY_BRAIN": "letta",
    "SCRUBJAY_LETTA_MODEL": "stub/jay-1",
    "SCRUBJAY_LETTA_URL": "http://localhost:8283/",
    "SCRUBJAY_LETTA_KEY": "sk-let-1",
}


class Sick:
    name = "sick"

    def __init__(self, error):
        self.error = error

    async def start(self):
        raise self.error


def settings(tmp_path, **env):
    return load(env, home=tmp_path)


def test_the_default_brain_needs_no_options(tmp_path):
    assert factory.make_brain(settings(tmp_path)).name == "rules"


async def test_the_letta_brain_is_made_of_its_settings(tmp_path):
    known = settings(tmp_path, **LETTA)
    options = factory.BRAIN_OPTIONS["letta"](known)
    assert (options.url, options.key.get_secret_value()) == ("http://localhost:8283", "sk-let-1")
    assert (options.agent, options.model) == ("scrubjay", "stub/jay-1")
    brain = factory.make_brain(known)
    assert brain.name == "letta"
    await brain.close()


def test_the_letta_brain_without_a_model_is_refused_with_an_example(tmp_path):
    env = {name: value for name, value in LETTA.items() if name != "SCRUBJAY_LETTA_MODEL"}
    with pytest.raises(SettingsError, match="Example: SCRUBJAY_LETTA_MODEL="):
        factory.make_brain(settings(tmp_path, **env))


def test_a_key_is_never_shown(tmp_path):
    known = settings(tmp_path, **LETTA)
    assert "sk-let-1" not in repr(known) + repr(factory.BRAIN_OPTIONS["letta"](known))


async def test_a_brain_that_refuses_to_start_ends_the_program():
    with pytest.raises(PermanentBrainError):
        await factory.start_brain(Sick(PermanentBrainError("no")))


async def test_a_brain_in_trouble_is_waited_for_and_told():
    with capture_logs() as logs:
        await factory.start_brain(Sick(TransientBrainError("away")))
    assert [line["event"] for line in logs] == ["brain.unwell"]


def test_a_limit_of_money_without_a_known_price_is_refused_with_what_to_set(tmp_path):
    letta = {"SCRUBJAY_BRAIN": "letta", "SCRUBJAY_LETTA_MODEL": "x/y", "SCRUBJAY_MONEY_PER_DAY": "2"}
    with pytest.raises(SettingsError, match=r"Set SCRUBJAY_PRICE_IN and SCRUBJAY_PRICE_OUT.*TOKENS_PER_DAY"):
        factory.make_limits(settings(tmp_path, **letta))

    priced = settings(tmp_path, **letta, SCRUBJAY_PRICE_IN="3", SCRUBJAY_PRICE_OUT="15")
    limits = factory.make_limits(priced)
    assert (limits.day_money, limits.turn_money) == (2_000_000, 12_000 * 3 + 400 * 15)
    assert factory.make_limits(settings(tmp_path, SCRUBJAY_BRAIN="letta")).day_money is None
    with pytest.raises(SettingsError, match="less than one request may cost"):
        factory.make_limits(priced.model_copy(update={"money_per_day": 0.01}))


def test_the_price_of_a_known_model_need_not_be_set(tmp_path):
    known = {"SCRUBJAY_BRAIN": "model", "SCRUBJAY_MODEL": "anthropic:claude-sonnet-4-5"}
    limits = factory.make_limits(settings(tmp_path, **known, SCRUBJAY_MONEY_PER_DAY="2"))
    assert (limits.price.tokens_in, limits.price.tokens_out) == pytest.approx((3, 15))
    own = {**known, "SCRUBJAY_MODEL": "openai-compatible:mine", "SCRUBJAY_MONEY_PER_DAY": "2"}
    with pytest.raises(SettingsError, match="SCRUBJAY_PRICE_IN"):
        factory.make_limits(settings(tmp_path, **own))
