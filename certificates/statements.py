"""Where a company stands, on one sealed page for its customers: asked for, and made.

What it says is frozen when it is asked for: a claim without a person's name, hashed.
The worker makes the file of it; a statement speaks for its day and is never changed.
"""

from __future__ import annotations

import logging
from datetime import datetime, timedelta
from hashlib import sha256
from typing import Any
from unicodedata import normalize

from django.conf import settings
from django.core.files.base import ContentFile
from django.db import transaction
from django.urls import reverse
from django.utils.timezone import now
from django.utils.translation import gettext as _
from django.utils.translation import override

from certificates import serials, standstill, storing
from certificates.claims import ISSUER, POLICY, canonical
from certificates.designing import current_design
from certificates.keyfiles import KeyTrouble
from certificates.models import Statement, private_storage
from certificates.render import CannotRender
from certificates.seal import CannotSeal, findings, seal
from certificates.statement_page import render
from certificates.storing import CannotStore
from courses.needs import Standing
from courses.standing import standing_of
from lms.audit.log import record
from lms.errors import Refused
from lms.jobs import queued
from lms.mail import outbox
from lms.people.models import Reseller, User
from lms.people.names import one_line

logger = logging.getLogger(__name__)

A_DAY = 10  # new statements of one company in 24 hours
_LATE = timedelta(minutes=1)  # then the clock asks the worker again
_SILENT = timedelta(minutes=2)  # then its maker has died
_LONGEST_PAUSE = timedelta(hours=1)
_OWN = ("serial", "asked_at")  # of one statement; all else is where the company stands


# --- Asked for ---------------------------------------------------------------------


@transaction.atomic
def ask(reseller: Reseller, *, by: User) -> Statement:
    """Ask for a statement of where a company, with all below it, stands now.

    Where nothing has changed since another of this day, it is that one: a second
    click makes no second statement. Raises Refused for a company not approved today,
    and after ten in a day.
    """
    found = Reseller.objects.select_for_update(no_key=True).get(pk=reseller.pk)
    if not found.is_live:
        raise Refused(_("This company is not an approved reseller today."))
    at = now().replace(microsecond=0)
    claim = claim_of(found, at, by.language)
    of_today = Statement.objects.filter(reseller=found, day=at.date())
    for earlier in of_today.filter(withdrawn_at=None):
        if _facts(earlier.claim) == _facts(claim):
            return earlier
    since = at - timedelta(days=1)
    if Statement.objects.filter(reseller=found, asked_at__gt=since).count() >= A_DAY:
        raise Refused(
            _("There have been %(count)d statements in a day: please try tomorrow.")
            % {"count": A_DAY}
        )
    statement = Statement.objects.create(
        serial=claim["serial"],
        reseller=found,
        day=at.date(),
        claim=claim,
        sha256=sha256(canonical(claim)).hexdigest(),
        design=current_design(),
        asked_by=by,
        asked_at=at,
    )
    record(by, "asked_statement", statement, reseller=found.pk)
    _enqueue_after_commit(statement.pk)
    return statement


def claim_of(reseller: Reseller, at: datetime, language: str) -> dict[str, Any]:
    """What a statement says: no name of a person is in it."""
    with override(language):
        return {
            "version": 1,
            "kind": "standing",
            "language": language,
            "serial": serials.new_serial(),
            "issuer": ISSUER,
            "policy": POLICY,
            "reseller": normalize("NFC", one_line(reseller.name)),
            "companies": Reseller.objects.below(reseller).live(at.date()).count(),
            "day": at.date().isoformat(),
            "asked_at": at.isoformat(),
            "programmes": [
                _facts_of(each) for each in standing_of(reseller, at.date())
            ],
        }


def _facts_of(found: Standing) -> dict[str, Any]:
    return {
        "title": normalize("NFC", found.edition.title),
        "section": found.edition.section,
        "edition": found.edition.number,
        "need": normalize("NFC", found.need.words),
        "at_least": found.need.at_least,
        "is_met": found.is_met,
        "qualified": len(found.qualified),
        "counted": len(found.qualified) + len(found.missing),
        "in_training": len(found.in_training),
        "away": len(found.away),
        "until": found.until and found.until.isoformat(),
    }


def _facts(claim: dict[str, Any]) -> dict[str, Any]:
    return {key: said for key, said in claim.items() if key not in _OWN}


@transaction.atomic
def withdraw(statement: Statement, *, by: User) -> None:
    """Say that a statement no longer counts; repeating is safe. It stays public."""
    if Statement.objects.filter(pk=statement.pk, withdrawn_at=None).update(
        withdrawn_at=now(), withdrawn_by=by
    ):
        record(by, "withdrew_statement", statement, reseller=statement.reseller_id)


