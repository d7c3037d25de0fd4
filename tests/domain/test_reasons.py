from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bot.domain.mention import OUTCOMES, State
from bot.domain.policy import PolicyReason
from bot.domain.reasons import FAILURES, NONE, OTHER, WORDS, kind_of_reason
from bot.errors import PermanentBrainError, PermanentNetworkError, ProtocolFact

KINDS = {*WORDS, *FAILURES.values(), NONE, OTHER}


@pytest.mark.parametrize(
    ("state", "why", "kind"),
    [
        (State.ANSWERED, None, NONE),
        (State.ANSWERED, "adopted", "adopted"),
        (State.ANSWERED, "stopped: 1 of 3 parts", OTHER),
        (State.SILENT, "she said: do not answer me", NONE),
        (State.DECLINED, PolicyReason.BLOCKED, "blocked"),
        (State.DECLINED, "my own words", OTHER),
        (State.EXPIRED, PolicyReason.MONEY, "money limit"),
        (State.FAILED, str(PermanentNetworkError("400 from pds.ana.example")), "network"),
        (State.FAILED, str(ProtocolFact("RecordNotFound", "x")), "network"),
        (State.FAILED, str(PermanentBrainError("no such model")), "brain"),
        (State.FAILED, "bug: KeyError", "bug"),
        (State.FAILED, "5 workers died, or turns failed, over it", OTHER),
        (State.DECLINED, "bug: of mine", OTHER),
    ],
)
def test_a_reason_becomes_one_of_few_kinds(state, why, kind):
    assert kind_of_reason(state, why) == kind


@given(st.sampled_from(OUTCOMES), st.none() | st.text() | st.sampled_from(sorted(FAILURES)))
def test_whatever_is_told_the_kinds_are_few(state, why):
    assert kind_of_reason(state, why) in KINDS
