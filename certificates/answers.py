"""What the verify page says, as JSON for programs: its shape is always the same.

`status` is valid, not-yet, expired, replaced, revoked or withdrawn; or not-found,
sample, mistyped or too-many-requests, and then `certificate` is null. Dates are ISO
8601; `valid_until` is the first day on which it counts no more. `name` is empty after
an erasure.
"""

from __future__ import annotations

from typing import Any

from django.conf import settings
from django.utils.timezone import now

from certificates import serials
from certificates.badge import badge_url, credential_url
from certificates.claims import verify_url
from certificates.models import Certificate, Statement
from certificates.sharing import Naming, naming_of, public_form
from certificates.statuses import PLACES, list_url
from certificates.verdict import Verdict
from courses.models import Edition


def answer(
    serial: str,
    status: str,
    found: Certificate | None = None,
    verdict: Verdict | None = None,
    newer: Edition | None = None,
) -> dict[str, Any]:
    """The whole answer; `serial` as it is stored, or as it was typed."""
    is_serial = serials.is_well_formed(serial)
    return {
        "serial": serials.shown(serial) if is_serial else serial[:60],
        "status": status,
        "checked_at": now().strftime("%Y-%m-%dT%H:%M:%SZ"),
        "certificate": _certificate(found, verdict, newer) if found else None,
    }


def _certificate(
    found: Certificate, verdict: Verdict | None, newer: Edition | None
) -> dict[str, Any]:
    claim, naming = public_form(found), naming_of(found)
    successor = verdict.successor if verdict else None
    return {
        "name": claim["name"],
        "name_is": {
            Naming.WHOLE: "whole",
            Naming.INITIALS: "initials",
            Naming.WITHDRAWN: "withdrawn",
        }[naming],
        "reseller": claim["reseller"],
        "programme": claim["programme"],
        "topics": claim["topics"],
        "issuer": claim["issuer"],
        "issued_on": claim["issued_on"],
        "valid_from": claim["valid_from"],
        "valid_until": claim["valid_until"],
        "ended_on": found.ended_at and found.ended_at.date().isoformat(),
        "replaced_by": successor and serials.shown(successor.serial),
        "programme_changed_on": newer and newer.effective_on.isoformat(),
        "file": file_facts(found),
        "links": {
            "page": verify_url(found.serial),
            "credential": credential_url(found.serial),
            "badge": badge_url(found.serial),
            "keys": settings.PUBLIC_URL + "/.well-known/did.json",
            "status_list": _status_list(found),
        },
    }


def answer_of_statement(found: Statement) -> dict[str, Any]:
    """A statement of standing: its claim, as it was on its day, and if it stands.

    `status` is statement or withdrawn; `certificate` is null.
    """
    status = "withdrawn" if found.withdrawn_at else "statement"
    return {
        **answer(found.serial, status),
        "statement": {
            **found.claim,
            "serial": serials.shown(found.serial),
            "sha256": found.sha256,
            "withdrawn_on": found.withdrawn_at
            and found.withdrawn_at.date().isoformat(),
            "file": file_facts(found),
        },
    }


def file_facts(found: Certificate | Statement) -> dict[str, Any] | None:
    """By what its PDF is known again; None before it has one.

    Its length in bytes tells whether bytes were added; None where it is no more.
    """
    if not found.pdf_sha256:
        return None
    try:
        length = found.pdf.size if found.pdf else None
    except OSError:  # the storage has lost it: what it was is known still
        length = None
    return {"sha256": found.pdf_sha256, "bytes": length}


def _status_list(found: Certificate) -> str | None:
    if found.status_index is None:
        return None
    return list_url(found.status_index // PLACES)