def public_url(statement: Statement) -> str:
    """Where anybody who has it in hand can check it."""
    path = reverse("statement", args=[serials.shown(statement.serial)])
    return f"{settings.PUBLIC_URL}{path}"


# --- Made --------------------------------------------------------------------------


def make(pk: int) -> bool:
    """Make the file of a statement; tell whether this did.

    Safe to repeat and to be killed anywhere; of two files the first stored counts.
    """
    statement = (
        Statement.objects.unmade()
        .filter(pk=pk)
        .select_related("asked_by", "design")
        .first()
    )
    if statement is None or standstill.is_resting(standstill.current()):
        return False
    try:
        return _make(statement)
    except CannotRender as reason:
        logger.error("Statement %s cannot be set: %s", pk, reason)  # noqa: TRY400  the sentence says all
        words = _("It cannot be set: %(why)s.") % {"why": reason}
        _note(statement, words)
        standstill.tell_staff(f"statement-trouble:{statement.serial}", words)
    except KeyTrouble as reason:
        _stand_still(statement, standstill.KEYS, str(reason))
    except CannotSeal as reason:
        _stand_still(statement, standstill.SEAL, str(reason))
    except CannotStore as reason:
        words = _("Files cannot be stored: %(reason)s.") % {"reason": reason}
        _stand_still(statement, standstill.STORAGE, words)
    except OSError as error:
        words = _("A file cannot be read or written: %(reason)s.") % {
            "reason": error.strerror or type(error).__name__
        }
        _stand_still(statement, standstill.STORAGE, words)
    return False


def _make(statement: Statement) -> bool:
    _beat(statement, 0)
    page = render(statement.claim, statement.design, public_url(statement))
    _beat(statement, 1)
    sealed = seal(page)
    if wrong := findings(sealed):
        raise CannotSeal(
            _("What was sealed does not verify: %(finding)s")
            % {"finding": wrong[0].text}
        )
    _beat(statement, 2)
    is_first = _store(statement, sealed)
    standstill.end()
    return is_first


def carry_on() -> None:
    """Ask again for what a killed worker left, ever more seldom."""
    from certificates.tasks import make_statement  # noqa: PLC0415  it calls back

    asked = {args[0] for args in queued(make_statement)}
    for statement in Statement.objects.unmade().filter(asked_at__lte=now() - _LATE):
        waited = (now() - statement.asked_at) / 10
        pause = max(_SILENT, min(waited, _LONGEST_PAUSE))
        is_silent = statement.beat_at is None or statement.beat_at <= now() - pause
        if is_silent and statement.pk not in asked:
            make_statement.enqueue(statement.pk)


def _store(statement: Statement, pdf: bytes) -> bool:
    """Keep the file under its hash, and say so once."""
    digest = sha256(pdf).hexdigest()
    wanted = f"{statement.folder}/{digest}.pdf"
    try:
        with storing.told():
            name = private_storage().save(wanted, ContentFile(pdf))
            storing.require_whole(name, digest)
    except CannotStore:
        storing.delete([wanted])  # the half of it
        raise
    with transaction.atomic():
        is_first = (
            Statement.objects.unmade()
            .filter(pk=statement.pk)
            .update(
                pdf=name,
                pdf_sha256=digest,
                made_at=now(),
                done=Statement.STEPS,
                trouble="",
            )
        )
        if is_first:
            _tell(statement)
    if is_first:
        storing.delete_others(statement.folder, but=name)
    else:
        storing.delete([name])
    return bool(is_first)


def _tell(statement: Statement) -> None:
    outbox.queue(
        f"statement:{statement.serial}",
        statement.asked_by,
        "certificates/email/statement.txt",
        {
            "reseller": statement.claim["reseller"],
            "day": statement.day,
            "url": f"{settings.PUBLIC_URL}{statement.get_absolute_url()}",
        },
    )


def _stand_still(statement: Statement, cause: str, words: str) -> None:
    standstill.begin(cause, words)
    _note(statement, words)


def _note(statement: Statement, words: str) -> None:
    Statement.objects.unmade().filter(pk=statement.pk).update(
        trouble=words[:200], beat_at=now()
    )


def _beat(statement: Statement, done: int) -> None:
    Statement.objects.unmade().filter(pk=statement.pk).update(done=done, beat_at=now())


def _enqueue_after_commit(pk: int) -> None:
    from certificates.tasks import make_statement  # noqa: PLC0415  it calls back

    transaction.on_commit(lambda: make_statement.enqueue(pk) and None)
