"""The rigs, and retries that do not wait."""

from __future__ import annotations

import pytest
import stamina
from support.letta_brain import LIVE
from support.scripted_brains import RIGS

from bot.brains.guard import TRIES

UNFIT_LIVE = {  # where the live server's provider is what fails, and not the server
    "test_a_server_that_fails_after_a_call_is_not_asked_again_in_that_turn": "Letta asks its provider again",
    "test_a_server_that_says_when_to_come_back_is_heeded": "Letta keeps to itself when its provider is back",
    "test_nothing_that_a_model_says_breaks_a_turn_or_its_limits": "some hundred turns, minutes long",
}


def pytest_collection_modifyitems(items):
    for item in items:
        reason = UNFIT_LIVE.get(getattr(item, "originalname", ""))
        if LIVE and reason and "[" in item.name and "letta" in item.name:
            item.add_marker(pytest.mark.skip(reason=reason))


@pytest.fixture
def rig(request):
    """The rig that `over_brains` names."""
    with RIGS[request.param]() as rig:
        yield rig


@pytest.fixture(autouse=True)
def unwaited():
    with stamina.set_testing(True, attempts=TRIES):
        yield
