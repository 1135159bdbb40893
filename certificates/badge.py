"""A certificate as an Open Badges 3.0 credential, which programs read and check.

It says what the certificate says, and names its holder by their name alone: an email
address, hashed even with a salt that is public, could be guessed. Its place in a
status list tells whether it still stands.
"""

from __future__ import annotations

import json
from datetime import UTC, date, datetime
from typing import Any
from uuid import NAMESPACE_URL, uuid5

from django.conf import settings
from django.urls import reverse
from django.utils.translation import gettext as _
from django.utils.translation import override

from certificates import serials, sharing, statuses
from certificates.badge_picture import Colours, picture, with_text
from certificates.claims import ISSUER
from certificates.designing import colours_of
from certificates.keys import badge_keys, issuer_id, verification_method
from certificates.models import Certificate
from certificates.proofs import CREDENTIALS_V2, OPEN_BADGES_V3, signed
from certificates.sharing import Naming

KEYWORD = "openbadgecredential"  # of the baked picture: Open Badges 3.0, baking
_CONTROLS = dict.fromkeys([*range(32), 127])


def credential_of(certificate: Certificate) -> dict[str, Any]:
    """The whole credential, which the file carries: the same for the same claim and key.

    Raises `keyfiles.KeyTrouble`.
    """
    return _credential(certificate, sharing.claim_of(certificate), Naming.WHOLE)


def public_credential(certificate: Certificate) -> dict[str, Any]:
    """The credential for everybody: with initials, if its holder hides the name.

    Where nothing is hidden it is the one inside the file. Raises `keyfiles.KeyTrouble`.
    """
    naming = sharing.naming_of(certificate)
    if naming is Naming.WHOLE:
        return certificate.credential or credential_of(certificate)
    return _credential(certificate, sharing.public_form(certificate), naming)


def baked_png(certificate: Certificate) -> bytes:
    """A picture that carries the public credential. Raises `keyfiles.KeyTrouble`."""
    claim = sharing.public_form(certificate)
    text = as_text(public_credential(certificate))
    drawing = picture(
        claim["programme"]["title"],
        issued_on=date.fromisoformat(claim["issued_on"]),
        valid_until=_day(claim["valid_until"]),
        issuer=claim["issuer"],
        colours=Colours.of(*colours_of(certificate.design)),
    )
    return with_text(drawing, KEYWORD, text)


def did_document() -> dict[str, Any]:
    """Our keys for badges, as did:web publishes them; retired ones verify still."""
    methods = [
        {
            "id": verification_method(public),
            "type": "Multikey",
            "controller": issuer_id(),
            "publicKeyMultibase": name,
        }
        for name, public in badge_keys().items()
    ]
    return {
        "@context": [
            "https://www.w3.org/ns/did/v1",
            "https://w3id.org/security/multikey/v1",
        ],
        "id": issuer_id(),
        "verificationMethod": methods,
        "assertionMethod": [method["id"] for method in methods],
    }


def as_text(credential: dict[str, Any]) -> str:
    """The one way a credential is written down: as it is signed, so it is read."""
    return json.dumps(credential, ensure_ascii=False, separators=(",", ":"))


def credential_url(serial: str) -> str:
    return settings.PUBLIC_URL + reverse("credential", args=[serials.shown(serial)])


def badge_url(serial: str) -> str:
    return settings.PUBLIC_URL + reverse("badge", args=[serials.shown(serial)])


def _credential(
    certificate: Certificate, claim: dict[str, Any], naming: Naming
) -> dict[str, Any]:
    claim = _without_controls(claim)
    issued_at = _instant(claim["issued_at"])
    with override(claim["language"]):
        document = _document(certificate, claim, naming)
    document["awardedDate"] = issued_at
    document["validFrom"] = _midnight(claim["valid_from"] or claim["issued_on"])
    if claim["valid_until"]:
        document["validUntil"] = _midnight(claim["valid_until"])
    if certificate.status_index is not None:
        document["credentialStatus"] = statuses.entry(certificate.status_index)
    return signed(document, created=issued_at)


