"""What the worker does about editions."""

from django_tasks import task

from courses import due_notices, renewing, rollout


@task(backend="jobs")
def roll_out(draft_pk: int) -> None:
    """Let an edition reach its people; safe to repeat."""
    if rollout.go_on(draft_pk):
        roll_out.enqueue(draft_pk)


@task(backend="jobs")
def open_renewals() -> None:
    """Open the renewals that are due; safe to repeat."""
    if renewing.renew_some():
        open_renewals.enqueue()


@task(backend="jobs")
def tell_of_due_dates() -> None:
    """Tell whose due date is near, or has passed; safe to repeat."""
    due_notices.tell()
