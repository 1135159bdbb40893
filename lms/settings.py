"""All settings, each from the environment (the README's table lists them).

Every variable has a default that works on a fresh machine, but for secrets in
production. A bad value stops the start with a sentence that names the variable.
"""

import re
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import timedelta
from pathlib import Path
from typing import Any, TypeVar
from urllib.parse import urlsplit
from zoneinfo import available_timezones

import environ
from django.utils.translation import gettext_lazy as _

from lms import production
from lms.s3 import Place, read_place

T = TypeVar("T")
BASE_DIR = Path(__file__).resolve().parent.parent
env = environ.Env()


def _value(
    name: str,
    default: T,
    parse: Callable[[str], T],
    wanted: str,
    *,
    secret: bool = False,
) -> T:
    """Read the variable `name`; stop the start with a sentence when it is bad.

    A `secret` may be in a file, and is not repeated by the sentence.
    """
    text = _secret(name) if secret else env.str(name, default="")
    if not text:
        return default
    try:
        return parse(text)
    except (ValueError, KeyError, environ.ImproperlyConfigured):
        shown = "not to be read" if secret else repr(text)
        raise SystemExit(f"{name} is {shown}: it must be {wanted}.") from None


def _parse_flag(text: str) -> bool:
    words = {"1": True, "true": True, "yes": True, "on": True}
    return (words | {"0": False, "false": False, "no": False, "off": False})[
        text.lower()
    ]


def _parse_count(text: str) -> int:
    if (count := int(text)) < 0:
        raise ValueError(text)
    return count


def _parse_port(text: str) -> int:
    if not 0 < (port := int(text)) < 65536:
        raise ValueError(text)
    return port


def _parse_address(text: str) -> str:
    parts = urlsplit(text)
    if parts.scheme not in ("http", "https") or not parts.hostname or parts.query:
        raise ValueError(text)
    return text.rstrip("/")


def _parse_origin(text: str) -> str:
    """Read the address of a whole site: no path, no name, no password."""
    parts = urlsplit(text)
    if parts.path.strip("/") or parts.fragment or parts.username is not None:
        raise ValueError(text)
    return _parse_address(text)


def _parse_contact(text: str) -> str:
    if not text.startswith(("mailto:", "https://")) or set(text) & set(" \r\n"):
        raise ValueError(text)
    return text


def _parse_zone(text: str) -> str:
    if text not in available_timezones():
        raise ValueError(text)
    return text


def _parse_servers(*schemes: str) -> Callable[[str], list[str]]:
    """Read addresses of STUN or TURN servers, parted by commas."""

    def parse(text: str) -> list[str]:
        servers = [server.strip() for server in text.split(",") if server.strip()]
        for server in servers:
            host = server.partition(":")[2].partition("?")[0]
            is_plain = host and not set(host) & set("/@# ")
            if not server.startswith(schemes) or not is_plain:
                raise ValueError(text)
        return servers

    return parse


def _secret(name: str) -> str:
    """Read a secret, or the file that `<name>_FILE` names; "" where there is none."""
    with _one_sentence():
        return production.read_secret(name)


@contextmanager
def _one_sentence() -> Iterator[None]:
    """Stop the start by what is said of production, and nothing else."""
    try:
        yield
    except production.Unfit as unfit:
        raise SystemExit(str(unfit)) from None


def _flag(name: str, default: bool) -> bool:
    return _value(name, default, _parse_flag, "1 or 0")


# --- The place -----------------------------------------------------------------

DEBUG = _flag("DEBUG", False)
DEMO = _flag("DEMO", False)
if DEMO and not DEBUG:
    raise SystemExit(
        "DEMO is on while DEBUG is off: demo people have a known password, "
        "so they are for trying out alone. Unset DEMO, or set DEBUG=1."
    )

REHEARSAL = _flag("REHEARSAL", False)

MFA_REQUIRED = _flag("MFA_REQUIRED", not DEMO)
if not MFA_REQUIRED and not DEMO:
    raise SystemExit(
        "MFA_REQUIRED is off while DEMO is off: trainers, managers and the channel "
        "team need a second factor. Unset MFA_REQUIRED, or set DEMO=1 to try it out."
    )

