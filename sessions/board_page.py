"""What the board shows its trainer, and the agenda its trainee: in the room or not."""

from __future__ import annotations

from collections import defaultdict
from typing import Any

from django.db.models import prefetch_related_objects
from django.urls import reverse
from django.utils.timezone import now
from django.utils.translation import gettext as _
from django.utils.translation import ngettext

from courses.progress import progress_of
from lms.people.access import MemberRequest
from lms.walls import unscoped
from sessions.board import board_row, drafts_of
from sessions.extending import extended_end
from sessions.forms import QuestionForm, SignOffForm
from sessions.models import Booking, BookingState, BookingTopic, Outcome, Trainer
from sessions.prepared import may_see_answers, practised_in, tried_checks
from sessions.signoff import asked_of, qualifies, undo_until

Board = dict[str, Any]


def form_for(request: MemberRequest, call: Booking, data: Any = None) -> SignOffForm:
    """The form of a call's board, as far as it was filled; two queries."""
    return SignOffForm(
        data,
        topics=list(call.topics.all()),
        criteria={pk: list(asked.criteria) for pk, asked in asked_of(call).items()},
        drafts=drafts_of(call),
        is_trainer=call.trainer.user_id == request.user.pk,
    )


def board_of(
    request: MemberRequest, call: Booking, form: SignOffForm | None = None
) -> Board:
    """All that the board shows, in as many queries for three topics as for one.

    `form` is one that was sent. Who may not sign off the call is not asked here.
    """
    prefetch_related_objects([call], "topics__topic")
    is_trainer = call.trainer.user_id == request.user.pk
    is_booked = call.state == BookingState.BOOKED
    board: Board = {
        "call": call,
        "is_trainer": is_trainer,
        "is_open": is_booked and call.opens_at <= now(),
        "has_begun": call.starts_at <= now(),
        "question": board_row(call).question,
        "extended": extended_end(call) if is_trainer else None,
    }
    if call.state == BookingState.DONE:
        until = undo_until(call)
        board["undo_until"] = until if until and until >= now() else None
        board["topics"] = call.topics.all()
    if not board["is_open"]:
        return board
    form = form or form_for(request, call)
    progress = progress_of([call.enrolment])[call.enrolment_id]
    tried, may_see = tried_checks([call])[call.pk], may_see_answers(request, call)
    practised = practised_in(call)
    notes: dict[int, list[BookingTopic]] = defaultdict(list)
    others: list[BookingTopic] = []
    agenda = {topic.topic_id for topic in call.topics.all()}
    for said in earlier_words(call.trainer, [call.trainee_id]) if is_trainer else ():
        if said.topic_id in agenda:
            notes[said.topic_id].append(said)
        else:
            others.append(said)
    board |= {
        "form": form,
        "parts": [
            part
            | {
                "progress": progress.topic(part["topic"].topic_id),
                "is_tried": may_see and part["topic"].topic_id in tried,
                "practised": practised[part["topic"].topic_id],
                "notes": notes[part["topic"].topic_id],
            }
            for part in form.parts()
        ],
        "notes": others,
        "qualifies": qualifies(call, progress),
    }
    return board


def earlier_words(trainer: Trainer, trainees: list[int]) -> list[BookingTopic]:
    """What was said of these people's topics in calls with this trainer, newest first.

    One query.
    """
    return list(
        unscoped(BookingTopic.objects, "said by the trainer who asks")
        .filter(
            booking__trainee__in=trainees,
            booking__trainer=trainer,
            booking__state=BookingState.DONE,
        )
        .exclude(outcome=Outcome.PENDING)
        .select_related("booking")
        .order_by("-booking__starts_at", "pk")
    )


# --- What the trainee sees -----------------------------------------------------------


def agenda_of(call: Booking) -> dict[str, Any]:
    """What the trainee sees of a call while it is held, and at once when signed off.

    What was ticked, never a note or an outcome before the sign-off: until then the
    trainer may still think better of it. Four queries, and three more afterwards.
    """
    prefetch_related_objects([call], "topics__topic")
    is_done = call.state == BookingState.DONE
    drafts = {} if is_done else drafts_of(call)
    asked = asked_of(call)
    lines = []
    for topic in call.topics.all():
        draft = drafts.get(topic.pk, topic)
        wanted = asked[topic.topic_id].criteria if topic.topic_id in asked else []
        met = set(draft.criteria_met)
        lines.append(
            {
                "topic": topic,
                "criteria": [
                    (line, line in met) for line in dict.fromkeys([*wanted, *met])
                ],
            }
        )
    question = board_row(call).question
    return {
        "call": call,
        "is_done": is_done,
        "lines": lines,
        "question_form": QuestionForm(initial={"question": question, "base": question}),
        "next": after_call(call) if is_done else None,
    }


def after_call(call: Booking) -> dict[str, Any]:
    """What a call that was signed off led to, and the one thing to do next.

    Two queries, three where the programme goes on.
    """
    enrolment = call.enrolment
    progress = progress_of([enrolment])[enrolment.pk]
    said: dict[str, Any] = {"progress": progress, "tone": "info"}
    if enrolment.completed_at and not enrolment.annulled_at:
        return said | {
            "tone": "good",
            "title": _("You are qualified for %(programme)s")
            % {"programme": enrolment.edition.title},
            "text": _("Your certificate is being prepared. You get it by email."),
            "url": reverse("dashboards:my"),
            "label": _("My learning"),
        }
    if not enrolment.is_open:
        return said | {
            "title": _("This programme has ended for you"),
            "text": _("What you have done is kept."),
            "url": reverse("dashboards:my"),
            "label": _("My learning"),
        }
    booked = unscoped(BookingTopic.objects, "of the trainee of a call that was fetched")
    coming = dict(
        booked.filter(booked_for=enrolment).values_list("topic", "booking__ref")
    )
    ready = [each for each in progress.for_call if each.topic.pk not in coming]
    if ready:
        return said | {
            "title": ngettext(
                "Book your next call: %(n)d topic is ready",
                "Book your next call: %(n)d topics are ready",
                len(ready),
            )
            % {"n": len(ready)},
            "text": ", ".join(topic.title for topic in ready),
            "url": reverse("sessions:book", args=[enrolment.pk]),
            "label": _("Find a time"),
        }
    topic = progress.next_topic
    if topic is not None and not (topic.is_prepared and coming):
        return said | {
            "title": _("Go on with %(topic)s") % {"topic": topic.title},
            "text": _("It is the next topic of %(programme)s.")
            % {"programme": enrolment.edition.title},
            "url": topic.topic.url,
            "label": _("Open the topic"),
        }
    return said | {
        "title": _("Your next call is booked"),
        "text": _("Its page says when, and what to prepare."),
        "url": reverse("sessions:agenda"),
        "label": _("Your calls"),
    }
