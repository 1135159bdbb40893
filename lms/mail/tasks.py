"""Sending, done by the worker."""

from django_tasks import task

from lms.mail import outbox


@task(backend="jobs")
def deliver(*pks: int) -> None:
    """Send these messages; safe to repeat."""
    for pk in pks:
        outbox.send(pk)


@task(backend="jobs")
def deliver_due() -> None:
    """Send all that should have left by now; safe to repeat."""
    if outbox.send_due() == outbox.AT_ONCE:  # there may be more
        deliver_due.enqueue()