PORT = _value("PORT", 8000, _parse_port, "a port number from 1 to 65535")
DATA_DIR = Path(env.str("DATA_DIR", default=str(BASE_DIR / "var"))).resolve()
PUBLIC_URL = _value(
    "PUBLIC_URL",
    f"http://localhost:{PORT}",
    _parse_origin,
    "the address people type, such as https://qualifications.example.com",
)
SECRET_KEY = _secret("SECRET_KEY") or ("debug-only-key" if DEBUG else "")
SECRET_KEY_FALLBACKS = [
    key for key in re.split(r"[\s,]+", _secret("SECRET_KEY_FALLBACKS")) if key
]
if not DEBUG:
    with _one_sentence():
        production.require_key("SECRET_KEY", SECRET_KEY)
        for _key in SECRET_KEY_FALLBACKS:
            production.require_key("SECRET_KEY_FALLBACKS", _key)
        if not REHEARSAL:
            production.require_address(env.str("PUBLIC_URL", default=""))
ALLOWED_HOSTS = env.list("ALLOWED_HOSTS", default=[]) or [
    str(urlsplit(PUBLIC_URL).hostname),
    *(("localhost", "127.0.0.1", "[::1]") if DEBUG else ()),
]
CSRF_TRUSTED_ORIGINS = [PUBLIC_URL]
_TLS = PUBLIC_URL.startswith("https://")
BEHIND_PROXY = _flag("BEHIND_PROXY", False)
SESSION_COOKIE_SECURE = CSRF_COOKIE_SECURE = _TLS
SESSION_COOKIE_NAME = "__Host-sessionid" if _TLS else "sessionid"
CSRF_COOKIE_NAME = "__Host-csrftoken" if _TLS else "csrftoken"
SESSION_COOKIE_HTTPONLY = CSRF_COOKIE_HTTPONLY = True
SESSION_COOKIE_SAMESITE = CSRF_COOKIE_SAMESITE = "Lax"
SECURE_PROXY_SSL_HEADER = ("HTTP_X_FORWARDED_PROTO", "https") if BEHIND_PROXY else None

# --- The house -----------------------------------------------------------------

INSTALLED_APPS = [
    "lms.audit",
    "lms.mail",
    "lms.people",
    "content",
    "courses",
    "sessions",
    "certificates",
    "lms.privacy",
    "lms.operations",
    "lms.dashboards",
    "lms.seed",
    "schedule",
    "wagtail.contrib.typed_table_block",
    "wagtail.contrib.forms",
    "wagtail.contrib.redirects",
    "wagtail.contrib.settings",
    "wagtail.embeds",
    "wagtail.sites",
    "lms.people.apps.CmsUsersConfig",
    "wagtail.snippets",
    "wagtail.documents",
    "wagtail.images",
    "wagtail.search",
    "wagtail.admin",
    "wagtail",
    "modelcluster",
    "taggit",
    "treebeard",
    "django_tasks",
    "django_tasks_db",
    "django_htmx",
    "allauth",
    "allauth.account",
    "allauth.mfa",
    "django.contrib.auth",
    "django.contrib.contenttypes",
    "django.contrib.humanize",
    "django.contrib.sessions",
    "django.contrib.messages",
    "django.contrib.staticfiles",
    "django.forms",
]

MIDDLEWARE = [
    "lms.headers.HeadersMiddleware",
    "lms.shared_cache.CacheAwayMiddleware",
    "lms.audit.whence.WhenceMiddleware",
    "lms.operations.logs.RequestsMiddleware",
    "django.middleware.security.SecurityMiddleware",
    "whitenoise.middleware.WhiteNoiseMiddleware",
    "django.contrib.sessions.middleware.SessionMiddleware",
    "django.middleware.locale.LocaleMiddleware",
    "django.middleware.common.CommonMiddleware",
    "django.middleware.csrf.CsrfViewMiddleware",
    "django.contrib.auth.middleware.AuthenticationMiddleware",
    "django.contrib.messages.middleware.MessageMiddleware",
    "django.middleware.clickjacking.XFrameOptionsMiddleware",
    "allauth.account.middleware.AccountMiddleware",
    "django_htmx.middleware.HtmxMiddleware",
    "lms.people.middleware.AccessMiddleware",
    "lms.people.middleware.SignInLifeMiddleware",
    "lms.people.middleware.SecondFactorMiddleware",
    "content.middleware.KeptSiteMiddleware",
    "content.middleware.PageRedirects",
    "content.middleware.NextPageMiddleware",
]

