"""Inviting a great many, done by the worker."""

from django_tasks import task

from lms.people import invite_lists


@task(backend="jobs")
def send_list(pk: int) -> None:
    """Send what is left of a list; safe to repeat."""
    invite_lists.go_on(pk)
