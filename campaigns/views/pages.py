"""What the pages of authoring share: the admin's frame, permission, and how refusals are told."""

from collections.abc import Callable
from functools import wraps
from typing import Any, Concatenate, ParamSpec, cast

from django.contrib import admin, messages
from django.contrib.auth.models import User
from django.core.exceptions import PermissionDenied
from django.core.validators import ProhibitNullCharactersValidator
from django.http import HttpRequest, HttpResponse, HttpResponseRedirect
from django.template.response import TemplateResponse
from django.utils.translation import gettext as _

from campaigns.drafts import ChangeClosed, StaleDraft
from campaigns.mapping import Refused
from campaigns.publishing import NotPossible

P = ParamSpec("P")
View = Callable[Concatenate[HttpRequest, P], HttpResponse]
REFUSALS = (NotPossible, ChangeClosed, StaleDraft, Refused)


def page(
    request: HttpRequest, template: str, context: dict[str, Any], *, title: str, status: int = 200
) -> HttpResponse:
    """Return a whole page in the admin's frame."""
    frame = {**admin.site.each_context(request), "title": title, **context}
    return TemplateResponse(request, template, frame, status=status)


def needs(*permissions: str) -> Callable[[View[P]], View[P]]:
    """Return a decorator that refuses users without one of the permissions, e.g. ``view_change`` of campaigns."""
    names = [one if "." in one else f"campaigns.{one}" for one in permissions]

    def decorate(view: View[P]) -> View[P]:
        @wraps(view)
        def guarded(request: HttpRequest, *args: P.args, **kwargs: P.kwargs) -> HttpResponse:
            if not any(map(user_of(request).has_perm, names)):
                raise PermissionDenied(_("Your role does not open this page."))
            return view(request, *args, **kwargs)

        # The navigation reads it: what a role may not open is not offered.
        guarded.__dict__["permissions"] = names
        return cast("View[P]", guarded)

    return decorate


def user_of(request: HttpRequest) -> User:
    """Return who is signed in; the admin site lets nobody else in."""
    return cast("User", request.user)


def text_of(request: HttpRequest, name: str, *, most: int) -> str:
    """Return a posted text as it was typed, without space around it.

    Raises:
        NotPossible: it has more than `most` characters, or a NUL, which the database cannot hold.
    """
    text = request.POST.get(name, "").strip()
    if "\0" in text:
        raise NotPossible(str(ProhibitNullCharactersValidator.message))
    if len(text) > most:
        words = _("“%(tag)s” is too long: use at most %(most)s characters.")
        raise NotPossible(words % {"tag": f"{text[:40]}…", "most": most})
    return text


def number_of(request: HttpRequest, name: str) -> int:
    """Return a posted row number, 0 where none is given."""
    return _number(request.POST.get(name, ""))


def numbers_of(request: HttpRequest, name: str) -> list[int]:
    """Return all posted row numbers of a name."""
    return [number for text in request.POST.getlist(name) if (number := _number(text))]


def _number(text: str) -> int:
    return int(text) if text.isascii() and text.isdigit() and len(text) < 19 else 0


def attempt(
    request: HttpRequest, step: Callable[[], object], *, done: str, to: str
) -> HttpResponse:
    """Take a step and say how it went on the page that it leads to."""
    try:
        step()
    except (*REFUSALS, PermissionDenied) as error:
        messages.error(request, str(error))
    else:
        messages.success(request, done)
    return HttpResponseRedirect(to)
