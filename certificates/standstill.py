"""When no file can be made at all: said once, tried again with growing pauses."""

from __future__ import annotations

from datetime import timedelta

from django.db import transaction
from django.utils.timezone import now

from certificates.models import Certificate, CertificateState, Standstill
from content.contact import channel_team
from lms.mail import outbox

KEYS, SEAL, STORAGE = "keys", "seal", "storage"
_LONGEST_PAUSE_MINUTES = 60


def current() -> Standstill | None:
    """What keeps all files from being made, if anything does; one query."""
    return Standstill.objects.order_by("-try_at").first()


def is_resting(standstill: Standstill | None) -> bool:
    """Whether it is too soon to try again."""
    return standstill is not None and standstill.try_at > now()


@transaction.atomic
def begin(cause: str, words: str) -> None:
    """Note that nothing can be made, for whom it concerns; tell staff the first time.

    The next try waits 1, 2, 4 minutes and so on, an hour at most.
    """
    found, is_new = Standstill.objects.select_for_update().get_or_create(
        cause=cause, defaults={"words": words[:200]}
    )
    pause = min(2**found.tries, _LONGEST_PAUSE_MINUTES)
    found.words, found.tries = words[:200], found.tries + 1
    found.try_at = now() + timedelta(minutes=pause)
    found.save(update_fields=["words", "tries", "try_at"])
    waiting = Certificate.objects.standing().filter(state=CertificateState.PENDING)
    waiting.exclude(trouble=found.words).update(trouble=found.words)
    if is_new:
        tell_staff(f"certificates-standstill:{found.pk}", found.words)


def end() -> None:
    """A file was made: what kept it from being made is over."""
    if current() is not None:
        Standstill.objects.all().delete()


def tell_staff(key: str, words: str) -> None:
    """Write the channel team why a certificate has no file, once for each key."""
    for person in channel_team():
        outbox.queue(
            f"{key}:{person if isinstance(person, str) else person.pk}",
            person,
            "certificates/email/trouble.txt",
            {"words": words},
        )
