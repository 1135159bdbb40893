"""My learning: the one next step, then everything else."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import timedelta

from django.contrib.auth.decorators import login_required
from django.http import HttpResponse
from django.shortcuts import render
from django.urls import reverse
from django.utils.timezone import now
from django.utils.translation import gettext as _
from django.utils.translation import ngettext

from content.acknowledging import Word
from courses.places import anchor_of, place_in
from lms import states
from lms.dashboards.record import Record, record_of
from lms.dashboards.state import Cell
from lms.mail.times import moment, on_day
from lms.people.access import MemberRequest
from lms.people.confirming import name_to_confirm
from lms.people.models import Member, User
from lms.people.own_address import is_wanted
from sessions.last_call import is_last
from sessions.models import Booking
from sessions.room import Join
from sessions.ways_in import ways_in

VERY_SOON = timedelta(hours=24)


@dataclass(frozen=True)
class NextStep:
    """The one thing to do now."""

    title: str
    text: str = ""
    url: str = ""
    label: str = ""
    icon: str = "arrow-right"
    call: Booking | None = None  # on now, or so soon that its button is shown here


@login_required
def my(request: MemberRequest) -> HttpResponse:
    """What to do next, one's programmes, calls, certificates, and the handbook."""
    member = request.access.member
    wants_address = is_wanted(request.user, member)
    if member is None:
        words = {"wants_address": wants_address}
        return render(request, "dashboards/my_without_reseller.html", words)
    record = record_of(member)
    last_call_cell = _cell_with_last_call(record)
    step = next_step(member, record)
    context = {
        "member": member,
        "wants_address": wants_address,
        "record": record,
        "step": step,
        "join": _way_in(step, request.user),
        "last_call_cell": last_call_cell,
        "name_to_confirm": name_to_confirm(request.user) if last_call_cell else "",
    }
    return render(request, "dashboards/my.html", context)


def _way_in(step: NextStep, user: User) -> Join | None:
    """The button of the call that is the next step, once it is to change today."""
    if step.call is None:
        return None
    join = ways_in([step.call], user)[step.call.pk]
    return join if join.changes else None


def next_step(member: Member, record: Record) -> NextStep:
    """A call very soon, else go on reading, else book, else wait for what is on.

    A page of the handbook that is overdue comes before reading on, the others after
    all else.
    """
    zone = member.user.time_zone
    calls = [cell.next_call for cell in record.cells if cell.next_call]
    coming = [call for call in calls if call.ends_at > now()]
    coming.sort(key=lambda call: call.starts_at)
    if coming and coming[0].starts_at - now() < VERY_SOON:
        return _call_step(coming[0], zone)
    unread = record.handbook
    if unread and unread[0].is_overdue:
        return _handbook_step(unread[0])
    open_cells = [
        cell for cell in record.cells if cell.enrolment and cell.enrolment.is_open
    ]
    for cell in open_cells:
        if step := _reading_step(member, cell):
            return step
    for cell in open_cells:
        if step := _booking_step(cell):
            return step
    if coming:
        return _call_step(coming[0], zone)
    if waiting := [
        cell for cell in record.cells if cell.state == states.WAITING_FOR_SIGN_OFF
    ]:
        call = waiting[0].next_call
        return NextStep(
            _("Waiting for %(trainer)s’s sign-off")
            % {"trainer": call and call.trainer},
            _("You get a mail as soon as your call is signed off."),
        )
    if unread:
        return _handbook_step(unread[0])
    return _nothing_left(member, record)


def _handbook_step(word: Word) -> NextStep:
    return NextStep(
        _("Read and confirm: %(page)s") % {"page": word.page.title},
        _("A part of the handbook, to confirm by %(date)s")
        % {"date": on_day(word.due_on)},
        word.page.url,
        _("Open the page"),
        "book",
    )


def _call_step(call: Booking, zone: str) -> NextStep:
    minutes = int((call.starts_at - now()).total_seconds() // 60)
    if minutes < 0:
        title = _("Your call is on now")
    elif minutes < 60:
        title = ngettext(
            "Your call is in %(n)d minute", "Your call is in %(n)d minutes", minutes
        ) % {"n": minutes}
    else:
        title = _("Your call is on %(when)s") % {"when": moment(call.starts_at, zone)}
    topics = ", ".join(item.title for item in call.topics.all())
    about = _("With %(trainer)s: %(topics)s") % {
        "trainer": call.trainer,
        "topics": topics,
    }
    return NextStep(
        title, about, call.get_absolute_url(), _("Open your call"), "video", call
    )


def _reading_step(member: Member, cell: Cell) -> NextStep | None:
    topic = cell.progress.next_topic if cell.progress else None
    if cell.progress is None or topic is None or topic.is_prepared:
        return None
    title = (
        _("Continue: %(topic)s") if cell.progress.is_begun else _("Start: %(topic)s")
    )
    return NextStep(
        title % {"topic": topic.title},
        cell.programme.title,
        f"{topic.topic.url}{anchor_of(place_in(member.user, topic.topic))}",
        _("Open the topic"),
        "book",
    )


def _booking_step(cell: Cell) -> NextStep | None:
    count = len(cell.ready)
    if not count or cell.enrolment is None:
        return None
    title = ngettext(
        "Book your call: %(n)d topic ready",
        "Book your call: %(n)d topics ready",
        count,
    )
    return NextStep(
        title % {"n": count},
        cell.programme.title,
        reverse("sessions:book", args=[cell.enrolment.pk]),
        _("Find a time"),
        "calendar",
    )


def _nothing_left(member: Member, record: Record) -> NextStep:
    if not record.teams and not record.cells:
        return NextStep(
            _("Your manager chooses your team"),
            _("Your programmes appear here as soon as you are in a team."),
        )
    if not record.cells:
        return NextStep(
            _("Nothing is asked of you"),
            _("Your team has no programme. You can read all of them."),
            "/programmes/",
            _("See the programmes"),
        )
    for cell in record.cells:
        if cell.state == states.REVOKED:
            return NextStep(
                _("Your certificate for %(programme)s was revoked")
                % {"programme": cell.programme.title},
                _("Ask the training team, named below, what comes next."),
            )
    return NextStep(_("You are up to date"), _("Nothing is left to do. Well done."))


def _cell_with_last_call(record: Record) -> Cell | None:
    """A programme in which no call is left to book: its name is asked about."""
    for cell in record.cells:
        if cell.progress is None:
            continue
        coming = [call for call in cell.booked if call.ends_at > now()]
        agenda = {item.topic_id for call in coming for item in call.topics.all()}
        if is_last(cell.progress, agenda):
            return cell
    return None
