"""What the worker does about editions."""

from django_tasks import task

from courses import renewing, rollout


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
