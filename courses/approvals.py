"""What of ours asks for a second person: exemptions, and editions that touch many."""

from __future__ import annotations

from collections.abc import Iterable

from django.db import transaction
from django.urls import reverse
from django.utils.translation import gettext as _
from django.utils.translation import ngettext

from courses.drafting import proposal_of, put_up, require_complete
from courses.exempting import exempt, require_exemptible
from courses.models import EditionDraft, Enrolment, TopicPage
from courses.rollout import fates
from lms.errors import Refused
from lms.people import approving
from lms.people.approving import Performer, Plan
from lms.people.models import Approval, User

EXEMPT, EDITION = "exempt", "edition"
MANY = 50  # people whom an edition may touch without a second person


# --- Exempting ---------------------------------------------------------------------


@transaction.atomic
def ask_to_exempt(
    enrolment: Enrolment, topics: Iterable[TopicPage], *, by: User, why: str
) -> Approval | None:
    """Ask a second person to let somebody off topics; None where all is complete.

    Raises Refused for what `exempt` refuses, and what `approving.ask` does.
    """
    wanted = require_exemptible(enrolment, topics, by=by, why=why)
    if not wanted:
        return None
    words = {"enrolment": enrolment.pk, "topics": sorted(each.pk for each in wanted)}
    return approving.ask(EXEMPT, f"enrolment:{enrolment.pk}", words, why=why, by=by)


def forget_exemptions(enrolments: Iterable[Enrolment]) -> None:
    """Empty the words of what was asked about these: their person is erased."""
    approving.forget(EXEMPT, (f"enrolment:{each.pk}" for each in enrolments))


def _plan_to_exempt(approval: Approval) -> Plan:
    enrolment = _enrolment(approval)
    titles = enrolment.edition.topics.filter(topic__in=approval.words["topics"])
    return Plan(
        _("Exempt %(name)s from %(topics)s")
        % {
            "name": enrolment.member.user,
            "topics": ", ".join(titles.values_list("title", flat=True)),
        },
        _(
            "They need not do it in %(programme)s any more, are told by mail, and may "
            "be qualified by it."
        )
        % {"programme": enrolment.edition.title},
        reverse("dashboards:enrolment", args=[enrolment.pk]),
        stands=enrolment.is_open,
    )


def _exempt(approval: Approval) -> None:
    topics = TopicPage.objects.filter(pk__in=approval.words["topics"])
    exempt(_enrolment(approval), topics, by=approval.asked_by, why=approval.why)


def _enrolment(approval: Approval) -> Enrolment:
    found: Enrolment = Enrolment.objects.select_related("member__user", "edition").get(
        pk=approval.words["enrolment"]
    )
    return found


# --- An edition that touches many --------------------------------------------------


@transaction.atomic
def put_up_or_ask(draft: EditionDraft, *, seen: str, by: User) -> Approval | None:
    """Put a draft up; where it touches more than `MANY`, ask a second person to.

    None when it is put up. Raises Refused for what `put_up` and `ask` refuse.
    """
    draft.refresh_from_db()
    if draft.starts_at is not None or touched_by(draft) <= MANY:
        put_up(draft, seen=seen, by=by)
        return None
    require_complete(draft, seen)
    words = {"draft": draft.pk, "seen": seen, "programme": draft.programme_id}
    return approving.ask(EDITION, f"draft:{draft.pk}", words, why=draft.summary, by=by)


def touched_by(draft: EditionDraft) -> int:
    """How many people an edition would touch, as things stand."""
    return sum(person.is_touched for person in fates(proposal_of(draft)))


def _plan_to_put_up(approval: Approval) -> Plan:
    url = reverse("courses_next_edition", args=[approval.words["programme"]])
    draft = _draft(approval)
    if draft is None:
        gone = _("The draft was dropped: there is nothing to put up any more.")
        return Plan(_("Put up an edition"), gone, url, stands=False)
    count = touched_by(draft) if draft.edition_id is None else 0
    words = ngettext(
        "It touches %(count)d person: who has to do something again is told by mail.",
        "It touches %(count)d people: who has to do something again is told by mail.",
        count,
    )
    return Plan(
        _("Put up the next edition of %(programme)s")
        % {"programme": draft.programme.title},
        words % {"count": count},
        url,
        stands=draft.starts_at is None,
    )


def _put_up(approval: Approval) -> None:
    draft = _draft(approval)
    if draft is None:
        raise Refused(_("Somebody has dropped this draft meanwhile."))
    put_up(draft, seen=approval.words["seen"], by=approval.asked_by)


def _draft(approval: Approval) -> EditionDraft | None:
    found: EditionDraft | None = (
        EditionDraft.objects.select_related("programme", "edition")
        .filter(pk=approval.words["draft"])
        .first()
    )
    return found


approving.perform_with(EXEMPT, Performer("may_change_people", _plan_to_exempt, _exempt))
approving.perform_with(EDITION, Performer("may_edit_content", _plan_to_put_up, _put_up))
