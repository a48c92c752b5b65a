"""Every setting of the product; each is an environment variable with a default that suits one machine."""

import hashlib
from pathlib import Path
from typing import Any

import dj_database_url
import django_stubs_ext
import environ

from rtts_site import embedded

django_stubs_ext.monkeypatch()  # lets annotations such as ModelAdmin[Offer] stand in code

env = environ.Env()

BASE_DIR = Path(__file__).resolve().parent.parent
RTTS_VAR = Path(env.str("RTTS_VAR", default=str(BASE_DIR / "var"))).absolute()
# Who was erased, outside the database: what a restored copy of it has to be told. Keep it where backups do not go.
RTTS_ERASURES_FILE = Path(
    env.str("RTTS_ERASURES_FILE", default=str(RTTS_VAR / "erasures.jsonl"))
).absolute()

# Where the product is reached.
DEBUG = env.bool("RTTS_DEBUG", default=False)
RTTS_HOST = env.str("RTTS_HOST", default="127.0.0.1")
RTTS_PORT = env.int("RTTS_PORT", default=8000)
RTTS_ROLE = env.str("RTTS_ROLE", default="all")  # "all", or "decisions": fast paths only
RTTS_WEB_PROCESSES = env.int("RTTS_WEB_PROCESSES", default=1)
RTTS_DRAIN_GROUPS = env.int("RTTS_DRAIN_GROUPS", default=2)
RTTS_GEO_DATABASE = env.str("RTTS_GEO_DATABASE", default="")  # a MaxMind file of addresses
RTTS_HTTPS = env.bool("RTTS_HTTPS", default=True)  # `manage.py up` turns it off on loopback
RTTS_TRUST_PROXY = env.bool("RTTS_TRUST_PROXY", default=False)
ALLOWED_HOSTS = env.list(
    "RTTS_ALLOWED_HOSTS", default=sorted({"localhost", "127.0.0.1", "[::1]", RTTS_HOST})
)

# Secrets.
_secret_file = env.str("RTTS_SECRET_KEY_FILE", default="")
SECRET_KEY = env.str("RTTS_SECRET_KEY", default="") or (
    Path(_secret_file).read_text().strip() if _secret_file else embedded.secret_key(RTTS_VAR)
)
SECRET_KEY_FALLBACKS: list[str] = env.list("RTTS_SECRET_KEY_FALLBACKS", default=[])
# Person ids rest on it, so it has a name of its own where the secret key is to be rotated.
RTTS_PEPPER = hashlib.sha256(
    b"rtts.person:" + env.str("RTTS_PEPPER", default=SECRET_KEY).encode()
).digest()

# What checkpoints and receipts of the consent ledger are signed with; without one, a file of this installation.
RTTS_LEDGER_SIGNING_KEY = env.str("RTTS_LEDGER_SIGNING_KEY", default="")
RTTS_LEDGER_SIGNING_KEY_FILE = env.str("RTTS_LEDGER_SIGNING_KEY_FILE", default="")
RTTS_LEDGER_FORMER_SIGNING_KEY = env.str("RTTS_LEDGER_FORMER_SIGNING_KEY", default="")
# Where its checkpoints are brought, so that no administrator of the database can rewrite it unseen.
RTTS_LEDGER_ANCHOR_FOLDER = env.str("RTTS_LEDGER_ANCHOR_FOLDER", default=str(RTTS_VAR / "anchors"))
RTTS_LEDGER_ANCHOR_WEBHOOK = env.str("RTTS_LEDGER_ANCHOR_WEBHOOK", default="")
RTTS_LEDGER_ANCHOR_SECRET = env.str("RTTS_LEDGER_ANCHOR_SECRET", default="")  # "whsec_…"
RTTS_LEDGER_ANCHOR_EMAIL = env.str("RTTS_LEDGER_ANCHOR_EMAIL", default="")  # the auditor's

