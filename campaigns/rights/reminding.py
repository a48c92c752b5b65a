"""The only place that reminds compliance staff of requests that are due: in the app, and by e-mail where one is known."""

import logging
from datetime import datetime
from smtplib import SMTPException
from typing import Final

from django.conf import settings
from django.contrib.auth.models import User
from django.core.mail import send_mail
from django.utils.translation import gettext as _

from campaigns.models.notices import Event
from campaigns.notifying.telling import Happening, tell
from consent.rights.running import reminders
from rtts_site.foundation.language import ACTIVE

logger = logging.getLogger("campaigns")

BACKEND: Final = "django.contrib.auth.backends.ModelBackend"


def remind(*, now: datetime) -> int:
    """Tell who handles requests of those that are due within a week, each once, and daily of what is late."""
    due = reminders(now=now)
    if not due:
        return 0
    handlers = list(User.objects.with_perm("consent.handle_rights", backend=BACKEND))
    lines = [
        _("{request} is due on {day}").format(request=row, day=ACTIVE.day(row.due_at.date()))
        for row in due
    ]
    for line in lines:
        happening = Happening(event=Event.ALERT, text=line)
        tell(happening, to=[one.pk for one in handlers], now=now)
    addresses = [one.email for one in handlers if one.email]
    if addresses:
        _mail(addresses, "\n".join(lines))
    return len(due)


def _mail(addresses: list[str], text: str) -> None:
    """Send it; the pages and notices say the same, so a silent mail server is logged and no more."""
    subject = _("Requests of people are due")
    try:
        send_mail(subject, text, settings.DEFAULT_FROM_EMAIL, addresses)
    except (SMTPException, OSError) as error:
        logger.warning("rights.reminder_not_mailed reason=%s", type(error).__name__)
