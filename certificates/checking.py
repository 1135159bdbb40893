"""What to say of a PDF that somebody brings: its bytes first, then what it is worth.

The seal tells whether a file is ours and unchanged; the database whether it is the one
that is kept under its serial, and whether that certificate counts today. No network.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from hashlib import sha256
from typing import NamedTuple

from django.utils.functional import Promise
from django.utils.timezone import now
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from certificates import serials, verdict
from certificates.models import Certificate, Statement
from certificates.seal import Fault, findings, named_in, serial_of
from lms import states
from lms.mail.times import on_day


class Outcome(NamedTuple):
    """What a file turned out to be; its code is for scripts, and never changes."""

    code: int
    key: str
    word: str | Promise


GENUINE = Outcome(0, "valid", gettext_lazy("Genuine and in force"))
NOT_YET = Outcome(3, "not-yet", gettext_lazy("Genuine, not valid yet"))
EXPIRED = Outcome(4, "expired", gettext_lazy("Genuine, expired"))
REPLACED = Outcome(5, "replaced", gettext_lazy("Genuine, replaced by another"))
REVOKED = Outcome(6, "revoked", gettext_lazy("Genuine, revoked"))
WITHDRAWN = Outcome(7, "withdrawn", gettext_lazy("Genuine, withdrawn"))
SAMPLE = Outcome(8, "sample", gettext_lazy("A sample"))
NOT_KEPT = Outcome(9, "not-kept", gettext_lazy("Sealed by us, but no certificate here"))
OTHER = Outcome(10, "other-serial", gettext_lazy("Another certificate’s serial"))
ADDED_TO = Outcome(11, "added-to", gettext_lazy("Added to after it was sealed"))
CHANGED = Outcome(12, "changed", gettext_lazy("Changed after it was sealed"))
SAVED_ANEW = Outcome(13, "saved-anew", gettext_lazy("Saved anew by some program"))
CUT = Outcome(14, "cut", gettext_lazy("Cut short"))
NOT_OURS = Outcome(15, "not-ours", gettext_lazy("Sealed, but not by us"))
NOT_SEALED = Outcome(16, "not-sealed", gettext_lazy("Not sealed"))
NO_PDF = Outcome(17, "no-pdf", gettext_lazy("Not a PDF"))
NOT_READ = Outcome(18, "not-read", gettext_lazy("Not to be read"))

# The worse the later. 1 and 2 are left out: Django's own, of a command that failed.
OUTCOMES = (
    *(GENUINE, NOT_YET, EXPIRED, REPLACED, REVOKED, WITHDRAWN, SAMPLE, NOT_KEPT, OTHER),
    *(ADDED_TO, CHANGED, SAVED_ANEW, CUT, NOT_OURS, NOT_SEALED, NO_PDF, NOT_READ),
)
_OF_FAULTS = {
    Fault.UNREADABLE: NO_PDF,
    Fault.NOT_SEALED: NOT_SEALED,
    Fault.CUT: CUT,
    Fault.SAVED_ANEW: SAVED_ANEW,
    Fault.UNKNOWN_KEY: NOT_OURS,
    Fault.CHANGED: CHANGED,
    Fault.ADDED_TO: ADDED_TO,
    Fault.SAMPLE: SAMPLE,
}
_OF_VERDICTS = {
    verdict.VALID: GENUINE,
    verdict.NOT_YET: NOT_YET,
    states.EXPIRED: EXPIRED,
    verdict.REPLACED: REPLACED,
    states.REVOKED: REVOKED,
    verdict.WITHDRAWN: WITHDRAWN,
}


@dataclass(frozen=True)
class Checked:
    """What a file is, in sentences too; of which certificate, where we know it."""

    outcome: Outcome
    says: list[str]
    serial: str = ""
    certificate: Certificate | None = None


def check(pdf: bytes, *, serial: str = "") -> Checked:
    """Judge a file; with `serial`, as one that is shown for that certificate.

    Raises `keyfiles.KeyTrouble`. Six queries at most.
    """
    carried = named_in(pdf)
    named = serial_of(pdf) or next(iter(carried.values()), "")
    at_odds = list(_at_odds(carried, serial))
    found = findings(pdf)
    if found:
        outcome = _OF_FAULTS[found[0].fault]
        says = [str(finding.text) for finding in found]
        if outcome is SAMPLE and not at_odds:
            return Checked(SAMPLE, says, named)
        about = _standing_under(named)
        says += at_odds or _names(named, about)
        is_other = bool(at_odds) and outcome is not NO_PDF
        return Checked(OTHER if is_other else outcome, says, named, about)
    return _of_whole_file(pdf, named, at_odds)


def _of_whole_file(pdf: bytes, named: str, at_odds: list[str]) -> Checked:
    """Judge a file that we sealed, and that is as we sealed it."""
    says = [_("We sealed it, and it is unchanged since.")]
    kept_as = sha256(pdf).hexdigest()
    kept = Certificate.objects.filter(pdf_sha256=kept_as)
    certificate = kept.select_related("enrolment").first()
    if certificate is None:
        about = _standing_under(named)
        if about and about.pdf_sha256:
            text = _("But it is not the file that we keep of certificate %(serial)s.")
            says.append(text % {"serial": serials.shown(named)})
            return Checked(OTHER, says, named, about)
        if stated := Statement.objects.filter(pdf_sha256=kept_as).first():
            text = _("It is statement of standing %(serial)s, and spoke for %(day)s.")
            shown = serials.shown(stated.serial)
            says.append(text % {"serial": shown, "day": on_day(stated.day)})
        says.append(_("But it is not the file of any certificate here."))
        return Checked(NOT_KEPT, says, named)
    if certificate.serial != named:
        at_odds = [
            _("It is kept as %(kept)s, but names %(named)s.")
            % {
                "kept": serials.shown(certificate.serial),
                "named": serials.shown(named) if named else _("none"),
            },
            *at_odds,
        ]
    if at_odds:
        return Checked(OTHER, says + at_odds, certificate.serial, certificate)
    judged = verdict.verdict_on(certificate)
    if certificate.release_at > now() and judged.state is verdict.VALID:
        text = _("It is held back until %(day)s.")
        says.append(text % {"day": on_day(certificate.release_at.date())})
        return Checked(NOT_YET, says, certificate.serial, certificate)
    return Checked(
        _OF_VERDICTS[judged.state],
        [*says, judged.text],
        certificate.serial,
        certificate,
    )


def _at_odds(carried: dict[str, str], wanted: str) -> Iterator[str]:
    """Say so where a file does not name one and the same certificate everywhere."""
    where = {
        "identifier": _("Its identifier names %(serial)s."),
        "link": _("The link on it leads to %(serial)s."),
        "credential": _("The credential inside is of %(serial)s."),
    }
    named = set(carried.values())
    if wanted:
        named.add(wanted)
    if len(named) > 1:
        for place, serial in carried.items():
            yield where[place] % {"serial": serials.shown(serial)}
        if wanted:
            yield _("It is shown for %(serial)s.") % {"serial": serials.shown(wanted)}


def _names(named: str, about: Certificate | None) -> list[str]:
    """What can be said of the certificate that a spoilt file names."""
    if not named:
        return []
    if about is None:
        text = _("It names %(serial)s: no certificate here.")
        return [text % {"serial": serials.shown(named)}]
    text = _("It names certificate %(serial)s, which today is: %(state)s.")
    state = verdict.state_of(about)
    return [text % {"serial": serials.shown(named), "state": state.word}]


def _standing_under(serial: str) -> Certificate | None:
    if not serial or serial == serials.SAMPLE:
        return None
    found = Certificate.objects.select_related("enrolment")
    return found.filter(serial=serial).first()
