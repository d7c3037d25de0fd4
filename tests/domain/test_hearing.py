from __future__ import annotations

from dataclasses import replace

import pytest

from bot.domain.hearing import Hearing

HEARS = Hearing(connected=True, contact=0.0, silence=1.0, lag=2.0)


def test_a_stream_that_is_connected_and_close_behind_is_heard():
    assert HEARS.fault() is None


def test_one_that_was_never_connected_is_not():
    assert replace(HEARS, connected=False, contact=None, silence=None).fault() is not None


@pytest.mark.parametrize(("contact", "heard"), [(299, True), (300, False)])
def test_a_connection_may_be_lost_for_five_minutes(contact, heard):
    lost = replace(HEARS, connected=False, contact=contact, silence=contact)
    assert (lost.fault() is None) == heard


@pytest.mark.parametrize(("lag", "heard"), [(299, True), (300, False)])
def test_a_stream_may_lag_five_minutes(lag, heard):
    assert (replace(HEARS, lag=lag).fault() is None) == heard


def test_a_stream_that_has_gone_quiet_is_behind_nothing_however_old_its_last_message_was():
    quiet = replace(HEARS, silence=30.0, lag=7200.0)
    assert (quiet.behind, quiet.fault()) == (0.0, None)


def test_one_that_is_quiet_because_it_is_lost_is_as_far_behind_as_it_was():
    assert replace(HEARS, connected=False, silence=30.0, lag=7200.0).behind == 7200.0


def test_a_server_whose_clock_is_ahead_makes_no_lag_below_0():
    assert replace(HEARS, lag=-5.0).behind == 0.0


def test_an_event_that_is_handled_for_five_minutes_is_a_fault():
    assert replace(HEARS, handling=300.0).fault() == "an event is being handled for 300 s"