ROOT_URLCONF = "lms.urls"
WSGI_APPLICATION = "lms.wsgi.application"
TEMPLATES = [
    {
        "BACKEND": "django.template.backends.django.DjangoTemplates",
        "DIRS": [BASE_DIR / "templates"],
        "APP_DIRS": True,
        "OPTIONS": {
            "context_processors": [
                "django.template.context_processors.request",
                "django.contrib.auth.context_processors.auth",
                "django.contrib.messages.context_processors.messages",
                "django.template.context_processors.i18n",
                "lms.dashboards.context.page",
            ],
            "builtins": ["content.templatetags.frame"],
        },
    },
]
FORM_RENDERER = "lms.forms.Renderer"
DEFAULT_AUTO_FIELD = "django.db.models.BigAutoField"

# --- Engines -------------------------------------------------------------------


def _parse_database(text: str) -> dict[str, Any]:
    """Read an address; the database's promises are written for these two engines."""
    if urlsplit(text).scheme not in ("sqlite", "postgres", "postgresql"):
        raise ValueError(text)
    parsed: dict[str, Any] = environ.Env.db_url_config(text)
    if not parsed["NAME"]:
        raise ValueError(text)
    return parsed


_SQLITE = "django.db.backends.sqlite3"
DATABASES: dict[str, dict[str, Any]] = {
    "default": _value(
        "DATABASE_URL",
        {"ENGINE": _SQLITE, "NAME": str(DATA_DIR / "db.sqlite3")},
        _parse_database,
        "sqlite:///path or postgresql://user:password@host/name",
        secret=True,
    )
}
if DATABASES["default"]["ENGINE"] == _SQLITE:
    # Whoever closes the last connection writes all that is new into the database's file
    # and drops the log beside it: several waits for the disk, at the end of any request.
    DATABASES["default"].setdefault("CONN_MAX_AGE", 60)
    DATABASES["default"]["OPTIONS"] = {
        "transaction_mode": "IMMEDIATE",
        "timeout": 20,
        "init_command": (
            "PRAGMA journal_mode=WAL; PRAGMA synchronous=FULL; PRAGMA cache_size=-16000"
        ),
    }
else:  # a connection takes PostgreSQL longer than a page's question
    DATABASES["default"].setdefault("CONN_MAX_AGE", 600)
    DATABASES["default"].setdefault("CONN_HEALTH_CHECKS", True)
    # So does planning one: what a connection has asked five times, it has planned.
    DATABASES["default"]["OPTIONS"] = {
        "server_side_binding": True,
        "prepare_threshold": 5,
    } | DATABASES["default"].get("OPTIONS", {})


def _parse_redis(text: str) -> str:
    parts = urlsplit(text)
    place = parts.path if parts.scheme == "unix" else parts.hostname
    if parts.scheme not in ("redis", "rediss", "unix") or not place:
        raise ValueError(text)
    return text


REDIS_URL = _value(
    "REDIS_URL",
    "",
    _parse_redis,
    "an address such as redis://:password@host:6379/0",
    secret=True,
)
CACHES: dict[str, dict[str, Any]] = {
    "default": {
        "BACKEND": "lms.shared_cache.SharedRedis",
        "LOCATION": [REDIS_URL],  # in a list, since a password may hold a comma
    }
    if REDIS_URL
    else {
        "BACKEND": "lms.shared_cache.SharedCache",
        "LOCATION": "cache",
        "OPTIONS": {"MAX_ENTRIES": 10_000},
    },
    # Wagtail would keep whole records there, which a question brings as fast.
    "renditions": {"BACKEND": "django.core.cache.backends.dummy.DummyCache"},
}

TASKS = {
    "default": {"BACKEND": "django_tasks.backends.immediate.ImmediateBackend"},
    "jobs": {"BACKEND": "lms.operations.asking.JobsBackend", "QUEUES": ["default"]},
}

