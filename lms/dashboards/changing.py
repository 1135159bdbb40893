"""What managers and the channel team change of a person: teams, programmes, dates."""

from __future__ import annotations

from typing import Any

from django import forms
from django.contrib import messages
from django.core.exceptions import PermissionDenied
from django.db.models import QuerySet
from django.http import HttpResponse
from django.shortcuts import get_object_or_404, redirect, render
from django.urls import reverse
from django.utils.timezone import now
from django.utils.translation import gettext as _
from django.utils.translation import ngettext
from django.views.decorators.http import require_POST

from certificates.models import Certificate
from certificates.serials import shown
from courses.adding import Added, add_people, remove, set_due, why_not_removed
from courses.approvals import ask_to_exempt
from courses.leaving import just_left, undo_leaving
from courses.models import Enrolment, Evidence, EvidenceKind
from courses.progress import progress_of
from courses.voiding import consequences_of, take_back
from lms.audit.looking import looked
from lms.dashboards.forms import (
    AddForm,
    DueForm,
    ExemptForm,
    RemoveForm,
    TeamsForm,
    VoidForm,
)
from lms.errors import Refused
from lms.mail.times import on_day
from lms.people.access import MemberRequest
from lms.people.membership import set_teams
from lms.people.models import Member, Team
from lms.people.roles import (
    manager_or_people_staff_required,
    manager_or_staff_required,
    people_staff_required,
)
from lms.walls import unscoped

LONGEST_KEY = 10  # digits; Python refuses to read a number of thousands of them


@manager_or_people_staff_required
def teams(request: MemberRequest, pk: int) -> HttpResponse:
    """The teams of a person, today and before; which decide what they have to take."""
    people = Member.objects.managed_by(request.access)
    member = get_object_or_404(people.select_related("user", "reseller"), pk=pk)
    looked(request, member.user)
    rows = list(
        member.team_memberships.select_related("team").order_by("-from_on", "team")
    )
    today = now().date()
    held = [row.team for row in rows if not row.until_on or row.until_on > today]
    status = 200
    form = TeamsForm(initial={"teams": held})
    if request.method == "POST":
        form = TeamsForm(request.POST)
        status = 422
        if form.is_valid():
            try:
                set_teams(member, form.cleaned_data["teams"], by=request.user)
            except Refused as refusal:
                form.add_error(None, str(refusal))
                status = 409
            else:
                messages.success(request, _teams_words(form.cleaned_data["teams"]))
                return redirect("dashboards:person", member.pk)
    context = {"member": member, "form": form, "rows": rows}
    return render(request, "dashboards/teams.html", context, status=status)


def _teams_words(teams: QuerySet[Team]) -> str:
    names = ", ".join(team.name for team in teams)
    if not names:
        return _("They are in no team now.")
    return _("They are in %(teams)s now.") % {"teams": names}


@manager_or_people_staff_required
def add(request: MemberRequest) -> HttpResponse:
    """Add people to a programme: the one of a record, or those ticked in a list."""
    people = Member.objects.managed_by(request.access).live()
    people = people.select_related("user", "reseller")
    if request.method != "POST":
        chosen = request.GET.getlist("members")
        form = AddForm(initial={"members": chosen}, people=people)
        return _show_add(request, form, chosen, 200)
    form = AddForm(request.POST, people=people)
    if not form.is_valid():
        return _show_add(request, form, request.POST.getlist("members"), 422)
    programme, members = form.cleaned_data["programme"], form.cleaned_data["members"]
    due_on = form.cleaned_data["due_on"]
    done = add_people(members, programme, by=request.user, due_on=due_on)
    if done.refused and not (done.new or done.already):
        form.add_error(None, done.refused[0][1])
        return _show_add(request, form, request.POST.getlist("members"), 409)
    _say_added(request, done, programme.title)
    if len(members) == 1:
        return redirect("dashboards:person", members[0].pk)
    return redirect("dashboards:team" if request.access.is_manager else "landing")


def _show_add(
    request: MemberRequest, form: AddForm, keys: list[str], status: int
) -> HttpResponse:
    numbers = [key for key in keys if key.isascii() and key.isdecimal()]
    wanted = [int(key) for key in numbers if len(key) <= LONGEST_KEY]
    field = form.fields["members"]
    chosen = field.queryset.filter(pk__in=[key for key in wanted if key < 2**31])  # type: ignore[attr-defined]  # a ManyField
    context = {"form": form, "people": list(chosen)}
    return render(request, "dashboards/add.html", context, status=status)


def _say_added(request: MemberRequest, done: Added, programme: str) -> None:
    if done.new:
        words = ngettext(
            "%(count)d person was added to %(programme)s, and told by mail.",
            "%(count)d people were added to %(programme)s, and told by mail.",
            len(done.new),
        )
        counted = {"count": len(done.new), "programme": programme}
        messages.success(request, words % counted)
    if done.already:
        names = ", ".join(str(member.user) for member in done.already)
        words = _("In %(programme)s already: %(names)s.")
        messages.info(request, words % {"programme": programme, "names": names})
    for member, why in done.refused:
        messages.error(request, f"{member.user}: {why}")


@manager_or_people_staff_required
@require_POST
def undo(request: MemberRequest, pk: int) -> HttpResponse:
    """Put somebody back who left a team, or was taken out, within the day."""
    enrolment = _enrolment(request, pk)
    try:
        undo_leaving(enrolment, by=request.user)
    except Refused as refusal:
        messages.error(request, str(refusal))
    else:
        messages.success(
            request,
            _("%(name)s is back in %(programme)s, with all that was earned and booked.")
            % {"name": enrolment.member.user, "programme": enrolment.programme.title},
        )
    return redirect("dashboards:person", enrolment.member_id)


