"""What a certificate says: its claim, written once and hashed, and its address."""

from __future__ import annotations

import json
from typing import Any
from unicodedata import bidirectional, normalize

from django.conf import settings
from django.urls import reverse

from certificates import serials
from courses.models import Enrolment
from lms.people.names import printed_name

ISSUER = "ByteKast"
POLICY = "Reseller Support & Qualification Policy"


def canonical(claim: dict[str, Any]) -> bytes:
    """The one way a claim is written down, so that its hash means something."""
    return json.dumps(
        claim, ensure_ascii=False, sort_keys=True, separators=(",", ":")
    ).encode()


def verify_url(serial: str) -> str:
    """The public address at which anybody can check the certificate."""
    path = reverse("verify", args=[serials.shown(serial)])
    return f"{settings.PUBLIC_URL}{path}"


def facts_of(enrolment: Enrolment) -> dict[str, Any]:
    """What the public may know, as things are called at this moment."""
    member, edition = enrolment.member, enrolment.edition
    completed = dict(
        enrolment.completions.filter(voided_at=None).values_list("topic", "at")
    )
    name = printed_name(member.user)
    return {
        "language": member.user.language,
        "name": name,
        "direction": direction_of(name),
        "reseller": normalize("NFC", member.reseller.name),
        "programme": {
            "title": normalize("NFC", edition.title),
            "section": edition.section,
            "edition": edition.number,
            "policy": POLICY,
        },
        "topics": [
            {
                "title": normalize("NFC", topic.title),
                "completed_on": completed[topic.topic_id].date().isoformat(),
            }
            for topic in edition.topics.order_by("order")
        ],
        "valid_from": _iso(enrolment.valid_from),
        "valid_until": _iso(enrolment.valid_until),
    }


def evidence_of(enrolment: Enrolment) -> list[dict[str, Any]]:
    """What it rests on: which step, when, and before whom. Never public."""
    live = enrolment.evidence.filter(voided_at=None).select_related("by")
    return [
        {
            "topic": evidence.topic_id,
            "kind": evidence.kind,
            "at": evidence.at.isoformat(timespec="seconds"),
            "by": evidence.by and evidence.by.full_name,
        }
        for evidence in live.order_by("at", "pk")
    ]


def words_of(claim: dict[str, Any]) -> str:
    """All that is printed of it in letters."""
    programme = claim["programme"]
    titles = [topic["title"] for topic in claim["topics"]]
    return " ".join([claim["name"], claim["reseller"], programme["title"], *titles])


def direction_of(text: str) -> str:
    """Which way a text runs, by its first letter that tells: "ltr" or "rtl"."""
    for letter in text:
        match bidirectional(letter):
            case "L":
                return "ltr"
            case "R" | "AL":
                return "rtl"
    return "ltr"


def _iso(day: Any) -> str | None:
    return day.isoformat() if day else None