MEDIA_ROOT = DATA_DIR / "media"
MEDIA_URL = "/media/"
PRIVATE_ROOT = DATA_DIR / "private"
STATIC_ROOT = DATA_DIR / "static"
STATIC_URL = "/static/"
STATICFILES_DIRS = [BASE_DIR / "lms" / "static"]
S3_URL: Place | None = _value(
    "S3_URL",
    None,
    read_place,
    "an address such as https://KEY:SECRET@s3.example.com/bucket?region=eu-central-1",
    secret=True,
)
_IN_FOLDERS: dict[str, dict[str, Any]] = {
    "default": {"BACKEND": "django.core.files.storage.FileSystemStorage"},
    "private": {
        "BACKEND": "django.core.files.storage.FileSystemStorage",
        "OPTIONS": {"location": PRIVATE_ROOT, "base_url": None},
    },
}
_IN_A_BUCKET: dict[str, dict[str, Any]] = {
    "default": {
        "BACKEND": "lms.storage.BucketStorage",
        "OPTIONS": {"place": S3_URL, "prefix": "media/", "base_url": MEDIA_URL},
    },
    "private": {
        "BACKEND": "lms.storage.BucketStorage",
        "OPTIONS": {"place": S3_URL, "prefix": "private/"},
    },
}
STORAGES: dict[str, dict[str, Any]] = {
    **(_IN_A_BUCKET if S3_URL else _IN_FOLDERS),
    "staticfiles": {
        "BACKEND": (
            "django.contrib.staticfiles.storage.StaticFilesStorage"
            if DEBUG
            else "lms.staticfiles.StaticFiles"
        )
    },
}
WHITENOISE_USE_FINDERS = DEBUG

# --- Mail ----------------------------------------------------------------------

MAIL_FROM = env.str("MAIL_FROM", default="ByteKast Qualifications <training@localhost>")
DEFAULT_FROM_EMAIL = SERVER_EMAIL = MAIL_FROM
MAIL_FOLDER = DATA_DIR / "mail"
_mail: dict[str, Any] = _value(
    "EMAIL_URL",
    {},
    lambda text: dict(environ.Env.email_url_config(text)),
    "an address such as smtp+tls://user:password@mail.example.com:587",
    secret=True,
)
if _mail:
    EMAIL_BACKEND = str(_mail["EMAIL_BACKEND"])
    EMAIL_HOST = str(_mail.get("EMAIL_HOST") or "localhost")
    EMAIL_PORT = int(str(_mail.get("EMAIL_PORT") or 25))
    EMAIL_HOST_USER = str(_mail.get("EMAIL_HOST_USER") or "")
    EMAIL_HOST_PASSWORD = str(_mail.get("EMAIL_HOST_PASSWORD") or "")
    EMAIL_USE_TLS = bool(_mail.get("EMAIL_USE_TLS"))
    EMAIL_USE_SSL = bool(_mail.get("EMAIL_USE_SSL"))
    EMAIL_TIMEOUT = 30
else:
    EMAIL_BACKEND = "lms.mail.backends.ConsoleAndFolder"

# --- People and sign-in --------------------------------------------------------

AUTH_USER_MODEL = "people.User"
AUTHENTICATION_BACKENDS = ["lms.people.backends.AuthenticationBackend"]
AUTH_PASSWORD_VALIDATORS = [
    {
        "NAME": (
            "django.contrib.auth.password_validation.UserAttributeSimilarityValidator"
        ),
        "OPTIONS": {"user_attributes": ("email", "full_name")},
    },
    {
        "NAME": "django.contrib.auth.password_validation.MinimumLengthValidator",
        "OPTIONS": {"min_length": 12},
    },
    {"NAME": "django.contrib.auth.password_validation.CommonPasswordValidator"},
]
LOGIN_URL = "account_login"
LOGIN_REDIRECT_URL = "landing"
SIGN_IN = (timedelta(hours=8), timedelta(days=7))  # unused, and at most
SIGN_IN_OF_STAFF = (timedelta(minutes=30), timedelta(hours=12))
SESSION_COOKIE_AGE = int(timedelta(days=7).total_seconds())

ACCOUNT_ADAPTER = "lms.people.adapters.AccountAdapter"
ACCOUNT_USER_MODEL_USERNAME_FIELD = None
ACCOUNT_LOGIN_METHODS = {"email"}
ACCOUNT_SIGNUP_FIELDS = ["email*", "password1*", "password2*"]
ACCOUNT_EMAIL_VERIFICATION = "optional"
ACCOUNT_LOGOUT_REDIRECT_URL = "/"
ACCOUNT_SESSION_REMEMBER = None
ACCOUNT_EMAIL_NOTIFICATIONS = True
ALLAUTH_TRUSTED_PROXY_COUNT = int(BEHIND_PROXY)  # whose limits count
MFA_SUPPORTED_TYPES = ["totp", "recovery_codes", "webauthn"]
MFA_PASSKEY_LOGIN_ENABLED = True
MFA_ADAPTER = "lms.people.adapters.MfaAdapter"
MFA_FORMS = {
    "add_webauthn": "lms.people.factor_forms.AddPasskeyForm",
    "authenticate_webauthn": "lms.people.factor_forms.WithPasskey",
    "reauthenticate_webauthn": "lms.people.factor_forms.OnceMoreWithPasskey",
    "login_webauthn": "lms.people.factor_forms.PasskeyAlone",
}
MFA_RECOVERY_CODES_SHOW_ONCE = True
MFA_TOTP_ISSUER = "ByteKast Qualifications"
MFA_WEBAUTHN_ALLOW_INSECURE_ORIGIN = not _TLS
OIDC_ON_LOOPBACK = DEBUG  # a company's sign-in by http on this machine, to try it out
INVITATION_LIFE = timedelta(days=14)

