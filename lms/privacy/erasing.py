"""Erasing a person: what names them goes, what proves their certificates stays.

The right to erasure (GDPR, article 17). Each room empties its own records, by
`person_erased`; `kept.py` says which fields.
"""

from __future__ import annotations

from django.db import transaction
from django.utils.timezone import now
from django.utils.translation import gettext as _

from lms.audit.log import record
from lms.errors import Refused
from lms.mail import outbox
from lms.people.forgetting import forget
from lms.people.models import User
from lms.privacy.models import Erasure

SOURCE = "GDPR, article 17"


@transaction.atomic
def ask(person: User) -> Erasure:
    """Note that somebody wants to be erased; asking again changes nothing.

    Raises Refused while they belong to a company or to us.
    """
    lock(person)
    require_may_erase(person)
    erasure, is_new = Erasure.objects.get_or_create(person=person, refused_at=None)
    if is_new or erasure.is_ours:
        erasure.is_ours, erasure.asked_at = False, now()
        erasure.save(update_fields=["is_ours", "asked_at"])
        record(person, "asked to be erased", person)
    return erasure


@transaction.atomic
def refuse(erasure: Erasure, why: str, *, by: User) -> None:
    """Say no, with the reason, by mail. Raises Refused when it was answered before."""
    erasure = _open(erasure)
    erasure.refused_at, erasure.answered_by, erasure.why_refused = now(), by, why
    erasure.save(update_fields=["refused_at", "answered_by", "why_refused"])
    outbox.queue(
        f"erasure:{erasure.pk}:refused",
        erasure.person,
        "privacy/email/refused.txt",
        {"erasure": erasure},
    )
    record(by, "refused to erase", erasure.person)


@transaction.atomic
def erase(person: User, *, by: User | None) -> None:
    """Take the person's name, addresses, notes and messages out of every record.

    What stays is theirs no more to anyone who looks: numbers, programmes, dates and
    salted hashes, with which a certificate in somebody's hand can still be checked.
    Doing it twice changes nothing. Raises Refused as `ask` does, and for oneself.
    """
    lock(person)
    done = Erasure.objects.filter(person=person, done_at__isnull=False)
    if done.exists():
        return
    if by == person:
        raise Refused(_("Ask a colleague to do it: nobody erases themselves."))
    require_may_erase(person)
    forget(person, by=by)
    Erasure.objects.update_or_create(
        person=person,
        refused_at=None,
        defaults={"done_at": now(), "answered_by": by},
    )
    record(by, "erased", person)


def require_may_erase(person: User) -> None:
    """Refuse while the person belongs to a company, or works for us."""
    member = person.memberships.live().select_related("reseller").first()
    if member is not None:
        raise Refused(
            _(
                "%(name)s still belongs to %(reseller)s, which has to know who is "
                "qualified. Leave first; then this can be asked for."
            )
            % {"name": person, "reseller": member.reseller},
            SOURCE,
        )
    if person.is_staff or getattr(getattr(person, "trainer", None), "is_active", False):
        raise Refused(
            _(
                "%(name)s is a trainer or of the channel team. End that first; then "
                "this can be asked for."
            )
            % {"name": person},
            SOURCE,
        )


def lock(person: User) -> None:
    """Take the person's row: the first lock of all."""
    User.objects.select_for_update().get(pk=person.pk)


def _open(erasure: Erasure) -> Erasure:
    """Take the row and look again: of two who answer at once, one does."""
    rows = Erasure.objects.open().select_for_update(of=("self",))
    fresh = rows.select_related("person").filter(pk=erasure.pk).first()
    if fresh is None:
        raise Refused(_("Somebody has answered this already."))
    return fresh
