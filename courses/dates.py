"""The dates of an enrolment that people move: changed here alone, and remembered."""

from __future__ import annotations

from datetime import date

from courses.models import Enrolment, EnrolmentDates


def set_due_on(enrolment: Enrolment, due_on: date | None) -> None:
    """Change until when somebody is to be done. The caller holds the lock."""
    _remember(enrolment)
    enrolment.due_on = due_on
    enrolment.save(update_fields=["due_on"])


def set_counts_until(enrolment: Enrolment, counts_until: date | None) -> None:
    """Change until when what was completed counts. The caller holds the lock."""
    _remember(enrolment)
    enrolment.counts_until = counts_until
    enrolment.save(update_fields=["counts_until"])


def _remember(enrolment: Enrolment) -> None:
    """Keep what its dates said, for who asks what was known on a day."""
    said = Enrolment.objects.values("due_on", "counts_until").get(pk=enrolment.pk)
    EnrolmentDates.objects.create(enrolment=enrolment, **said)
