"""How programs reach the management API: by API key and scope, within the published rates, answered with problem details."""

from dataclasses import dataclass
from typing import Any, ClassVar, cast

from drf_spectacular.extensions import OpenApiAuthenticationExtension
from rest_framework.authentication import BaseAuthentication
from rest_framework.exceptions import AuthenticationFailed
from rest_framework.permissions import BasePermission
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.views import APIView

from rtts_site.foundation.api_keys import KeyRecord, KeyRing, KeysUnavailableError, presented_secret
from rtts_site.foundation.limits import MANAGEMENT, Allowance, Limiter, Rate
from rtts_site.foundation.problems import Problem, exception_handler
from rtts_site.foundation.redis_clients import redis_client

REDIS_TIMEOUT_MS = 500
_ring = KeyRing()
_limiter = Limiter()


@dataclass(frozen=True, slots=True)
class Program:
    """Who calls with a key, in the place of a signed-in user."""

    key: KeyRecord
    is_authenticated: ClassVar[bool] = True
    is_active: ClassVar[bool] = True

    @property
    def pk(self) -> str:
        return self.key.id

    def get_username(self) -> str:
        return f"key {self.key.name}"


class ApiKeyAuthentication(BaseAuthentication):
    """Reads the key as `presented_secret` says; a request that presents none is anonymous."""

    def authenticate(self, request: Request) -> tuple[Any, Any] | None:
        headers = {name.lower(): value for name, value in request.headers.items()}
        secret = presented_secret(headers)
        if secret is None:
            return None
        try:
            record = _ring.find_sync(redis_client(timeout_ms=REDIS_TIMEOUT_MS), secret)
        except KeysUnavailableError as error:
            raise Problem(503, "Keys unavailable", str(error)) from error
        if record is None:
            raise AuthenticationFailed("This API key is not known, or was revoked.")
        return Program(record), record

    def authenticate_header(self, request: Request) -> str:
        return 'Bearer realm="rtts"'


class ApiKeyScheme(OpenApiAuthenticationExtension):  # type: ignore[no-untyped-call]
    """The key in the API's description."""

    target_class = "rtts_site.foundation.api_access.ApiKeyAuthentication"
    name = "apiKey"

    def get_security_definition(self, auto_schema: Any) -> dict[str, str]:
        return {"type": "http", "scheme": "bearer", "description": "An API key with the scope."}


class HasScope(BasePermission):
    """Lets a key pass that has the scope which the view names for the method."""

    def has_permission(self, request: Request, view: APIView) -> bool:
        scope = cast("KeyedView", view).scopes.get(request.method or "")
        self.message = f"This API key lacks the scope {scope}."
        return (
            isinstance(request.auth, KeyRecord)
            and request.auth.kind == "secret"
            and scope is not None
            and request.auth.allows(scope)
        )


class KeyedView(APIView):
    """A view for programs: `scopes` maps the method to the scope that its key needs."""

    scopes: ClassVar[dict[str, str]] = {}
    rate: ClassVar[Rate] = MANAGEMENT
    authentication_classes = [ApiKeyAuthentication]
    permission_classes = [HasScope]
    _allowance: Allowance | None = None

    @property
    def key(self) -> KeyRecord:
        return cast("KeyRecord", self.request.auth)

    def check_throttles(self, request: Request) -> None:
        client = redis_client(timeout_ms=REDIS_TIMEOUT_MS)
        self._allowance = _limiter.take_sync(client, self.rate, self.key.id)
        if not self._allowance.allowed:
            raise Problem(
                429,
                "Too many requests",
                f"This key may make {self.rate.quota:,} requests in {self.rate.window_s} s.",
                headers=self._allowance.headers(),
            )

    def get_exception_handler(self) -> Any:
        return exception_handler

    def finalize_response(
        self, request: Request, response: Response, *args: Any, **kwargs: Any
    ) -> Response:
        if self._allowance is not None:
            for name, value in self._allowance.headers():
                response.headers[name] = value
        return super().finalize_response(request, response, *args, **kwargs)
