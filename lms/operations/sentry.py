"""Errors to Sentry, where SENTRY_DSN says so: where and of which kind, nobody's data.

What an error says is left out, as in the log: it may quote what somebody typed. So are
query strings, forms, cookies, headers, addresses, local variables and who was signed in.
"""

from __future__ import annotations

import subprocess
import tomllib
from typing import Any

from django.conf import settings

_KEPT_OF_REQUEST = ("method",)


def start(dsn: str, **options: Any) -> None:
    """Tell Sentry of errors from here on. Stops the start where its package is not."""
    try:
        import sentry_sdk  # noqa: PLC0415  # an extra: who does not use it lacks it
    except ImportError:
        raise SystemExit(
            "SENTRY_DSN is set, and its package is not installed: "
            'run `EXTRAS="sentry" make install`, or unset SENTRY_DSN.'
        ) from None
    sentry_sdk.init(
        dsn=dsn,
        release=release(),
        environment="trying out" if settings.DEBUG else "production",
        include_local_variables=False,
        include_source_context=False,
        max_request_body_size="never",
        max_breadcrumbs=0,
        server_name="",
        auto_session_tracking=False,
        before_send=scrubbed,
        **options,
    )


def scrubbed(event: Any, hint: Any = None) -> Any:
    """The same event without what might be about somebody."""
    for part in ("user", "breadcrumbs", "extra", "server_name", "modules"):
        event.pop(part, None)
    if "request" in event:
        request = event["request"]
        event["request"] = {
            name: request[name] for name in _KEPT_OF_REQUEST if name in request
        }
    for error in event.get("exception", {}).get("values", []):
        error["value"] = ""
        for frame in error.get("stacktrace", {}).get("frames", []):
            frame.pop("vars", None)
    if "logentry" in event:  # what it says is filled in by now: say where it is said
        line = (hint or {}).get("log_record")
        where = f"{line.module}:{line.lineno}" if line else ""
        event["logentry"] = {"message": f"{event.get('logger', '')} {where}".strip()}
    return event


def release() -> str:
    """Which code this is: the version, and the commit where it is known."""
    project = tomllib.loads((settings.BASE_DIR / "pyproject.toml").read_text())
    version = str(project["project"]["version"])
    try:
        found = subprocess.run(
            ["git", "rev-parse", "--short", "HEAD"],  # noqa: S607  # wherever it is
            cwd=settings.BASE_DIR,
            capture_output=True,
            text=True,
            timeout=5,
            check=True,
        )
    except (OSError, subprocess.SubprocessError):
        return version
    return f"{version}+{found.stdout.strip()}"