def _enrolment(request: MemberRequest, pk: int) -> Enrolment:
    seen = Enrolment.objects.of_people(request.access).select_related(
        "member__user", "member__reseller", "programme", "edition", "enrolled_by"
    )
    enrolment = get_object_or_404(seen, pk=pk)
    looked(request, enrolment.member.user)
    return enrolment


def _may_change(request: MemberRequest, enrolment: Enrolment) -> bool:
    """Whether they look after this person, rather than read; one query at most."""
    return request.access.may_change_people or (
        request.access.managed_resellers.filter(
            pk=enrolment.member.reseller_id
        ).exists()
    )


FORMS = {"due": DueForm, "remove": RemoveForm, "exempt": ExemptForm}


@manager_or_staff_required
def enrolment(request: MemberRequest, pk: int) -> HttpResponse:
    """Somebody in a programme: due date, taking them out, exemption, what they showed."""
    enrolment = _enrolment(request, pk)
    if request.method != "POST":
        return _show_enrolment(request, enrolment)
    do = request.POST.get("do", "")
    is_for_staff = do == "exempt" and not request.access.may_change_people
    if is_for_staff or not _may_change(request, enrolment):
        raise PermissionDenied
    if do not in FORMS:
        return redirect("dashboards:enrolment", enrolment.pk)
    form = FORMS[do](request.POST, enrolment=enrolment)
    if not form.is_valid():
        return _show_enrolment(request, enrolment, do, form, status=422)
    try:
        messages.success(request, _change(request, enrolment, do, form.cleaned_data))
    except Refused as refusal:
        form.add_error(None, str(refusal))
        return _show_enrolment(request, enrolment, do, form, status=409)
    if do == "remove":
        return redirect("dashboards:person", enrolment.member_id)
    return redirect("dashboards:enrolment", enrolment.pk)


def _change(
    request: MemberRequest, enrolment: Enrolment, do: str, words: dict[str, Any]
) -> str:
    """Ask the rule, and say what has happened."""
    by = request.user
    if do == "due":
        due_on = words["due_on"]
        set_due(enrolment, due_on, by=by)
        if due_on is None:
            return _("There is no due date any more.")
        return _("Due on %(day)s.") % {"day": on_day(due_on)}
    if do == "remove":
        remove(enrolment, by=by, why=words["why"])
        return _("They are taken out, and told by mail. You can undo it for a day.")
    topics = [asked.topic for asked in words["topics"].select_related("topic")]
    if ask_to_exempt(enrolment, topics, by=by, why=words["why"]) is None:
        return _("They have completed these topics: there is nothing to exempt from.")
    return _("A second person has to agree: they are asked by mail.")


def _show_enrolment(
    request: MemberRequest,
    enrolment: Enrolment,
    do: str = "",
    form: forms.Form | None = None,
    status: int = 200,
) -> HttpResponse:
    fresh = {name: make(enrolment=enrolment) for name, make in FORMS.items()}
    context = {
        "enrolment": enrolment,
        "member": enrolment.member,
        "progress": progress_of([enrolment])[enrolment.pk],
        "forms": fresh | ({do: form} if form else {}),
        "wrong": do if form else "",
        "kept_by": why_not_removed(enrolment, by=request.user)
        if enrolment.is_open
        else "",
        "evidence": _evidence_of(enrolment) if request.access.is_staff else None,
        "may_change": _may_change(request, enrolment),
        "may_exempt": request.access.may_change_people,
        "left": just_left().filter(pk=enrolment.pk).exists(),
    }
    return render(request, "dashboards/enrolment.html", context, status=status)


def _evidence_of(enrolment: Enrolment) -> list[dict[str, Any]]:
    """What was shown, and what of it was voided; two queries."""
    titles = dict(enrolment.edition.topics.values_list("topic_id", "title"))
    rows = enrolment.evidence.select_related("by", "voided_by", "topic")
    return [
        {
            "row": row,
            "title": titles.get(row.topic_id, row.topic.title),
            "kind": EvidenceKind(row.kind).label,
            "why": row.detail.get("why", ""),
        }
        for row in rows
    ]


@people_staff_required
def void(request: MemberRequest, pk: int) -> HttpResponse:
    """Take back a mistake; what that ends stands above the button."""
    seen = Evidence.objects.visible_to(request.access).select_related(
        "by",
        "topic",
        "enrolment__member__user",
        "enrolment__member__reseller",
        "enrolment__edition",
    )
    evidence = get_object_or_404(seen, pk=pk)
    looked(request, evidence.enrolment.member.user)
    back = redirect("dashboards:enrolment", evidence.enrolment_id)
    if evidence.voided_at:
        messages.info(request, _("This is taken back already."))
        return back
    status = 200
    form = VoidForm()
    if request.method == "POST":
        form = VoidForm(request.POST)
        status = 422
        if form.is_valid():
            try:
                take_back(evidence, by=request.user, why=form.cleaned_data["why"])
            except Refused as refusal:
                form.add_error(None, str(refusal))
                status = 409
            else:
                messages.success(request, _("It is taken back."))
                return back
    consequences = consequences_of(evidence)
    ended = unscoped(
        Certificate.objects.standing(), "of the enrolments that this would annul"
    ).filter(enrolment__in=consequences.annulled)
    context = {
        "evidence": evidence,
        "enrolment": evidence.enrolment,
        "member": evidence.enrolment.member,
        "kind": EvidenceKind(evidence.kind).label,
        "consequences": consequences,
        "serials": [shown(each.serial) for each in ended],
        "form": form,
        "back_url": reverse("dashboards:enrolment", args=[evidence.enrolment_id]),
    }
    return render(request, "dashboards/void.html", context, status=status)
