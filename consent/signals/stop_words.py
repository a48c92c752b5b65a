"""What people write to make messages stop, in any reasonable wording. Pure.

Source: 47 CFR 64.1200(a)(10), which names STOP, QUIT, END, REVOKE, OPT OUT, CANCEL and UNSUBSCRIBE and any other
wording from which a reasonable person would understand a wish to revoke.
"""

import re
import unicodedata
from typing import Final

LONGEST: Final = 1_600  # characters that are looked at; longer than a text message can be

# Alone, or with polite words and signs around them.
_ALONE: Final = frozenset(
    {
        *("stop", "stopp", "stopall", "quit", "end", "cancel", "unsubscribe", "revoke", "optout"),
        *("abmelden", "abbestellen", "austragen", "beenden", "kündigen", "abmeldung", "ende"),
        *("aufhören", "widerruf", "widerrufen", "löschen", "remove", "halt", "abbrechen"),
    }
)
_AROUND: Final = frozenset(
    {
        *("please", "pls", "now", "all", "it", "thanks", "thank", "you", "hi", "hello", "the"),
        *("messages", "texts", "sms", "emails", "texting", "messaging", "me", "this", "these"),
        *("bitte", "jetzt", "alle", "alles", "sofort", "danke", "hallo", "das", "die", "sms"),
        *("nachrichten", "newsletter", "mails", "werbung", "mich", "damit", "from", "list", "your"),
    }
)
# Anywhere in a message.
_SAID: Final = re.compile(
    r"""
    \b(?:
      unsubscribe (?!d)
    | opt (?:ing|ed)? [\s-]* (?:me\s+)? out
    | (?:stop|quit|cease) \s+ (?:texting|messaging|sending|contacting|writing|e-?mailing|calling|spamming)
    | (?:do\s+not|don'?t|never) \s+ (?:ever\s+)? (?:text|message|contact|send|write|e-?mail|call|sms) \b
    | no \s+ (?:more|further) \s+ (?:texts?|messages?|sms|e-?mails?|calls?|ads|advertising)
    | (?:remove|delete|take) \s+ me \s+ (?:off|from)
    | leave \s+ me \s+ alone
    | (?:i\s+)? (?:revoke|withdraw|cancel) \s+ (?:my\s+)? (?:consent|permission|subscription)
    | keine? \s+ (?:weiteren?\s+|mehr\s+)? (?:sms|nachrichten?|werbung|mails?|e-?mails?|newsletter)
    | nicht \s+ mehr \s+ (?:anschreiben|schreiben|kontaktieren|anrufen|senden|schicken|belästigen)
    | (?:schreib|schick|sende?|kontaktier)\w* \s+ (?:\w+\s+){0,3} (?:nicht|nichts|keine) \b
    | hör\w* \s+ (?:\w+\s+){0,2} auf
    | aus \s+ (?:dem|der|eurer|ihrer|deiner) \s+ (?:verteiler|liste|adressliste)
    | (?:lass|lasst|lassen\s+sie) \s+ mich \s+ in \s+ ruhe
    | (?:einwilligung|zustimmung|erlaubnis) \b .{0,20} (?:widerruf|zurück|entzieh)
    | (?:widerrufe|widerspreche) \b
    | (?:abmelden|abbestellen|austragen) \b
    )
    """,
    re.VERBOSE,
)
_WORDS: Final = re.compile(r"[^\W\d_]+")


def asks_to_stop(text: str) -> bool:
    """Return whether a message asks that no more are sent, e.g. ``STOP``, ``pls stop!`` or ``bitte abmelden``.

    In doubt it does: a message too many is worse than one too few.
    """
    plain = unicodedata.normalize("NFKC", text[:LONGEST]).casefold().replace("’", "'")
    if _SAID.search(plain):
        return True
    words = _WORDS.findall(plain)
    joined = "".join(words)
    if joined in _ALONE or "".join(words[:2]) in ("optout", "stopall"):
        return True
    return any(word in _ALONE for word in words) and all(
        word in _ALONE or word in _AROUND for word in words
    )