# --- Calls and certificates ----------------------------------------------------

ROOM_OPENS_BEFORE = timedelta(minutes=10)
ROOM_CLOSES_AFTER = timedelta(hours=1)
LONGEST_CALL = timedelta(minutes=90)
PROPOSAL_LIFE = timedelta(hours=48)
EARLIER_LIFE = timedelta(hours=2)  # of a freed time, proposed to who waits
TURN_LIFE = timedelta(hours=1)  # of credentials for the relay
UID_HOST = str(urlsplit(PUBLIC_URL).hostname)  # of calendar files
FREE_TIME_ALARM = timedelta(
    days=_value("FREE_TIME_ALARM_DAYS", 10, _parse_count, "a number of days")
)
SIGN_OFF_UNDO = timedelta(
    minutes=_value("SIGN_OFF_UNDO_MINUTES", 15, _parse_count, "a number of minutes")
)
RENEWAL_OPENS = timedelta(  # before a qualification ends
    days=_value("RENEWAL_OPENS_DAYS", 90, _parse_count, "a number of days")
)
STUN_URLS: list[str] = _value(
    "STUN_URL",
    [],
    _parse_servers("stun:", "stuns:"),
    "addresses such as stun:stun.example.com:3478, parted by commas",
)
TURN_URLS: list[str] = _value(
    "TURN_URL",
    [],
    _parse_servers("turn:", "turns:"),
    "addresses such as turn:turn.example.com:3478, parted by commas",
)
TURN_SECRET = _secret("TURN_SECRET")
if TURN_URLS and len(TURN_SECRET) < 16:
    raise SystemExit(
        "TURN_URL is set, and TURN_SECRET is unset or short: set it to the relay's "
        "static-auth-secret, at least 16 random characters."
    )
# By one person, so that nobody floods others with mail: as many as a list has lines.
INVITATIONS_A_DAY = _value(
    "INVITATIONS_A_DAY", 10_000, _parse_count, "a number of invitations"
)
TSA_URL = _value(
    "TSA_URL",
    "",
    _parse_address,
    "the address of a time-stamp authority, such as https://tsa.example.com/tsr",
)

# --- How long things are kept: 0 is for ever ------------------------------------

_DAYS_KEPT = (_parse_count, "a number of days, 0 for ever")
KEEP_RECORDS_DAYS = _value("KEEP_RECORDS_DAYS", 2192, *_DAYS_KEPT)  # six years
KEEP_NOTES_DAYS = _value("KEEP_NOTES_DAYS", 365, *_DAYS_KEPT)
KEEP_MAIL_DAYS = _value("KEEP_MAIL_DAYS", 183, *_DAYS_KEPT)
KEEP_INVITATIONS_DAYS = _value("KEEP_INVITATIONS_DAYS", 365, *_DAYS_KEPT)

# --- Wagtail -------------------------------------------------------------------

