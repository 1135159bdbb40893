"""The next edition of a programme in the CMS: gathered, put up, on its way."""

from __future__ import annotations

from typing import Any

from django.contrib import messages
from django.core.exceptions import PermissionDenied
from django.core.paginator import Paginator
from django.http import HttpResponse
from django.shortcuts import get_object_or_404, redirect, render
from django.utils.translation import gettext as _

from courses import comparing
from courses.approvals import MANY, put_up_or_ask
from courses.drafting import (
    begin_draft,
    drop,
    edited_since,
    in_force,
    missing_for_draft,
    open_draft,
    proposal_of,
    save_draft,
    stop,
)
from courses.edition_forms import EditionDraftForm
from courses.models import EditionDraft, ProgrammePage
from courses.rollout import fates
from lms.errors import Refused
from lms.people.access import MemberRequest
from lms.people.models import Member
from lms.walls import unscoped

NEXT = "courses_next_edition"
AT_ONCE = 100


def next_edition(request: MemberRequest, programme_pk: int) -> HttpResponse:
    """Show the draft beside the edition in force; do what its button says on a POST."""
    programme = _programme(request, programme_pk)
    draft = open_draft(programme)
    form = None
    status = 200
    if request.method == "POST":
        form, status, done = _do(request, programme, draft)
        if done:
            return redirect(NEXT, programme.pk)
        draft = open_draft(programme)
    if draft is None:
        return _without_draft(request, programme, status)
    return _with_draft(request, draft, form, status)


def _do(
    request: MemberRequest, programme: ProgrammePage, draft: EditionDraft | None
) -> tuple[EditionDraftForm | None, int, bool]:
    """Do what was asked; the form with what was typed, if it was refused."""
    action, by = request.POST.get("do"), request.user
    form = None
    if draft is None and action != "begin":
        messages.error(
            request, _("There is no draft any more: it was dropped, or it is in force.")
        )
        return None, 409, False
    try:
        if action == "begin" or draft is None:
            begin_draft(programme, by=by)
        elif action == "stop":
            stop(draft, by=by)
            messages.success(request, _("It is stopped: nobody was touched."))
        elif action == "drop":
            drop(draft, by=by)
            messages.success(
                request, _("The draft is dropped. The pages are as before.")
            )
        else:
            form = EditionDraftForm(request.POST, draft=draft)
            if not form.is_valid():
                return form, 422, False
            _save_or_put_up(request, form, draft)
    except Refused as refusal:
        messages.error(request, str(refusal))
        return form, 409, False
    return None, 200, True


def _save_or_put_up(
    request: MemberRequest, form: EditionDraftForm, draft: EditionDraft
) -> None:
    """Put it up, if it is asked for just as it is saved and was shown."""
    if request.POST.get("do") == "put-up" and not form.has_changed():
        seen = form.cleaned_data["seen"]
        if put_up_or_ask(draft, seen=seen, by=request.user):
            messages.info(
                request,
                _(
                    "It touches more than %(many)d people, so a second person has to "
                    "agree: they are asked by mail. Nobody is touched until then."
                )
                % {"many": MANY},
            )
        else:
            messages.success(
                request, _("It is put up. Until it begins you can stop it.")
            )
        return
    save_draft(draft, by=request.user, **form.said)
    if request.POST.get("do") == "put-up":
        messages.warning(
            request,
            _(
                "Saved, and not put up yet: look at what it would do now, then put it up."
            ),
        )
    else:
        messages.success(request, _("Saved. This is what it would do now."))


def _without_draft(
    request: MemberRequest, programme: ProgrammePage, status: int
) -> HttpResponse:
    edition = programme.editions.order_by("number").last()
    context: dict[str, Any] = {
        "programme": programme,
        "edition": edition,
        "latest": _latest(programme),
    }
    return render(
        request, "courses/cms/next_edition_begin.html", context, status=status
    )


def _with_draft(
    request: MemberRequest,
    draft: EditionDraft,
    form: EditionDraftForm | None,
    status: int,
) -> HttpResponse:
    programme = draft.programme
    was = in_force(programme.editions.select_related("programme").latest("number"))
    will = proposal_of(draft)
    groups = comparing.groups_of(fates(will), will)
    fresh = EditionDraftForm(draft=draft)
    context: dict[str, Any] = {
        "programme": programme,
        "draft": draft,
        "was": was.edition,
        "will": will.edition,
        "form": form or fresh,
        "seen": fresh["seen"].value(),  # what was typed is judged by what stands now
        "ticked": (form or fresh).ticked,
        "topics": comparing.topic_lines(was, will, draft),
        "lines": comparing.programme_lines(was, will),
        "groups": groups,
        "summary_of_people": comparing.in_a_line(groups),
        "touched": sum(group.count for group in groups if group.fate != "keep"),
        "missing": missing_for_draft(draft),
        "edited": edited_since(draft),
        "latest": _latest(programme),
    }
    template = "next_edition_put_up" if draft.starts_at else "next_edition"
    return render(request, f"courses/cms/{template}.html", context, status=status)


def people(request: MemberRequest, programme_pk: int) -> HttpResponse:
    """Name the people of one group of the preview, a page at a time."""
    programme = _programme(request, programme_pk)
    draft = open_draft(programme)
    if draft is None:
        return redirect(NEXT, programme.pk)
    will = proposal_of(draft)
    everybody = fates(will)
    groups = comparing.groups_of(everybody, will)
    key = request.GET.get("group", "")
    group = next((each for each in groups if each.key == key), None)
    if group is None:  # it has changed since the page was opened
        return redirect(NEXT, programme.pk)
    keys = [person.member_pk for person in everybody if comparing.is_in(person, group)]
    page = Paginator(keys, AT_ONCE).get_page(request.GET.get("p"))
    members = unscoped(Member.objects, "for editors, who plan for everybody").filter(
        pk__in=page.object_list
    )
    context: dict[str, Any] = {
        "programme": programme,
        "will": will.edition,
        "group": group,
        "page_obj": page,
        "members": members.select_related("user", "reseller"),
    }
    return render(request, "courses/cms/next_edition_people.html", context)


def progress(request: MemberRequest, programme_pk: int) -> HttpResponse:
    """How far the newest edition is, for the page that waits for it."""
    programme = _programme(request, programme_pk)
    context = {"latest": _latest(programme), "programme": programme}
    return render(request, "courses/cms/_edition_progress.html", context)


def _latest(programme: ProgrammePage) -> EditionDraft | None:
    """The draft that became the newest edition."""
    latest: EditionDraft | None = (
        EditionDraft.objects.filter(programme=programme, edition__isnull=False)
        .select_related("edition", "started_by")
        .order_by("edition__number")
        .last()
    )
    return latest


def _programme(request: MemberRequest, pk: int) -> ProgrammePage:
    programme: ProgrammePage = get_object_or_404(ProgrammePage, pk=pk)
    if not programme.permissions_for_user(request.user).can_publish():
        raise PermissionDenied
    return programme
