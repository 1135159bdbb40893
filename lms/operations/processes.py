"""The processes: whether they live, and whether what is asked for is done."""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import NamedTuple

from django.db.models import Count, Max, Min, Q
from django.utils.timezone import now
from django.utils.translation import gettext as _
from django.utils.translation import ngettext
from django_tasks.base import TaskResultStatus
from django_tasks_db.models import DBTaskResult, get_date_max

from lms.operations.findings import Finding, Level, age, bad, good, warn
from lms.operations.heartbeats import CLOCK, PROVEN_EVERY, SILENT_AFTER, WEB, WORKER
from lms.operations.models import ClockJob, Heartbeat

LONGEST_WAIT = timedelta(minutes=5)
LONGEST_PROOF = 3 * PROVEN_EVERY
LISTED = 1000
MANY_TRIES = 7  # of what is done each hour: since two hours


def look_at_worker() -> Finding:
    """Whether a worker lives, and when one last ended a piece of work; one query."""
    at = now()
    count, last_beat, worked_at, began = _beats(WORKER, at)
    step = _("Start it: “manage.py worker” (the unit or container “worker”).")
    if not count:
        return _gone(
            _("No worker runs: mail, certificates and packs wait."), last_beat, at, step
        )
    living = ngettext("%d worker lives", "%d workers live", count) % count
    if worked_at is None:
        words = _("%(living)s, and none has ended a piece of work yet.")
    else:
        words = _("%(living)s; the last piece of work ended %(age)s ago.")
    words %= {"living": living, "age": age(at - worked_at) if worked_at else ""}
    since = max(filter(None, (worked_at, began)), default=None)
    if since and at - since <= LONGEST_PROOF:  # who has just begun has the time too
        return good(words)
    return warn(words, _("If the clock runs, read the worker's log and restart it."))


def look_at_clock() -> Finding:
    """Whether the clock goes round, and none of its jobs fails; two queries."""
    at = now()
    count, last_beat, *_more = _beats(CLOCK, at)
    if not count or last_beat is None:
        return _gone(
            _("No clock runs: reminders, ends and retries wait."),
            last_beat,
            at,
            _("Start it: “manage.py clock” (the unit or container “clock”)."),
        )
    words = ngettext(
        "%(count)d clock runs; its last round ended %(age)s ago.",
        "%(count)d clocks run; the last round ended %(age)s ago.",
        count,
    ) % {"count": count, "age": age(at - last_beat)}
    if failing := list(ClockJob.objects.filter(tries__gt=0).order_by("-tries")):
        return _failing(words, failing)
    return good(words)


def _failing(words: str, jobs: list[ClockJob]) -> Finding:
    """What is told of a clock some of whose jobs fail, the worst first."""
    worst = jobs[0]
    words = ngettext(
        "%(words)s %(count)d of its jobs fails: %(name)s (%(error)s, tries: %(tries)d).",
        "%(words)s %(count)d of its jobs fail, most of all %(name)s (%(error)s, "
        "tries: %(tries)d).",
        len(jobs),
    ) % {
        "words": words,
        "count": len(jobs),
        "name": worst.name,
        "error": worst.error,
        "tries": worst.tries,
    }
    level = Level.BAD if worst.tries >= MANY_TRIES else Level.WARN
    step = _(
        "It is tried again, each hour at least; the clock's log says where it fails."
    )
    return Finding(words, level, step)


def look_at_web() -> Finding:
    """How many processes serve pages; one query."""
    at = now()
    count, last_beat, *_more = _beats(WEB, at)
    if not count or last_beat is None:
        return _gone(
            _("No web process runs."),
            last_beat,
            at,
            _("Start it as the Procfile says (the unit or container “web”)."),
        )
    return good(
        ngettext("%d web process serves.", "%d web processes serve.", count) % count
    )


def look_at_pending() -> Finding:
    """How long the oldest work that may begin has waited; at most four queries."""
    at = now()
    count, since = pending(at)
    if not count or since is None:
        return _look_at_cut(at)
    words = ngettext(
        "%(count)d piece of work has waited for %(age)s.",
        "%(count)d pieces of work wait, the oldest for %(age)s.",
        count,
    ) % {"count": count, "age": age(at - since)}
    if at - since <= LONGEST_WAIT:
        return good(words)
    worked_at = _beats(WORKER, at).worked
    if worked_at and at - worked_at <= LONGEST_WAIT:
        return warn(words, _("The worker is at it; more workers make it quicker."))
    return bad(words, _("See to the worker: nothing has been done meanwhile."))


def pending(at: datetime) -> tuple[int, datetime | None]:
    """How many pieces of work may begin, and since when the oldest; one query."""
    at_once, ready = Q(run_after=get_date_max()), Q(run_after__lte=at)
    found = DBTaskResult.objects.filter(
        at_once | ready, status=TaskResultStatus.READY
    ).aggregate(
        count=Count("pk"),
        asked=Min("enqueued_at", filter=at_once),
        due=Min("run_after", filter=ready),
    )
    return found["count"], min(
        filter(None, (found["asked"], found["due"])), default=None
    )


def _look_at_cut(at: datetime) -> Finding:
    """What is told where no work waits: of what a worker died in, or that all is done."""
    begun = cut_short(at)
    if not begun:
        return good(_("No work waits."))
    return warn(
        ngettext(
            "No work waits. %(count)d piece of work was begun %(age)s ago by a worker "
            "that died in it.",
            "No work waits. %(count)d pieces of work were begun by workers that died in "
            "them, the first %(age)s ago.",
            len(begun),
        )
        % {"count": len(begun), "age": age(at - begun[0])},
        _(
            "The clock asks for it again by itself: mail and files within minutes, all "
            "else within two hours. If it happens often, read the worker's log."
        ),
    )


def cut_short(at: datetime) -> list[datetime]:
    """When the work began that no living worker is at, the first first; two queries.

    A worker does one piece at a time: what is begun besides was begun by one that died,
    and what is older than all who live, too.
    """
    running = (
        DBTaskResult.objects.filter(status=TaskResultStatus.RUNNING)
        .order_by("started_at")
        .values_list("started_at", flat=True)
    )
    begun = [each for each in running[:LISTED] if each]
    if not begun:
        return []
    living = _beats(WORKER, at)
    older = sum(living.began is None or each < living.began for each in begun)
    return begun[: max(older, len(begun) - living.living)]


class Beats(NamedTuple):
    """How many live, the last beat of all that are known, and when work last ended.

    `began` is when the first of those that live did.
    """

    living: int
    last: datetime | None
    worked: datetime | None
    began: datetime | None


def _beats(name: str, at: datetime) -> Beats:
    lives = Q(at__gt=at - SILENT_AFTER[name])
    found = Heartbeat.objects.filter(name=name).aggregate(
        living=Count("pk", filter=lives),
        last=Max("at"),
        worked=Max("worked_at"),
        began=Min("started_at", filter=lives),
    )
    return Beats(**found)


def _gone(words: str, last: datetime | None, at: datetime, step: str) -> Finding:
    if last is not None:
        words = _("%(words)s The last sign of life was %(age)s ago.") % {
            "words": words,
            "age": age(at - last),
        }
    return bad(words, step)