def _document(
    certificate: Certificate, claim: dict[str, Any], naming: Naming
) -> dict[str, Any]:
    title = claim["programme"]["title"]
    fragment = "" if naming is Naming.WHOLE else f"#{naming.value}"
    return {
        "@context": [CREDENTIALS_V2, OPEN_BADGES_V3],
        "id": credential_url(claim["serial"]) + fragment,
        "type": ["VerifiableCredential", "AchievementCredential"],
        "name": title,
        "description": _("%(issuer)s qualified the holder in %(programme)s.")
        % {"issuer": claim["issuer"], "programme": title},
        "image": {
            "id": badge_url(claim["serial"]),
            "type": "Image",
            "caption": _("Badge: qualified in %(programme)s") % {"programme": title},
        },
        "issuer": {
            "id": issuer_id(),
            "type": ["Profile"],
            "name": ISSUER,
            "url": settings.PUBLIC_URL,
        },
        "credentialSubject": _subject(certificate, claim, naming),
    }


def _subject(
    certificate: Certificate, claim: dict[str, Any], naming: Naming
) -> dict[str, Any]:
    achievement = _achievement_id(certificate, claim)
    subject = {
        "type": ["AchievementSubject"],
        "identifier": [_identity(claim, naming)],
        "licenseNumber": serials.shown(claim["serial"]),
        "achievement": _achievement(achievement, claim),
        "result": [
            {
                "type": ["Result"],
                "resultDescription": f"{achievement}#topic-{number}",
                "status": "Completed",
                "value": topic["completed_on"],
            }
            for number, topic in enumerate(claim["topics"], 1)
        ],
    }
    if claim["reseller"]:
        subject["role"] = _("While with %(company)s") % {"company": claim["reseller"]}
    return subject


def _identity(claim: dict[str, Any], naming: Naming) -> dict[str, Any]:
    """Who it is about; without a name, whoever the serial was issued to."""
    text, kind = {
        Naming.WHOLE: (claim["name"], "name"),
        Naming.INITIALS: (claim["name"], "ext:initials"),
        Naming.WITHDRAWN: (serials.shown(claim["serial"]), "ext:serial"),
    }[naming]
    return {
        "type": "IdentityObject",
        "hashed": False,
        "identityHash": text,
        "identityType": kind,
    }


def _achievement(achievement: str, claim: dict[str, Any]) -> dict[str, Any]:
    programme = claim["programme"]
    edition = {"number": programme["edition"], "programme": programme["title"]}
    titles = "\n".join(f"- {topic['title']}" for topic in claim["topics"])
    return {
        "id": achievement,
        "type": ["Achievement"],
        "achievementType": "Certification",
        "name": programme["title"],
        "humanCode": " ".join(
            filter(None, [programme["policy"], programme["section"]])
        ),
        "version": _("Edition %(number)s") % edition,
        "description": _("Qualified in %(programme)s, edition %(number)s.") % edition,
        "criteria": {
            "narrative": _("Every topic of edition %(number)s was completed:") % edition
            + f"\n\n{titles}"
        },
        "resultDescription": [
            {
                "id": f"{achievement}#topic-{number}",
                "type": ["ResultDescription"],
                "name": topic["title"],
                "resultType": "Status",
            }
            for number, topic in enumerate(claim["topics"], 1)
        ],
    }


def _achievement_id(certificate: Certificate, claim: dict[str, Any]) -> str:
    """The same for all who qualified by one edition, and with no page behind it."""
    enrolment, edition = certificate.enrolment, claim["programme"]["edition"]
    name = f"{settings.PUBLIC_URL}/{enrolment.programme_id}/{edition}"
    return uuid5(NAMESPACE_URL, name).urn


def _without_controls(value: Any) -> Any:
    """The same without what cannot be signed, and nobody sees."""
    if isinstance(value, dict):
        return {key: _without_controls(part) for key, part in value.items()}
    if isinstance(value, list):
        return [_without_controls(part) for part in value]
    return value.translate(_CONTROLS) if isinstance(value, str) else value


def _instant(text: str) -> str:
    at = datetime.fromisoformat(text).astimezone(UTC)
    return at.strftime("%Y-%m-%dT%H:%M:%SZ")


def _midnight(day: str) -> str:
    return f"{day}T00:00:00Z"


def _day(text: str | None) -> date | None:
    return date.fromisoformat(text) if text else None
