"""What makes, seals and examines files is the worker's: no page of the site loads it."""

import subprocess
import sys

import pytest
from django.conf import settings
from django.urls import reverse

from certificates import serials
from certificates.models import Certificate
from certificates.preparing import prepare
from tests.factories import CertificateFactory, UserFactory

HEAVY = ["weasyprint", "pydyf", "pikepdf", "pyhanko", "pyhanko_certvalidator"]
DOORS = ["certificates.renderer", "certificates.sealer", "certificates.examining"]
FIND_THEM = f"""
import sys, django
django.setup()
import lms.wsgi
from django.urls import URLPattern, get_resolver
def views(patterns):
    for each in patterns:
        if isinstance(each, URLPattern):
            yield each.callback
        else:
            yield from views(each.url_patterns)
print(len(list(views(get_resolver().url_patterns))))
print(*[name for name in {HEAVY + DOORS!r} if name in sys.modules])
"""


def test_no_address_of_the_site_loads_them():
    """In a fresh process: the web process has every address before its first request."""
    said = subprocess.run(
        [sys.executable, "-c", FIND_THEM],
        cwd=settings.BASE_DIR,
        check=True,
        capture_output=True,
        text=True,
    ).stdout

    count, loaded = said.splitlines()
    assert int(count) > 100
    assert loaded == ""


@pytest.fixture
def ready(db):
    certificate = CertificateFactory()
    assert prepare(certificate.pk)
    return Certificate.objects.get(pk=certificate.pk)


@pytest.fixture
def without_tools(ready, monkeypatch):
    """From here on nothing that makes or examines a file can be imported."""
    for name in [*HEAVY, *DOORS]:
        monkeypatch.setitem(sys.modules, name, None)


@pytest.mark.django_db
def test_every_page_of_a_certificate_is_answered_without_them(
    client, ready, without_tools
):
    holder, staff = ready.enrolment.member.user, UserFactory(is_staff=True)
    shown = serials.shown(ready.serial)
    asked = {
        None: {
            "verify_form": [],
            "verify": [shown],
            "by_hash": [ready.pdf_sha256],
            "credential": [shown],
            "badge": [shown],
            "did_document": [],
            "seal_roots": [],
            "status_list": ["0"],
        },
        holder: {
            "certificates:certificates": [],
            "certificates:certificate": [ready.serial],
            "certificates:pdf": [ready.serial],
            "certificates:credential": [ready.serial],
        },
        staff: {
            "certificates:team": [],
            "certificates:pack": [],
            "certificates:audits": [],
            "certificates:staff": [],
            "certificates:manage": [ready.serial],
        },
    }

    for person, addresses in asked.items():
        if person:
            client.force_login(person)
        for name, args in addresses.items():
            answer = client.get(reverse(name, args=args))
            if answer.streaming:
                assert b"".join(answer.streaming_content)
            assert answer.status_code == 200, name


def test_the_worker_needs_them(ready, without_tools):
    """Or else the test above would show nothing."""
    with pytest.raises(ImportError, match=r"halted; None in sys\.modules"):
        prepare(CertificateFactory().pk)