# Stores. With no address given, the servers of `manage.py up`.
RTTS_EMBEDDED_POSTGRES = not env.str("DATABASE_URL", default="")
RTTS_EMBEDDED_REDIS = not env.str("REDIS_URL", default="")
DATABASE_URL = env.str("DATABASE_URL", default="") or embedded.database_url(RTTS_VAR)
RTTS_OWNER_DATABASE_URL = env.str("RTTS_OWNER_DATABASE_URL", default="") or (
    embedded.database_url(RTTS_VAR, embedded.OWNER_ROLE) if RTTS_EMBEDDED_POSTGRES else DATABASE_URL
)
REDIS_URL = env.str("REDIS_URL", default="") or embedded.redis_url(RTTS_VAR)
RTTS_BROKER_URL = env.str("RTTS_BROKER_URL", default="") or (
    embedded.broker_url(RTTS_VAR) if RTTS_EMBEDDED_REDIS else REDIS_URL
)
RTTS_REDIS_TIMEOUT_MS = env.int("RTTS_REDIS_TIMEOUT_MS", default=20)
RTTS_DEADLINE_MS = env.int("RTTS_DEADLINE_MS", default=80)
RTTS_REDIS_CLUSTER = env.bool("RTTS_REDIS_CLUSTER", default=False)  # each script keeps to one slot
RTTS_EVENT_LOG = env.str("RTTS_EVENT_LOG", default="redis")  # or "kafka"
RTTS_KAFKA_SERVERS = env.str("RTTS_KAFKA_SERVERS", default="")  # "kafka-1:9092,kafka-2:9092"
RTTS_KAFKA_TOPIC = env.str("RTTS_KAFKA_TOPIC", default="rtts.events")  # of 256 partitions
RTTS_KAFKA_OPTIONS = env.json("RTTS_KAFKA_OPTIONS", default={})  # librdkafka's: TLS, SASL
RTTS_REPORT_BUDGET = env.float("RTTS_REPORT_BUDGET", default=4.0)  # epsilon of reports a month
RTTS_SAMPLE = env.int("RTTS_SAMPLE", default=10_000)  # people that audiences are counted on

_database_parts = dj_database_url.parse(DATABASE_URL)
RTTS_RUNTIME_DATABASE_USER = str(_database_parts.get("USER", ""))
_database: dict[str, Any] = dict(_database_parts)
if env.bool("RTTS_AS_OWNER", default=False):  # set by manage.py for `migrate`
    _database = dict(dj_database_url.parse(RTTS_OWNER_DATABASE_URL))
_pool = {"min_size": 1, "max_size": 4, "timeout": 10}
_has_pool = env.bool("RTTS_DATABASE_POOL", default=False)  # in web processes; Celery would close it
_database |= {
    "CONN_MAX_AGE": 0,
    "CONN_HEALTH_CHECKS": True,
    "OPTIONS": {
        **_database.get("OPTIONS", {}),
        **({"pool": _pool} if _has_pool else {}),
        "prepare_threshold": 2,  # of consent.recording alone: Django's own statements never are
    },
}
DATABASES = {"default": _database}
DEFAULT_AUTO_FIELD = "django.db.models.BigAutoField"

