from __future__ import annotations

import pytest
from support.harness import Harness


@pytest.fixture
def harness(db, tmp_path):
    return Harness(db, tmp_path)
