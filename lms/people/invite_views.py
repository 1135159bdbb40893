"""Inviting people: paste a list, look at it, mend it, send it."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any
from urllib.parse import urlencode

from django.contrib import messages
from django.core.paginator import Paginator
from django.http import HttpResponse
from django.shortcuts import get_object_or_404, redirect, render
from django.urls import reverse
from django.utils.translation import gettext as _
from django.utils.translation import ngettext

from lms.errors import Refused
from lms.people import invite_lists, pasting
from lms.people.access import MemberRequest
from lms.people.invite_forms import (
    DefaultsForm,
    PasteForm,
    defaults_of,
    typed_lines,
)
from lms.people.judging import WORDS, Guest, resellers_of
from lms.people.models import Engagement, InviteDraft, Team
from lms.people.roles import manager_or_people_staff_required

PAGE_SIZE = 50


KNOWN = {
    "teams": "known-teams",
    "company": "known-companies",
    "engagement": "known-engagements",
}


@manager_or_people_staff_required
def invite(request: MemberRequest) -> HttpResponse:
    """Paste a list of people, or upload one."""
    form = PasteForm(
        request.POST or None,
        request.FILES or None,
        access=request.access,
        initial=_asked_for(request),
    )
    status = 200
    if request.method == "POST":
        status = 422
        if form.is_valid():
            try:
                draft = invite_lists.begin(_read(form), form.defaults, request.access)
            except Refused as refusal:
                form.add_error("text", str(refusal))
                status = 409
            else:
                return redirect("people:invite_list", draft.pk)
    unfinished = InviteDraft.objects.visible_to(request.access).exclude(lines=[])
    context = {"form": form, "unfinished": unfinished.defer("lines")[:3]}
    return render(request, "people/invite.html", context, status=status)


def _asked_for(request: MemberRequest) -> dict[str, str]:
    """The company that the channel team comes from, if it is in the address."""
    asked = request.GET.get("reseller")
    return {"reseller": asked} if asked and request.access.may_change_people else {}


def _read(form: PasteForm) -> list[pasting.Line]:
    """The people of the text and of the file."""
    text, file = form.cleaned_data["text"], form.cleaned_data["file"]
    lines = pasting.read_file(file.read()) if file else []
    if text.strip():
        lines = pasting.read_text(text) + lines
    pasting.require_not_too_many(lines)
    return lines


@manager_or_people_staff_required
def invite_list(request: MemberRequest, pk: int) -> HttpResponse:
    """The people of a list, each with a word; mend them, and send the good ones."""
    drafts = InviteDraft.objects.visible_to(request.access)
    drafts = drafts.select_related("reseller").prefetch_related("teams")
    draft = get_object_or_404(drafts, pk=pk)
    if request.method != "POST":
        return _show(request, draft)
    do = request.POST.get("do")
    if do == "throw away":
        invite_lists.throw_away(draft)
        messages.success(request, _("The list is gone. What was sent stays sent."))
        return redirect("people:invite")
    lines, left_out = typed_lines(request.POST)
    invite_lists.mend(draft, lines, left_out)
    if "all-reseller" in request.POST:
        form = DefaultsForm(request.POST, prefix="all", access=request.access)
        if not form.is_valid():
            return _show(request, draft, form)
        invite_lists.change_defaults(draft, form.defaults)
    if do == "tidy":
        guests = invite_lists.guests_of(draft, request.access)
        idle = {each.number for each in guests if not each.is_good | each.is_wrong}
        invite_lists.mend(draft, {}, idle)
    if do == "send":
        return _send(request, draft)
    return redirect(_place(request, draft))


def _send(request: MemberRequest, draft: InviteDraft) -> HttpResponse:
    try:
        count = invite_lists.send(draft, request.access)
    except Refused as refusal:
        messages.error(request, str(refusal))
        return _show(request, draft, status=409)
    if count:
        words = ngettext(
            "%(count)d invitation is on its way.",
            "%(count)d invitations are on their way.",
            count,
        )
        messages.success(request, words % {"count": count})
    elif not draft.lines:
        messages.info(request, _("These invitations are on their way already."))
    elif not draft.to_send:
        messages.info(request, _("Nobody of this list can be invited as it stands."))
    if draft.lines:
        return redirect("people:invite_list", draft.pk)
    return redirect("people:invitations")


def _show(
    request: MemberRequest,
    draft: InviteDraft,
    form: DefaultsForm | None = None,
    status: int = 200,
) -> HttpResponse:
    guests = invite_lists.guests_of(draft, request.access)
    sets = {
        "fix": [guest for guest in guests if guest.is_wrong],
        "good": [guest for guest in guests if guest.is_good],
        "rest": [guest for guest in guests if not guest.is_good | guest.is_wrong],
    }
    show = request.GET.get("show", "")
    shown = sets.get(show) or [*sets["fix"], *sets["rest"], *sets["good"]]
    show = show if sets.get(show) else "all"
    page = Paginator(shown, PAGE_SIZE).get_page(request.GET.get("page"))
    resellers = list(resellers_of(request.access))
    labels = _labels(guests, has_companies=len(resellers) > 1)
    heads = [_("State"), *labels.values(), _("Leave out")]
    context: dict[str, Any] = {
        "draft": draft,
        "page": page,
        "rows": [Row(guest, labels) for guest in page],
        "shown": shown,
        "show": show,
        "sets": sets,
        "nav": _nav(sets, len(guests), show),
        "columns": [{"label": label} for label in heads],
        "words": _counts(guests),
        "form": form
        or DefaultsForm(
            initial=defaults_of(draft), prefix="all", access=request.access
        ),
        "resellers": resellers,
        "teams": Team.objects.all(),
        "engagements": Engagement.choices,
        "total": draft.sent_count + draft.to_send,
    }
    if form is not None:
        status = 422
    return render(request, "people/invite_list.html", context, status=status)


@dataclass(frozen=True)
class Cell:
    """What stands in a column of a line, what is wrong with it, and what is known."""

    name: str
    label: str
    value: str
    problem: str
    known: str


@dataclass(frozen=True)
class Row:
    guest: Guest
    labels: dict[str, str]

    @property
    def cells(self) -> list[Cell]:
        return [
            Cell(
                f"{name}-{self.guest.number}",
                label,
                getattr(self.guest.line, name),
                self.guest.problems.get(name, ""),
                KNOWN.get(name, ""),
            )
            for name, label in self.labels.items()
        ]


def _labels(guests: list[Guest], *, has_companies: bool) -> dict[str, str]:
    """The columns; the company alone may be of no use to anybody."""
    labels = {
        "email": _("Address"),
        "name": _("Name"),
        "teams": _("Teams"),
        "company": _("Company"),
        "engagement": _("Here as"),
        "until": _("Until"),
    }
    if not has_companies and not any(
        guest.line.company or "company" in guest.problems for guest in guests
    ):
        del labels["company"]
    return labels


def _nav(sets: dict[str, list[Guest]], total: int, shown: str) -> list[dict[str, Any]]:
    labels = {
        "all": (_("All"), total),
        "fix": (_("To fix"), len(sets["fix"])),
        "good": (_("Ready to send"), len(sets["good"])),
        "rest": (_("Nothing to do"), len(sets["rest"])),
    }
    return [
        {"label": label, "count": count, "go": f"{key}:1", "is_here": key == shown}
        for key, (label, count) in labels.items()
        if count or key == "all"
    ]


def _place(request: MemberRequest, draft: InviteDraft) -> str:
    """Where to go on: the lines asked for by a button, or where one was."""
    show, _colon, page = request.POST.get("go", "").partition(":")
    if not show:
        return request.get_full_path()
    words = urlencode({"show": show[:9], "page": page[:9]})
    return f"{reverse('people:invite_list', args=[draft.pk])}?{words}"


def _counts(guests: list[Guest]) -> list[tuple[Any, int]]:
    """Each word of the list, and how often it stands there."""
    keys = [guest.word.key for guest in guests]
    return [(word, count) for word in WORDS if (count := keys.count(word.key))]
