import pytest

from bot.network.account import ERRORS, FACTS, STATUSES, UNLABELLED, reason_of, trouble


@pytest.mark.parametrize("why", [*ERRORS.values(), *FACTS.values(), *STATUSES.values(), UNLABELLED])
def test_every_trouble_names_the_account_and_a_mend(why):
    error = trouble("jay.test", why)
    assert "@jay.test" in str(error)
    assert error.mend in str(error)
    assert error.retry_after > 0


@pytest.mark.parametrize("status", [None, 200, 404, 410, 429, 500, 502])
def test_only_a_refusal_of_the_protocol_is_trouble_of_the_account(status):
    assert reason_of(status, "AccountTakedown") is None
    assert reason_of(401, "AccountTakedown") is not None
