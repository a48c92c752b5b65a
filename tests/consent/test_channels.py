"""What is said of a channel binds that channel, or all of them: never one that does not exist."""

from dataclasses import replace

import pytest

from consent import channels
from consent.changes import DENYING, MAX_STATES, STATED, TooMuchSaidError, within_bounds
from consent.channels import Channels, UnknownChannelError, bind_all
from consent.policy import State, Status
from tests.consent.builders import given, withdrawn

LIVE = Channels(frozenset({"email", "sms", "Sms"}))


@pytest.fixture
def live(monkeypatch):
    """Have a release live with these channels."""
    monkeypatch.setattr(channels, "_tellers", [lambda: {"email", "sms"}])


@pytest.mark.parametrize(
    ("said", "meant"),
    [("sms", "sms"), ("Sms", "Sms"), ("EMAIL", "email"), ("*", "*"), ("fax", "*"), ("", "*")],
)
def test_a_denial_binds_what_there_is(said, meant):
    assert LIVE.bind(withdrawn(channel=said)).channel == meant


@pytest.mark.parametrize("status", [one for one in STATED if one not in DENYING])
def test_nobody_allows_anything_on_a_channel_that_there_is_not(status):
    with pytest.raises(UnknownChannelError, match="email, sms"):
        Channels({"sms", "email"}).bind(replace(given(channel="fax"), status=status))


def test_where_channels_cannot_be_read_a_denial_is_for_all():
    unread = Channels(frozenset())

    assert unread.bind(withdrawn(channel="sms")).channel == "*"
    assert unread.bind(given(channel="sms")).channel == "sms"


def test_while_nothing_is_live_every_channel_may_come_to_be():
    assert Channels(None).bind(withdrawn(channel="fax")).channel == "fax"


def test_changes_are_bound_together(live):
    said = [withdrawn(channel="SMS"), withdrawn(channel="fax"), given(channel="*")]

    assert [one.channel for one in bind_all(said)] == ["sms", "*", "*"]


def test_nobody_says_more_than_is_kept_and_every_no_is_kept():
    full = {("p", str(number)): State(Status.GIVEN, 0.0) for number in range(MAX_STATES)}

    assert within_bounds(full, [given("p", channel="1")])
    with pytest.raises(TooMuchSaidError):
        within_bounds(full, [given("p", channel="new")])
    bounded = within_bounds(full, [withdrawn("p", channel="new"), withdrawn("q", channel="2")])
    assert [(one.purpose, one.channel) for one in bounded] == [("p", "*"), ("q", "*")]


def test_a_request_cannot_pass_the_bound_by_itself():
    nearly = {("p", str(number)): State(Status.GIVEN, 0.0) for number in range(MAX_STATES - 1)}

    with pytest.raises(TooMuchSaidError):
        within_bounds(nearly, [given("q"), given("r")])