# Code.
INSTALLED_APPS = [
    "rtts_site.admin_config.TargetingAdminConfig",
    "django.contrib.auth",
    "django.contrib.contenttypes",
    "django.contrib.sessions",
    "django.contrib.messages",
    "django.contrib.humanize",
    "whitenoise.runserver_nostatic",
    "django.contrib.staticfiles",
    "django_htmx",
    "pgtrigger",
    "pghistory",
    "rest_framework",
    "drf_spectacular",
    "drf_spectacular_sidecar",
    "rtts_site",
    "rtts_site.foundation",
    "consent",
    "decisioning",
    "campaigns",
]
MIDDLEWARE = [
    "django.middleware.security.SecurityMiddleware",
    "whitenoise.middleware.WhiteNoiseMiddleware",
    "rtts_site.middleware.SecurityHeaders",
    "django.contrib.sessions.middleware.SessionMiddleware",
    "rtts_site.middleware.ChosenLanguage",
    "django.middleware.common.CommonMiddleware",
    "django.middleware.csrf.CsrfViewMiddleware",
    "django.contrib.auth.middleware.AuthenticationMiddleware",
    "django.contrib.messages.middleware.MessageMiddleware",
    "django.middleware.clickjacking.XFrameOptionsMiddleware",
    "django_htmx.middleware.HtmxMiddleware",
    "rtts_site.request_history.HistoryContext",
]
PGHISTORY_MIDDLEWARE_METHODS = ("POST", "PUT", "PATCH", "DELETE")
ROOT_URLCONF = "rtts_site.urls"
ASGI_APPLICATION = "rtts_site.asgi.application"
TEMPLATES = [
    {
        "BACKEND": "django.template.backends.django.DjangoTemplates",
        "DIRS": [BASE_DIR / "templates"],
        "APP_DIRS": True,
        "OPTIONS": {
            "context_processors": [
                "django.template.context_processors.request",
                "django.template.context_processors.i18n",
                "django.contrib.auth.context_processors.auth",
                "django.contrib.messages.context_processors.messages",
            ],
        },
    },
]
FORM_RENDERER = "django.forms.renderers.TemplatesSetting"
INSTALLED_APPS += ["django.forms"]

# People who sign in.
PASSWORD_HASHERS = [
    "django.contrib.auth.hashers.PBKDF2PasswordHasher",
    "django.contrib.auth.hashers.ScryptPasswordHasher",
]
AUTH_PASSWORD_VALIDATORS = [
    {"NAME": f"django.contrib.auth.password_validation.{name}"}
    for name in (
        "UserAttributeSimilarityValidator",
        "MinimumLengthValidator",
        "CommonPasswordValidator",
        "NumericPasswordValidator",
    )
]
DATA_UPLOAD_MAX_NUMBER_FIELDS = 5000  # a rule of 200 conditions, and the form around it
LOGIN_URL = "admin:login"
LOGIN_REDIRECT_URL = "admin:index"

# Transport and cookies.
SECURE_SSL_REDIRECT = RTTS_HTTPS
SECURE_HSTS_SECONDS = 31_536_000 if RTTS_HTTPS else 0
SECURE_HSTS_INCLUDE_SUBDOMAINS = RTTS_HTTPS
SECURE_HSTS_PRELOAD = RTTS_HTTPS
SESSION_COOKIE_SECURE = RTTS_HTTPS
CSRF_COOKIE_SECURE = RTTS_HTTPS
CSRF_TRUSTED_ORIGINS = env.list("RTTS_TRUSTED_ORIGINS", default=[])
SECURE_PROXY_SSL_HEADER = ("HTTP_X_FORWARDED_PROTO", "https") if RTTS_TRUST_PROXY else None
SECURE_REFERRER_POLICY = "same-origin"
X_FRAME_OPTIONS = "DENY"
SESSION_COOKIE_NAME = "rtts_session"
CSRF_COOKIE_NAME = "rtts_csrf"