WAGTAIL_SITE_NAME = "ByteKast Qualifications"
WAGTAILADMIN_BASE_URL = PUBLIC_URL
WAGTAILADMIN_LOGIN_URL = "/accounts/login/"
WAGTAIL_FRONTEND_LOGIN_URL = "/accounts/login/"
WAGTAIL_PASSWORD_RESET_ENABLED = False
WAGTAIL_PASSWORD_MANAGEMENT_ENABLED = False
WAGTAIL_EMAIL_MANAGEMENT_ENABLED = False
WAGTAIL_ENABLE_UPDATE_CHECK = False
WAGTAIL_ENABLE_WHATS_NEW_BANNER = False
WAGTAIL_GRAVATAR_PROVIDER_URL = None
WAGTAIL_I18N_ENABLED = False
WAGTAILSEARCH_BACKENDS = {"default": {"BACKEND": "content.search_backend"}}
WAGTAILDOCS_SERVE_METHOD = "serve_view"
WAGTAILDOCS_DOCUMENT_FORM_BASE = "content.uploads.DocumentForm"
WAGTAILDOCS_CONTENT_TYPES = {"vtt": "text/vtt", "mp4": "video/mp4"}
WAGTAILDOCS_INLINE_CONTENT_TYPES: list[str] = []  # what is uploaded never runs here
WAGTAILIMAGES_EXTENSIONS = ["jpg", "jpeg", "png", "webp"]
WAGTAILIMAGES_MAX_UPLOAD_SIZE = 25 * 1024 * 1024
WAGTAILIMAGES_MAX_IMAGE_PIXELS = 40_000_000
TAGGIT_CASE_INSENSITIVE = True

# --- Words and time ------------------------------------------------------------

LANGUAGE_CODE = "en-gb"
LANGUAGES = [("en-gb", _("English"))]
TIME_ZONE = "UTC"
USE_TZ = True
USE_I18N = True
HOME_TIME_ZONE = _value(
    "HOME_TIME_ZONE", "Europe/London", _parse_zone, "a zone such as Europe/London"
)

SECURITY_CONTACT = _value(
    "SECURITY_CONTACT",
    "",
    _parse_contact,
    "mailto:security@example.com, or https://example.com/security",
)

# --- Headers -------------------------------------------------------------------

# `lms/headers.py` writes them all; by these Django's own parts agree.
SECURE_CONTENT_TYPE_NOSNIFF = True
SECURE_REFERRER_POLICY = "same-origin"
X_FRAME_OPTIONS = "DENY"
SECURE_HSTS_SECONDS = 63_072_000 if _TLS else 0
SECURE_HSTS_INCLUDE_SUBDOMAINS = _TLS
SECURE_SSL_REDIRECT = _TLS and BEHIND_PROXY
SECURE_REDIRECT_EXEMPT = ["^healthz$", "^readyz$"]  # asked from inside
SILENCED_SYSTEM_CHECKS = ["security.W021"]  # to be preloaded is the domain owner's wish

# --- Logs ----------------------------------------------------------------------

METRICS_TOKEN = _secret("METRICS_TOKEN")
if METRICS_TOKEN and len(METRICS_TOKEN) < 16:
    raise SystemExit(
        "METRICS_TOKEN is short: set it to at least 16 random characters, or unset it."
    )
SENTRY_DSN = _value(
    "SENTRY_DSN", "", _parse_address, "the address that Sentry gives", secret=True
)
LOG_FORMAT = _value(
    "LOG_FORMAT", "text", {"text": "text", "json": "json"}.__getitem__, "text or json"
)
LOG_LEVEL = _value(
    "LOG_LEVEL",
    "INFO",
    {name: name for name in ("DEBUG", "INFO", "WARNING", "ERROR")}.__getitem__,
    "DEBUG, INFO, WARNING or ERROR",
)
LOGGING = {
    "version": 1,
    "disable_existing_loggers": False,
    "formatters": {
        "text": {"()": "lms.operations.lines.Text", "whole": DEBUG},
        "json": {"()": "lms.operations.lines.Json"},
    },
    "filters": {
        "cause": {"()": "lms.operations.cause.Cause"},
        "hide_secrets": {"()": "lms.people.logs.HideSecrets"},
    },
    "handlers": {
        "console": {
            "class": "logging.StreamHandler",
            "formatter": LOG_FORMAT,
            "filters": ["cause", "hide_secrets"],
        }
    },
    "root": {"handlers": ["console"], "level": LOG_LEVEL},
    "loggers": {
        # What served it tells the same, where it is tried out.
        "lms.requests": {"level": "WARNING" if DEBUG else "NOTSET"},
        # Django's own handlers would write beside ours, past the filter.
        "django": {"handlers": [], "level": "INFO"},
        "django.server": {"handlers": [], "propagate": True},
        # It logs each broken file that somebody brings.
        "pyhanko": {"level": "CRITICAL"},
        # A line for each page and each of its tasks says too much.
        **{
            name: {"level": "WARNING"}
            for name in ("wagtail", "django_tasks", "fontTools", "weasyprint", "fido2")
        },
    },
}
