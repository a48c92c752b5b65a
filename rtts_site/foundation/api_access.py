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
        keyed = cast("KeyedView", view)
        scope = keyed.scopes.get(request.method or "")
        self.message = f"This API key lacks the scope {scope}."
        if not isinstance(request.auth, KeyRecord) or scope is None:
            return False
        if request.auth.kind == "browser" and not keyed.is_open_to_browsers:
            return False
        if not request.auth.allows_origin(request.headers.get("Origin")):
            self.message = "This browser key may not be used from this origin."
            return False
        return request.auth.allows(scope)


class KeyedView(APIView):
    """A view for programs: `scopes` maps the method to the scope that its key needs."""

    scopes: ClassVar[dict[str, str]] = {}
    rate: ClassVar[Rate] = MANAGEMENT
    is_open_to_browsers: ClassVar[bool] = False  # a browser key may have the scope
    authentication_classes = [ApiKeyAuthentication]
    permission_classes = [HasScope]
    _allowance: Allowance | None = None

    @property
    def key(self) -> KeyRecord:
        return cast("KeyRecord", self.request.auth)

    def check_throttles(self, request: Request) -> None:
        self.take_from(self.rate, self.key.id)

    def take_from(self, rate: Rate, whose: str) -> None:
        """Count this request against a rate.

        Raises:
            Problem: 429 past it.
        """
        client = redis_client(timeout_ms=REDIS_TIMEOUT_MS)
        self._allowance = _limiter.take_sync(client, rate, whose)
        if not self._allowance.allowed:
            raise Problem(
                429,
                "Too many requests",
                f"No more than {rate.quota:,} requests in {rate.window_s} s are taken.",
                headers=self._allowance.headers(),
            )

    def initial(self, request: Request, *args: Any, **kwargs: Any) -> None:
        if not self._is_preflight(request):
            super().initial(request, *args, **kwargs)

    def options(self, request: Any, *args: Any, **kwargs: Any) -> Response:
        """Answer a preflight; it names no key, so it promises every origin, and the request itself is checked."""
        if not self._is_preflight(request):
            return super().options(request, *args, **kwargs)
        allowed = {
            "Access-Control-Allow-Methods": ", ".join(self.scopes),
            "Access-Control-Allow-Headers": "authorization, content-type, idempotency-key",
            "Access-Control-Max-Age": "600",
        }
        return Response(status=204, headers=allowed)

    def _is_preflight(self, request: Request) -> bool:
        return (
            self.is_open_to_browsers
            and request.method == "OPTIONS"
            and "Access-Control-Request-Method" in request.headers
        )

    def get_exception_handler(self) -> Any:
        return exception_handler

    def finalize_response(
        self, request: Request, response: Response, *args: Any, **kwargs: Any
    ) -> Response:
        if self._allowance is not None:
            for name, value in self._allowance.headers():
                response.headers[name] = value
        if self.is_open_to_browsers and "Origin" in request.headers:
            self._let_read(request, response)
        return super().finalize_response(request, response, *args, **kwargs)

    def _let_read(self, request: Request, response: Response) -> None:
        """Let a page read the answer to its browser key, and what a preflight promises."""
        key = getattr(request, "_auth", None)
        if self._is_preflight(request) or (isinstance(key, KeyRecord) and key.kind == "browser"):
            response.headers["Access-Control-Allow-Origin"] = request.headers["Origin"]
            response.headers["Access-Control-Expose-Headers"] = "retry-after, ratelimit"
        response.headers["Vary"] = "Origin"
