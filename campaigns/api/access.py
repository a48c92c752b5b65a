"""Who may manage through the API: a signed-in person by their role, or a program by its key's scope."""

from collections.abc import Iterable
from typing import Any, ClassVar, cast

import pghistory
from django.contrib.auth.models import AbstractUser, Group, User
from django.core.exceptions import PermissionDenied
from rest_framework.authentication import SessionAuthentication
from rest_framework.permissions import BasePermission
from rest_framework.request import Request
from rest_framework.views import APIView

from campaigns.body_rules import FieldError
from campaigns.checking import Finding
from campaigns.drafts import KEY_ACCOUNT, ChangeClosed, NobodyAnswers, StaleDraft
from campaigns.mapping import Refused
from campaigns.models import PROXIES
from campaigns.publishing import NotPossible, NotPublishable
from rtts_site.foundation.api_access import ApiKeyAuthentication, KeyedView
from rtts_site.foundation.api_keys import MANAGEMENT, KeyRecord
from rtts_site.foundation.problems import FieldProblem, Problem, exception_handler


class MayManage(BasePermission):
    """Lets people pass by permission and keys by scope; what a view keeps for people, keys never do."""

    def has_permission(self, request: Request, view: APIView) -> bool:
        managed = cast("ManagementView", view)
        permission = managed.permissions.get(request.method or "", "")
        if isinstance(request.auth, KeyRecord):
            self.message = f"This needs a secret API key with the scope {MANAGEMENT}."
            if managed.people_only and request.method != "GET":
                self.message = "This needs a signed-in person: a key cannot approve or publish."
                return False
            return request.auth.kind == "secret" and request.auth.allows(MANAGEMENT)
        self.message = "Your role does not allow this."
        return bool(request.user.has_perm(f"campaigns.{permission}"))


class ManagementView(KeyedView):
    """A view of the management API: `permissions` maps the method to what a person's role needs."""

    authentication_classes = [ApiKeyAuthentication, SessionAuthentication]
    permission_classes = [MayManage]
    permissions: ClassVar[dict[str, str]] = {}
    people_only: ClassVar[bool] = False

    @property
    def actor(self) -> AbstractUser:
        """The person who is signed in, else the account under which the key's edits are kept."""
        if isinstance(self.request.auth, KeyRecord):
            return account_of(self.request.auth)
        return cast("User", self.request.user)

    @property
    def caller(self) -> str:
        """Whose Idempotency-Keys these are."""
        auth = self.request.auth
        return auth.id if isinstance(auth, KeyRecord) else f"user:{self.request.user.pk}"

    def require_kinds(self, kinds: Iterable[str]) -> None:
        """Ask of a person what the forms ask: that their role changes things of these kinds.

        Raises:
            PermissionDenied: it does not.
        """
        if isinstance(self.request.auth, KeyRecord):
            return
        needed = {f"campaigns.change_{PROXIES[kind]._meta.model_name}" for kind in kinds}
        if not self.request.user.has_perms(needed):
            raise PermissionDenied("Your role does not allow this.")

    def initial(self, request: Request, *args: Any, **kwargs: Any) -> None:
        super().initial(request, *args, **kwargs)
        if isinstance(request.auth, KeyRecord) and request.method != "GET":
            pghistory.context(user=self.actor.pk)  # a program is no user of its own

    def check_throttles(self, request: Request) -> None:
        if isinstance(request.auth, KeyRecord):
            super().check_throttles(request)

    def get_exception_handler(self) -> Any:
        return handle


def account_of(key: KeyRecord) -> User:
    """Return the account that stands for a key in histories; nobody can sign in with it."""
    account, created = User.objects.get_or_create(
        username=f"{KEY_ACCOUNT}{key.id}", defaults={"first_name": key.name, "password": "!"}
    )
    if created:
        account.groups.add(Group.objects.get(name="Marketer"))
    return account


def handle(error: Exception, context: dict[str, Any]) -> Any:
    """Answer what authoring refuses as problem details that name the fields."""
    return exception_handler(_as_problem(error) or error, context)


def _as_problem(error: Exception) -> Problem | None:
    if isinstance(error, NotPublishable):
        return _unprocessable([_of_finding(one) for one in error.findings])
    if isinstance(error, Refused):
        return _unprocessable([_of_field(one) for one in error.errors])
    if isinstance(error, StaleDraft):
        return Problem(412, "Changed meanwhile", str(error))
    if isinstance(error, NotPossible | ChangeClosed):
        return Problem(409, "Not possible now", str(error))
    if isinstance(error, PermissionDenied | NobodyAnswers):
        return Problem(403, "Not allowed", str(error))
    return None


def _unprocessable(errors: list[FieldProblem]) -> Problem:
    first = errors[0]
    return Problem(
        422, "Request not valid", f"{first['pointer'] or '/'}: {first['detail']}", errors=errors
    )


def _of_field(error: FieldError) -> FieldProblem:
    return FieldProblem(pointer=pointer(error.field, root="/body"), detail=error.message)


def _of_finding(finding: Finding) -> FieldProblem:
    place = pointer(finding.field, root=f"/{finding.kind}/{finding.key}")
    return FieldProblem(pointer=place, detail=finding.message)


def pointer(field: str, *, root: str) -> str:
    """Return a JSON pointer for a field, e.g. ``variants[0].content`` -> ``/body/variants/0/content``."""
    steps = field.replace("[", ".").replace("]", "")
    return root + "".join(f"/{step}" for step in steps.split(".") if step)
