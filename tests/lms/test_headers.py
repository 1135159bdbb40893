"""The headers of every answer: pages, errors, redirects, files, the CMS and previews."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest
from django.conf import settings as configuration
from django.test import Client
from django.urls import Resolver404, resolve, reverse

from content.videos import PLAYERS
from lms import headers
from tests.addresses import addresses
from tests.factories import CertificateFactory, MemberFactory, UserFactory, home_page

EVERYWHERE = {
    "X-Content-Type-Options": "nosniff",
    "Cross-Origin-Opener-Policy": "same-origin",
}
# The pages that may ask for camera, microphone and screen; no others.
CALLS = {"sessions:room", "sessions:device_test"}
STRICT = (
    "default-src 'none'; script-src 'self'; style-src 'self'; "
    "img-src 'self' data: blob:; font-src 'self'; connect-src 'self'; "
    "media-src 'self' blob:; frame-src https://www.youtube-nocookie.com "
    "https://player.vimeo.com; form-action 'self'; base-uri 'none'; "
    "object-src 'none'; frame-ancestors 'none'"
)
# What browsers may keep: nothing of a person, or, of a feed, nothing without asking.
MAY_BE_KEPT = {
    "branding_css",
    "media",
    "content:document",
    "wagtaildocs_serve",
    "badge",
    "credential",
    "did_document",
    "seal_roots",
    "status_list",
    "by_hash",
    "sessions:feed_file",
    "certificates:design_styles",
    "certificates:design_font",
}


def faults(response: Any, path: str) -> Iterator[str]:
    """What is missing from an answer."""
    for name, value in EVERYWHERE.items():
        if response.get(name) != value:
            yield f"{path}: {name} is {response.get(name)}"
    is_call = name_of(path) in CALLS and response.status_code == 200
    permissions = headers.permissions(is_call=is_call)
    if response.get("Permissions-Policy") != permissions:
        yield f"{path}: Permissions-Policy is {response.get('Permissions-Policy')}"
    corp = response.get("Cross-Origin-Resource-Policy")
    is_for_all = response.get("Access-Control-Allow-Origin") == "*"
    if corp != ("cross-origin" if is_for_all else "same-origin"):
        yield f"{path}: Cross-Origin-Resource-Policy is {corp}"
    policy = response.get("Content-Security-Policy", "")
    if "default-src 'none'" not in policy or "unsafe-eval" in policy:
        yield f"{path}: Content-Security-Policy is {policy}"
    if "unsafe-inline" in policy and not path.startswith("/cms/"):
        yield f"{path}: inline scripts may run"
    frames = "SAMEORIGIN" if path.startswith("/cms/") else "DENY"
    if response.get("X-Frame-Options") != frames:
        yield f"{path}: X-Frame-Options is {response.get('X-Frame-Options')}"
    if not response.get("Referrer-Policy"):
        yield f"{path}: no Referrer-Policy"


def name_of(path: str) -> str:
    try:
        return resolve(path).view_name
    except Resolver404:
        return ""


@pytest.mark.parametrize("who", ["anybody", "a manager of the channel team"])
@pytest.mark.django_db
def test_every_address_answers_with_all_headers(who: str) -> None:
    home_page()
    client = Client(raise_request_exception=False)
    if who != "anybody":
        user = UserFactory(is_staff=True, is_superuser=True)
        MemberFactory(user=user, is_manager=True)
        client.force_login(user)
    found, kept, asked = [], set(), 0

    for name, path in addresses():
        if "logout" in name:
            continue
        response = client.get(path)
        asked += 1
        found += list(faults(response, path))
        if "no-store" not in response.get("Cache-Control", ""):
            kept.add(name_of(path) or path)

    assert found == []
    assert kept <= MAY_BE_KEPT | {"wagtailadmin_javascript_catalog"}, kept
    assert asked > 300


@pytest.mark.django_db
def test_pages_run_nothing_inline_and_are_framed_by_nobody(client: Client) -> None:
    assert client.get("/accounts/login/")["Content-Security-Policy"] == STRICT
    assert headers.PLAYERS == PLAYERS


@pytest.mark.django_db
def test_errors_and_static_files_carry_them_too(
    settings: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fail(*_args: Any, **_options: Any) -> None:
        raise RuntimeError

    monkeypatch.setattr("certificates.public_views.SerialForm", fail)
    client = Client(raise_request_exception=False)
    answers = {
        404: client.get("/nothing-here/"),
        400: client.get("/c/", headers={"host": "evil.example"}),
        500: client.get("/c/"),
    }
    with closing(client.get("/static/lms/favicon.svg")) as static:
        assert list(faults(static, "/static/")) == []
        assert "no-store" not in static["Cache-Control"]
        static.getvalue()

    for status, response in answers.items():
        assert response.status_code == status
        assert list(faults(response, "/")) == [], status


@pytest.mark.django_db
def test_a_file_of_a_person_is_not_kept_by_the_browser() -> None:
    certificate = CertificateFactory()
    client = Client()
    client.force_login(certificate.enrolment.member.user)

    response = client.get(certificate.get_absolute_url())

    assert response["Cache-Control"] == "no-store"


@pytest.mark.parametrize(
    ("path", "policy"),
    [
        ("/join/abc/", "strict-origin"),
        ("/welcome/abc/", "strict-origin"),
        ("/accounts/password/reset/key/1-abc/", "strict-origin"),
        ("/calendar/abc.ics", "no-referrer"),
        ("/accounts/login/", "same-origin"),
    ],
)
@pytest.mark.django_db
def test_secret_addresses_are_told_to_nobody(
    client: Client, path: str, policy: str
) -> None:
    assert client.get(path)["Referrer-Policy"] == policy


@pytest.mark.django_db
def test_signing_out_clears_what_the_browser_kept() -> None:
    client = Client()
    client.force_login(MemberFactory().user)

    response = client.post(reverse("account_logout"))

    assert response["Clear-Site-Data"] == '"cache", "storage"'


# --- With TLS --------------------------------------------------------------------------

TLS = {
    "PUBLIC_URL": "https://qualifications.example.com",
    "BEHIND_PROXY": "1",
    "SECRET_KEY": "Gx7" + "0123456789abcdefghijklmnopqrstuvwxyz" * 2,
    "PATH": "/usr/bin:/bin",
    "LOG_LEVEL": "ERROR",  # for what is said to be all that is printed
}


def in_production(folder: Path, *program: str) -> str:
    (folder / "static").mkdir()
    done = subprocess.run(
        [sys.executable, "-W", "error", *program],
        cwd=configuration.BASE_DIR,
        env=TLS | {"DATABASE_URL": "sqlite://:memory:", "DATA_DIR": str(folder)},
        capture_output=True,
        text=True,
        check=False,
    )
    return done.stdout + done.stderr


def test_deploy_check_is_clean(tmp_path: Path) -> None:
    said = in_production(tmp_path, "manage.py", "check", "--deploy")

    assert said == "System check identified no issues (1 silenced).\n"


def test_production_has_hsts_and_host_cookies(tmp_path: Path) -> None:
    program = (
        "import django, os; os.environ['DJANGO_SETTINGS_MODULE'] = 'lms.settings'; "
        "django.setup(); from django.test import Client; "
        "answer = Client().get('/healthz', headers={'host': "
        "'qualifications.example.com', 'x-forwarded-proto': 'https'}); "
        "plain = Client().get('/c/', headers={'host': 'qualifications.example.com'}); "
        "from django.conf import settings as s; "
        "print(answer.status_code, answer['Strict-Transport-Security'], plain.status_code, "
        "plain['Location'], s.SESSION_COOKIE_NAME, s.CSRF_COOKIE_NAME, "
        "s.SESSION_COOKIE_SECURE, s.SESSION_COOKIE_HTTPONLY, s.CSRF_COOKIE_HTTPONLY, "
        "'upgrade-insecure-requests' in answer['Content-Security-Policy'])"
    )

    said = in_production(tmp_path, "-c", program).splitlines()[-1]

    assert said == (
        "200 max-age=63072000; includeSubDomains 301 "
        "https://qualifications.example.com/c/ __Host-sessionid __Host-csrftoken "
        "True True True True"
    )