# Pages.
LANGUAGE_CODE = "en"
LANGUAGES = [("en", "English"), ("de", "Deutsch")]  # as the user menu shows them
LOCALE_PATHS = [BASE_DIR / "rtts_site" / "locale"]
FORMAT_MODULE_PATH = ["rtts_site.formats"]
LANGUAGE_COOKIE_NAME = "rtts_language"
LANGUAGE_COOKIE_AGE = 365 * 86_400
LANGUAGE_COOKIE_SECURE = RTTS_HTTPS
LANGUAGE_COOKIE_HTTPONLY = True
LANGUAGE_COOKIE_SAMESITE = "Lax"
TIME_ZONE = env.str("RTTS_TIME_ZONE", default="UTC")
USE_I18N = True
USE_TZ = True
STATIC_URL = "/static/"
STATICFILES_DIRS = [path for path in [BASE_DIR / "static"] if path.is_dir()]
# One machine serves the files where they lie; a deployment runs `collectstatic` and sets this.
RTTS_COLLECTED_STATIC = env.bool("RTTS_COLLECTED_STATIC", default=False)
STATIC_ROOT = RTTS_VAR / "static" if RTTS_COLLECTED_STATIC else None
WHITENOISE_USE_FINDERS = not RTTS_COLLECTED_STATIC
_static_storage = (
    "whitenoise.storage.CompressedManifestStaticFilesStorage"
    if RTTS_COLLECTED_STATIC
    else "django.contrib.staticfiles.storage.StaticFilesStorage"
)
# Pictures: any Django storage class that every web machine and worker reaches; PostgreSQL is one.
MEDIA_URL = env.str("RTTS_MEDIA_URL", default="/media/")  # a CDN in front of it, for channels
_picture_storage = env.str(
    "RTTS_PICTURE_STORAGE", default="campaigns.images.storage.DatabaseStorage"
)
STORAGES = {
    "default": {"BACKEND": "django.core.files.storage.FileSystemStorage"},
    "pictures": {"BACKEND": _picture_storage},
    "staticfiles": {"BACKEND": _static_storage},
}

# What somebody who writes STOP stops: "channel", that one, or "all".
RTTS_STOP_SCOPE = env.str("RTTS_STOP_SCOPE", default="channel")
# This installation on the Global Vendor List; without a number every TC string denies.
RTTS_TCF_VENDOR_ID = env.int("RTTS_TCF_VENDOR_ID", default=0)
# Of purposes that the vendor registered so.
RTTS_TCF_LEGITIMATE_INTEREST = env.list("RTTS_TCF_LEGITIMATE_INTEREST", cast=int, default=[])
RTTS_TCF_DELETED_CMPS = env.list("RTTS_TCF_DELETED_CMPS", cast=int, default=[])

# Origins that may show people's own page inside theirs, e.g. "https://shop.example".
RTTS_EMBED_ORIGINS = env.list("RTTS_EMBED_ORIGINS", default=[])

# Webhooks go to public addresses over https only, unless this says otherwise.
RTTS_WEBHOOKS_PRIVATE = env.bool("RTTS_WEBHOOKS_PRIVATE", default=False)

# E-mails that triggers send; links in them lead to the public address.
RTTS_PUBLIC_URL = env.str("RTTS_PUBLIC_URL", default=f"http://{RTTS_HOST}:{RTTS_PORT}/")
EMAIL_HOST = env.str("RTTS_SMTP_HOST", default="localhost")
EMAIL_PORT = env.int("RTTS_SMTP_PORT", default=25)
EMAIL_HOST_USER = env.str("RTTS_SMTP_USER", default="")
EMAIL_HOST_PASSWORD = env.str("RTTS_SMTP_PASSWORD", default="")
EMAIL_USE_TLS = env.bool("RTTS_SMTP_TLS", default=False)
EMAIL_TIMEOUT = 10

# Management API.
REST_FRAMEWORK = {
    "DEFAULT_AUTHENTICATION_CLASSES": [
        "rest_framework.authentication.SessionAuthentication",
    ],
    "DEFAULT_PERMISSION_CLASSES": ["rest_framework.permissions.IsAuthenticated"],
    "EXCEPTION_HANDLER": "rtts_site.foundation.problems.exception_handler",
    "DEFAULT_SCHEMA_CLASS": "drf_spectacular.openapi.AutoSchema",
    "DEFAULT_RENDERER_CLASSES": ["rest_framework.renderers.JSONRenderer"],
    "DEFAULT_PARSER_CLASSES": ["rtts_site.foundation.parsing.BoundedJSONParser"],
}
SPECTACULAR_SETTINGS = {
    "TITLE": "Real-time targeting",
    "VERSION": "1",
    "DESCRIPTION": "Decide, ingest, prove consent, and manage what is live.",
    "SERVE_INCLUDE_SCHEMA": False,
    "POSTPROCESSING_HOOKS": [
        "drf_spectacular.hooks.postprocess_schema_enums",
        "decisioning.api.schema.add_fast_paths",
    ],
    "SWAGGER_UI_DIST": "SIDECAR",
    "SWAGGER_UI_FAVICON_HREF": "SIDECAR",
    "REDOC_DIST": "SIDECAR",
}

