"""What a certificate is worth today, in a word and a sentence."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date
from typing import TYPE_CHECKING

from django.db.models import Q
from django.utils.timezone import now
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from certificates import serials
from certificates.models import Certificate, CertificateState, End
from lms import states
from lms.mail.times import on_day
from lms.states import Actor, State

if TYPE_CHECKING:
    from certificates.models import CertificateQuerySet

VALID = State(
    "valid",
    gettext_lazy("Valid"),
    "shield-check",
    "good",
    gettext_lazy("The certificate is genuine and counts today."),
    Actor.NOBODY,
)
NOT_YET = State(
    "not-yet",
    gettext_lazy("Not valid yet"),
    "clock",
    "info",
    gettext_lazy("The certificate is genuine, and counts from a later day."),
    Actor.NOBODY,
)
REPLACED = State(
    "replaced",
    gettext_lazy("Replaced"),
    "refresh",
    "warn",
    gettext_lazy("Another certificate took its place."),
    Actor.NOBODY,
)
WITHDRAWN = State(
    "withdrawn",
    gettext_lazy("Withdrawn"),
    "undo",
    "bad",
    gettext_lazy("It was issued in error."),
    Actor.NOBODY,
)
WAITING = State(
    "waiting-for-letters",
    gettext_lazy("Waiting for letters"),
    "hourglass",
    "info",
    gettext_lazy("The name has letters that our fonts lack."),
    Actor.SYSTEM,
)
SAMPLE = State(
    "sample",
    gettext_lazy("Sample"),
    "info",
    "warn",
    gettext_lazy("It shows what certificates look like, and certifies nothing."),
    Actor.NOBODY,
)
GENUINE = State(
    "genuine",
    gettext_lazy("Genuine"),
    "shield-check",
    "good",
    gettext_lazy("The statement is genuine, and speaks for its day."),
    Actor.NOBODY,
)
NOT_FOUND = State(
    "not-found",
    gettext_lazy("Not found"),
    "question",
    "warn",
    gettext_lazy("No certificate has this serial."),
    Actor.NOBODY,
)


_END_STATES = {
    End.REVOKED: states.REVOKED,
    End.WITHDRAWN: WITHDRAWN,
    End.UNDONE: WITHDRAWN,
    End.REPLACED: REPLACED,
}
# All that `state_of` says of what is released, the most wanted first.
STATES = (
    VALID,
    NOT_YET,
    states.CERTIFICATE_PENDING,
    WAITING,
    states.EXPIRED,
    states.REVOKED,
    WITHDRAWN,
    REPLACED,
)


@dataclass(frozen=True)
class Verdict:
    """The word and the sentence, and the certificate that took its place."""

    state: State
    text: str
    successor: Certificate | None = None


def verdict_on(certificate: Certificate, day: date | None = None) -> Verdict:
    """Judge a released certificate on a day (today, in UTC); one query if replaced."""
    if certificate.ended_as:
        return _ended(certificate)
    until = valid_until(certificate)
    if until and until <= (day or now().date()):
        return Verdict(
            states.EXPIRED, _("It was valid until %(day)s.") % {"day": on_day(until)}
        )
    begins = _valid_from(certificate)
    if begins and begins > (day or now().date()):
        text = _("ByteKast issued it, and it counts from %(day)s.")
        return Verdict(NOT_YET, text % {"day": on_day(begins)})
    if until:
        text = _("ByteKast issued it, and it counts until %(day)s.")
        return Verdict(VALID, text % {"day": on_day(until)})
    return Verdict(VALID, _("ByteKast issued it. It does not expire."))


def state_of(certificate: Certificate) -> State:
    """What its holder and their manager see of it: the verdict, or what it waits for."""
    if certificate.ended_as:
        return _END_STATES[End(certificate.ended_as)]
    if certificate.state == CertificateState.PENDING:
        return states.CERTIFICATE_PENDING
    if certificate.state == CertificateState.WAITING:
        return WAITING
    return verdict_on(certificate).state


def _valid_from(certificate: Certificate) -> date | None:
    if certificate.erased_at:
        return certificate.enrolment.valid_from
    return date.fromisoformat(certificate.public_claim["valid_from"])


def in_state(
    found: CertificateQuerySet, key: str, day: date | None = None
) -> CertificateQuerySet:
    """Those of which `state_of` says this on a day (today, in UTC), by the database.

    `key` is that of one of STATES.
    """
    if ends := [end for end, state in _END_STATES.items() if state.key == key]:
        return found.filter(ended_as__in=ends)
    found = found.standing()
    if key == states.CERTIFICATE_PENDING.key:
        return found.filter(state=CertificateState.PENDING)
    if key == WAITING.key:
        return found.filter(state=CertificateState.WAITING)
    found, today = found.filter(state=CertificateState.READY), day or now().date()
    has_expired = Q(
        enrolment__valid_until__isnull=False, enrolment__valid_until__lte=today
    )
    if key == states.EXPIRED.key:
        return found.filter(has_expired)
    begins_later = Q(enrolment__valid_from__gt=today)
    return found.filter(
        ~has_expired, begins_later if key == NOT_YET.key else ~begins_later
    )


def valid_until(certificate: Certificate) -> date | None:
    """The first day on which it counts no more; None for one that does not expire."""
    if certificate.erased_at:
        return certificate.enrolment.valid_until
    text = certificate.public_claim["valid_until"]
    return date.fromisoformat(text) if text else None


def _ended(certificate: Certificate) -> Verdict:
    at = certificate.ended_at
    day = {"day": on_day(at.date()) if at else ""}
    if certificate.ended_as == End.REPLACED:
        successor = (
            Certificate.objects.released().filter(supersedes=certificate).first()
        )
        text = _("On %(day)s another certificate took its place: %(serial)s.")
        shown = serials.shown(successor.serial) if successor else ""
        return Verdict(REPLACED, text % {**day, "serial": shown}, successor)
    if certificate.ended_as == End.REVOKED:
        text = _("ByteKast revoked it on %(day)s. It no longer counts.")
        return Verdict(states.REVOKED, text % day)
    text = _("ByteKast withdrew it on %(day)s: it was issued in error.")
    return Verdict(WITHDRAWN, text % day)
