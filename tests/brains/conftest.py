"""The minds, and retries that do not wait."""

from __future__ import annotations

import pytest
import stamina

from bot.brains.guard import TRIES

from .minds import MINDS


@pytest.fixture
def mind(request):
    """The mind that `over_minds` names."""
    with MINDS[request.param]() as mind:
        yield mind


@pytest.fixture(autouse=True)
def unwaited():
    with stamina.set_testing(True, attempts=TRIES):
        yield