# Workers. Every task is idempotent, so a message may be delivered twice.
CELERY_BROKER_URL = RTTS_BROKER_URL
CELERY_BROKER_CONNECTION_RETRY_ON_STARTUP = True
CELERY_BROKER_POOL_ACQUIRE_TIMEOUT = 5
CELERY_TASK_SERIALIZER = "json"
CELERY_RESULT_SERIALIZER = "json"
CELERY_ACCEPT_CONTENT = ["json"]
CELERY_TASK_IGNORE_RESULT = True
CELERY_TASK_DEFAULT_QUEUE = "jobs"
CELERY_TASK_ROUTES = {
    "decisioning.drain": {"queue": "streams"},
    # What may not wait behind other work, first of all whatever puts a person's will in force.
    "consent.honour_gpc": {"queue": "first"},
    "consent.settle_fences": {"queue": "first"},
    "decisioning.finish_parting": {"queue": "first"},
    "decisioning.finish_partings": {"queue": "first"},
    "decisioning.join_consent": {"queue": "first"},
    "decisioning.part_consent": {"queue": "first"},
    "decisioning.seed_drains": {"queue": "first"},
    "site.send_due": {"queue": "first"},
}
CELERY_TASK_PUBLISH_RETRY = False
CELERY_TASK_ACKS_LATE = True
CELERY_TASK_REJECT_ON_WORKER_LOST = True
CELERY_TASK_TIME_LIMIT = 900
CELERY_TASK_SOFT_TIME_LIMIT = 840
CELERY_WORKER_PREFETCH_MULTIPLIER = 1
CELERY_WORKER_SOFT_SHUTDOWN_TIMEOUT = 2.0
CELERY_WORKER_HIJACK_ROOT_LOGGER = False
CELERY_WORKER_SEND_TASK_EVENTS = False
CELERY_TIMEZONE = "UTC"
_transport = {
    "visibility_timeout": 1800,  # longer than any task may run
    "unacked_restore_interval": 5,
    "socket_timeout": 10,
    "socket_connect_timeout": 5,
    "socket_keepalive": RTTS_BROKER_URL.startswith("redis"),
    "health_check_interval": 30,
}
CELERY_BROKER_TRANSPORT_OPTIONS = _transport
# What is here runs whether there is anything to do or not; tasks that seldom have say when: foundation/due.py.
CELERY_BEAT_SCHEDULE: dict[str, dict[str, Any]] = {
    "site: send what is due": {
        "task": "site.send_due",
        "schedule": 0.5,
        "options": {"expires": 1},
    },
    "decisioning: seed missing drains": {
        "task": "decisioning.seed_drains",
        "schedule": 1.0,
        "options": {"expires": 3},
    },
    "decisioning: keep Redis at the intake's terms": {
        "task": "decisioning.push_intake",
        "schedule": 60.0,
        "options": {"expires": 60},
    },
    "decisioning: ask providers": {
        "task": "decisioning.ask_providers",
        "schedule": 300.0,
        "options": {"expires": 300},
    },
    "decisioning: forget what is too old": {
        "task": "decisioning.forget_old",
        "schedule": 24 * 3600.0,
    },
    "decisioning: make months ahead": {
        "task": "decisioning.ensure_partitions",
        "schedule": 6 * 3600.0,
    },
    "decisioning: learn from outcomes": {
        "task": "decisioning.learn",
        "schedule": 30.0,
        "options": {"expires": 30},
    },
    "decisioning: forget old counts": {
        "task": "decisioning.forget_observed",
        "schedule": 24 * 3600.0,
    },
    "decisioning: forget old imports and runs": {
        "task": "decisioning.forget_connections",
        "schedule": 24 * 3600.0,
    },
    "decisioning: forget what was sent": {
        "task": "decisioning.forget_dispatches",
        "schedule": 24 * 3600.0,
    },
    "consent: finish what broke off": {
        "task": "consent.settle_fences",
        "schedule": 1.0,
        "options": {"expires": 5},
    },
    "consent: requests about rights": {
        "task": "consent.go_on_with_rights",
        "schedule": 5.0,
        "options": {"expires": 10},
    },
    "consent: seal the ledger": {
        "task": "consent.seal_ledger",
        "schedule": 5.0,
        "options": {"expires": 10},
    },
    "consent: anchor the ledger": {
        "task": "consent.anchor_ledger",
        "schedule": 3600.0,
        "options": {"expires": 3600},
    },
    "consent: forget what is settled": {"task": "consent.forget_settled", "schedule": 24 * 3600.0},
    "campaigns: remind of requests about rights": {
        "task": "campaigns.remind_of_rights",
        "schedule": 3600.0,
    },
    "campaigns: count live segments": {
        "task": "campaigns.take_stock",
        "schedule": 15.0,
        "options": {"expires": 15},
    },
    "campaigns: enrol people older than the roster": {
        "task": "campaigns.enrol_people",
        "schedule": 30.0,
        "options": {"expires": 30},
    },
    "campaigns: put the live release in force": {
        "task": "campaigns.push_live",
        "schedule": 15.0,
        "options": {"expires": 15},
    },
    "campaigns: judge what comes in": {
        "task": "campaigns.watch_quality",
        "schedule": 300.0,
        "options": {"expires": 300},
    },
    "campaigns: compare profiles with history in quiet hours": {
        "task": "campaigns.reconcile_off_peak",
        "schedule": 1800.0,
        "options": {"expires": 1800},
    },
    "campaigns: have somebody made up opt out": {
        "task": "campaigns.drill_opt_out",
        "schedule": 600.0,
        "options": {"expires": 600},
    },
    "campaigns: forget what webhooks were told": {
        "task": "campaigns.forget_deliveries",
        "schedule": 24 * 3600.0,
    },
    "site: note that beat and jobs run": {"task": "site.note_beat", "schedule": 10.0},
}

# Analysis of content. Following links asks other hosts, so a deployment has to allow it.
RTTS_FOLLOW_LINKS = env.bool("RTTS_FOLLOW_LINKS", default=False)
RTTS_LINK_HOSTS = env.list("RTTS_LINK_HOSTS", default=[])  # that links may lead to; none: any

# Logs go to standard output; the supervisor names the process.
LOGGING = {
    "version": 1,
    "disable_existing_loggers": False,
    "formatters": {"line": {"format": "%(levelname)s %(name)s: %(message)s"}},
    "filters": {"routes": {"()": "rtts_site.foundation.log_lines.RoutesForPaths"}},
    "handlers": {
        "console": {"class": "logging.StreamHandler", "formatter": "line", "filters": ["routes"]}
    },
    "root": {"handlers": ["console"], "level": env.str("RTTS_LOG_LEVEL", default="INFO")},
    "loggers": {
        "django.server": {"handlers": ["console"], "propagate": False},
        "celery.app.trace": {"level": "WARNING"},
        "httpx": {"level": "WARNING"},  # it would write addresses, which may hold tokens
        "celery.worker.strategy": {"level": "WARNING"},
        "celery.beat": {"level": "WARNING"},
    },
}
