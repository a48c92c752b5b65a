import pytest
from hypothesis import given as for_all
from hypothesis import strategies as st

from consent.signals.stop_words import asks_to_stop


@pytest.mark.parametrize(
    "text",
    [
        *("STOP", "stop.", "Stop!!!", " Stop please", "S T O P", "stopp", "STOPALL", "stop all"),
        *("UNSUBSCRIBE", "Please unsubscribe me", "CANCEL", "QUIT", "END", "Revoke", "OPT OUT"),
        *("opt-out", "opt me out", "Stop texting me", "please don't text me again"),
        *("Do not contact me", "No more messages!", "take me off your list", "leave me alone"),
        *("I withdraw my consent", "never message me", "ＳＴＯＰ", "STOP 🛑", "stop sms"),
        *("Abmelden", "bitte abbestellen", "Kündigen", "Keine Werbung mehr", "keine weiteren SMS"),
        *("Bitte nicht mehr schreiben", "Hört endlich auf", "Lasst mich in Ruhe", "Beenden!"),
        *("Schreibt mir bitte nicht mehr", "Nehmen Sie mich aus dem Verteiler", "Widerruf"),
        *("Ich widerrufe meine Einwilligung", "Austragen", "ende", "Don’t send me this"),
    ],
)
def test_any_reasonable_wording_stops(text):
    assert asks_to_stop(text)


@pytest.mark.parametrize(
    "text",
    [
        *("", "Thanks!", "Where is the bus stop?", "YES", "When does the sale end?", "Ja gerne"),
        *("Is it possible to cancel order 12?", "Danke, bis zum Ende der Woche", "HELP", "START"),
        *("What stops near your shop are open on Sunday", "Wo ist die Haltestelle?"),
    ],
)
def test_other_messages_do_not(text):
    assert not asks_to_stop(text)


@for_all(st.text(max_size=300))
def test_no_message_is_too_odd(text):
    assert asks_to_stop(text) in (True, False)
    assert asks_to_stop("STOP") is True
