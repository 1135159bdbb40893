"""Invitations that were sent: what became of each; again, corrected, withdrawn."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from django import forms
from django.contrib import messages
from django.core.exceptions import PermissionDenied
from django.core.paginator import Paginator
from django.db.models import Count, Q
from django.http import HttpResponse
from django.shortcuts import get_object_or_404, redirect, render
from django.utils.timezone import now
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy, ngettext

from lms.errors import Refused
from lms.mail.models import Message
from lms.mail.times import day, moment, on_day
from lms.people import inviting
from lms.people.access import MemberRequest
from lms.people.invite_forms import CorrectForm
from lms.people.models import (
    Invitation,
    InvitationQuerySet,
    InvitationState,
    Member,
    Reseller,
    ResellerQuerySet,
)
from lms.people.names import one_line
from lms.people.roles import manager_or_staff_required
from lms.states import Actor, State
from lms.tables import FORMATS, table_response

PAGE_SIZE = 50
AT_ONCE = 500  # sent again or withdrawn by one click


def _state(key: str, word: Any, icon: str, tone: str, meaning: Any) -> State:
    return State(key, word, icon, tone, meaning, Actor.NOBODY)


SENT = _state(
    "sent", gettext_lazy("Sent"), "mail", "info", gettext_lazy("Not accepted yet.")
)
FAILED = _state(
    "failed",
    gettext_lazy("Delivery failed"),
    "alert",
    "bad",
    gettext_lazy("The mail server does not take this address."),
)
ACCEPTED = _state(
    "accepted", gettext_lazy("Accepted"), "check-circle", "good", gettext_lazy("Here.")
)
RAN_OUT = _state(
    "ran-out",
    gettext_lazy("Ran out"),
    "hourglass",
    "warn",
    gettext_lazy("Nobody accepted it in time."),
)
WITHDRAWN = _state(
    "withdrawn",
    gettext_lazy("Withdrawn"),
    "ban",
    "neutral",
    gettext_lazy("You took it back."),
)
STATES = [SENT, FAILED, ACCEPTED, RAN_OUT, WITHDRAWN]
STATE_OF = {
    InvitationState.SENT: SENT,
    InvitationState.ACCEPTED: ACCEPTED,
    InvitationState.RAN_OUT: RAN_OUT,
    InvitationState.WITHDRAWN: WITHDRAWN,
}
SORTS = {
    "name": ("full_name", "email"),
    "email": ("email",),
    "company": ("reseller__name", "email"),
    "invited": ("created_at",),
    "until": ("expires_at",),
}


def _in_state(state: State) -> Q:
    """The rows of `with_failure` of which the word is true."""
    at = now()
    waits = Q(accepted_at=None, withdrawn_at=None)
    return {
        SENT: waits & Q(expires_at__gt=at, has_failed=False),
        FAILED: waits & Q(expires_at__gt=at, has_failed=True),
        ACCEPTED: Q(accepted_at__isnull=False),
        RAN_OUT: waits & Q(expires_at__lte=at),
        WITHDRAWN: Q(withdrawn_at__isnull=False),
    }[state]


class InvitationFilter(forms.Form):
    """What is shown; all of it stands in the address. A bad value shows all."""

    q = forms.CharField(
        required=False,
        max_length=200,
        label=gettext_lazy("Name or address"),
        widget=forms.TextInput(attrs={"type": "search"}),
    )
    reseller = forms.ModelChoiceField(
        Reseller.objects.none(),
        required=False,
        label=gettext_lazy("Company"),
        empty_label=gettext_lazy("All"),
    )
    state = forms.ChoiceField(
        required=False,
        label=gettext_lazy("State"),
        choices=[
            ("", gettext_lazy("All states")),
            *((state.key, state.word) for state in STATES),
        ],
    )

    def __init__(self, data: Mapping[str, Any], *, resellers: ResellerQuerySet) -> None:
        super().__init__(data)
        self.fields["reseller"].queryset = resellers  # type: ignore[attr-defined]  # a ModelChoiceField

    def narrow(self, invitations: InvitationQuerySet) -> InvitationQuerySet:
        self.is_valid()
        words = self.cleaned_data
        if text := one_line(words.get("q") or ""):
            invitations = invitations.filter(
                Q(full_name__icontains=text) | Q(email__icontains=text)
            )
        if reseller := words.get("reseller"):
            invitations = invitations.filter(reseller=reseller)
        for state in STATES:
            if words.get("state") == state.key:
                invitations = invitations.filter(_in_state(state))
        return invitations


@dataclass(frozen=True)
class Line:
    """An invitation, its state, and the mail of its link."""

    invitation: Invitation
    mail: Message | None
    zone: str

    @property
    def state(self) -> State:
        state = STATE_OF[self.invitation.state]
        return FAILED if state == SENT and self._has_failed else state

    @property
    def _has_failed(self) -> bool:
        return bool(getattr(self.invitation, "has_failed", False))

    @property
    def teams(self) -> str:
        return ", ".join(team.name for team in self.invitation.teams.all())

    @property
    def detail(self) -> str:
        """When it came to be in its state, or until when it is."""
        invitation, state = self.invitation, self.state
        if invitation.accepted_at:
            return day(invitation.accepted_at, self.zone)
        if invitation.withdrawn_at:
            return day(invitation.withdrawn_at, self.zone)
        if state == RAN_OUT:
            return day(invitation.expires_at, self.zone)
        if state == FAILED:
            return _("after %(count)d tries") % {
                "count": self.mail.tries if self.mail else 0
            }
        if self.mail and self.mail.sent_at is None and not self.mail.dropped_at:
            return _("on its way")
        return _("until %(day)s") % {"day": day(invitation.expires_at, self.zone)}

    @property
    def can_change(self) -> bool:
        return self.state in (SENT, FAILED, RAN_OUT)


def lines_of(invitations: Iterable[Invitation], zone: str) -> list[Line]:
    """The invitations with the mails of their links; one query more."""
    invitations = list(invitations)
    mails = inviting.mails_of(invitations)
    return [
        Line(invitation, mails.get(invitation.pk), zone) for invitation in invitations
    ]


def _may_change(request: MemberRequest) -> bool:
    return request.access.is_manager or request.access.may_change_people


def _seen(request: MemberRequest) -> InvitationQuerySet:
    """Those one looks after; for staff who may only read, all."""
    if _may_change(request):
        return Invitation.objects.managed_by(request.access).with_failure()
    return Invitation.objects.visible_to(request.access).with_failure()


@manager_or_staff_required
def invitations(request: MemberRequest) -> HttpResponse:
    """All that were sent; `?format=csv` or `xlsx` for the same as a file."""
    everyone = _seen(request)
    resellers = Reseller.objects.visible_to(request.access)
    form = InvitationFilter(request.GET, resellers=resellers)
    found = form.narrow(everyone)
    if request.method == "POST":
        if not _may_change(request):
            raise PermissionDenied
        return _act(request, found)
    sort = request.GET.get("sort", "-invited")
    order = SORTS.get(sort.removeprefix("-"), SORTS["invited"])
    minus = "-" if sort.startswith("-") else ""
    found = found.order_by(*(minus + each for each in order), "-pk")
    found = found.select_related("reseller", "invited_by").prefetch_related("teams")
    zone = request.user.time_zone
    if (file_type := request.GET.get("format")) in FORMATS:
        return table_response(
            f"invitations-{now():%Y-%m-%d}",
            str(file_type),
            _header(),
            _cells(lines_of(found, zone)),
        )
    page = Paginator(found, PAGE_SIZE).get_page(request.GET.get("page"))
    context = {
        "form": form,
        "page": page,
        "lines": lines_of(page, zone),
        "count": page.paginator.count,
        "columns": _columns(request, sort),
        "figures": _figures(request, everyone),
        "may_change": _may_change(request),
    }
    return render(request, "people/invitations.html", context)


def _figures(
    request: MemberRequest, everyone: InvitationQuerySet
) -> list[dict[str, Any]]:
    """How many are in each state; one query."""
    counts = everyone.aggregate(
        **{
            state.key.replace("-", "_"): Count("pk", filter=_in_state(state))
            for state in STATES
        }
    )
    return [
        {
            "value": (count := counts[state.key.replace("-", "_")]),
            "label": state.word,
            "url": f"?state={state.key}",
            "tone": state.tone if count and state in (FAILED, RAN_OUT) else "",
        }
        for state in STATES
    ]


def _columns(request: MemberRequest, sort: str) -> list[dict[str, Any]]:
    labels = {
        "name": _("Name"),
        "company": _("Company"),
        "": _("Teams"),
        "state": _("State"),
        "invited": _("Invited"),
    }
    columns = []
    for key, label in labels.items():
        column: dict[str, Any] = {"label": label}
        if key in SORTS:
            query = request.GET.copy()
            query.pop("page", None)
            query["sort"] = f"-{key}" if sort == key else key
            column["url"] = f"?{query.urlencode()}"
            if sort.removeprefix("-") == key:
                column["sort"] = "descending" if sort[:1] == "-" else "ascending"
        columns.append(column)
    return columns


def _header() -> list[str]:
    return [
        _("Address"), _("Name"), _("Company"), _("Teams"), _("Here as"), _("Until"),
        _("State"), _("Invited"), _("By"), _("Link good until"),
    ]  # fmt: skip


def _cells(lines: Iterable[Line]) -> Iterator[list[str]]:
    for line in lines:
        invitation = line.invitation
        yield [
            invitation.email,
            invitation.full_name,
            invitation.reseller.name,
            line.teams,
            invitation.get_engagement_display(),
            on_day(invitation.until_on) if invitation.until_on else "",
            str(line.state.word),
            moment(invitation.created_at, line.zone),
            str(invitation.invited_by or ""),
            moment(invitation.expires_at, line.zone),
        ]


def _act(request: MemberRequest, found: InvitationQuerySet) -> HttpResponse:
    """Send again, or withdraw, those ticked, or all that the filter shows."""
    back = redirect(request.get_full_path())
    chosen = found
    if "all" not in request.POST:
        chosen = found.filter(pk__in=_keys(request.POST.getlist("invitations")))
    elif found.count() > AT_ONCE:
        words = _("That is more than %(most)d at once. Filter the list first.")
        messages.error(request, words % {"most": AT_ONCE})
        return back
    keys = list(chosen.values_list("pk", flat=True))
    chosen = Invitation.objects.managed_by(request.access).filter(pk__in=keys)
    if not chosen.exists():
        messages.info(request, _("Tick the invitations first."))
    elif request.POST.get("do") == "again":
        _send_again(request, chosen)
    elif request.POST.get("do") == "withdraw":
        _say_withdrawn(request, len(inviting.withdraw_many(chosen, by=request.user)))
    return back


def _keys(texts: Iterable[str]) -> list[int]:
    """The keys among what was sent; no row of ours has one of more digits."""
    return [
        int(text)
        for text in list(texts)[:AT_ONCE]
        if text.isascii() and text.isdecimal() and len(text) < 10
    ]


def _send_again(request: MemberRequest, chosen: InvitationQuerySet) -> None:
    try:
        again, others = inviting.send_many_again(chosen, by=request.user)
    except Refused as refusal:
        messages.error(request, str(refusal))
    else:
        _say_again(request, len(again), others)


def _say_again(request: MemberRequest, count: int, others: int) -> None:
    if count:
        words = ngettext(
            "%(count)d new link is on its way. The one before works no more.",
            "%(count)d new links are on their way. Those before work no more.",
            count,
        )
        messages.success(request, words % {"count": count})
    if others or not count:
        messages.info(
            request,
            _(
                "What was sent a moment ago, or often today, or has passed its end, "
                "was not sent again."
            ),
        )


def _say_withdrawn(request: MemberRequest, count: int) -> None:
    if count:
        words = ngettext(
            "%(count)d invitation is taken back.",
            "%(count)d invitations are taken back.",
            count,
        )
        messages.success(request, words % {"count": count})
    else:
        messages.info(request, _("They were accepted or taken back already."))


@manager_or_staff_required
def invitation(request: MemberRequest, pk: int) -> HttpResponse:
    """One invitation: correct it, send it again, take it back."""
    seen = _seen(request).select_related("reseller", "invited_by")
    found = get_object_or_404(seen, pk=pk)
    if request.method != "POST":
        return _show(request, found)
    if not _may_change(request):
        raise PermissionDenied
    do = request.POST.get("do")
    chosen = Invitation.objects.managed_by(request.access).filter(pk=found.pk)
    if do == "again":
        _send_again(request, chosen)
    elif do == "withdraw":
        _say_withdrawn(request, len(inviting.withdraw_many(chosen, by=request.user)))
    elif do == "correct":
        return _correct(request, found)
    return redirect("people:invitation", found.pk)


def _correct(request: MemberRequest, found: Invitation) -> HttpResponse:
    form = CorrectForm(request.POST, invitation=found, access=request.access)
    if not form.is_valid():
        return _show(request, found, form, 422)
    words = form.cleaned_data
    try:
        was_sent = inviting.correct(
            found,
            email=words["email"],
            full_name=words["full_name"],
            reseller=words["reseller"],
            teams=list(words["teams"]),
            engagement=words["engagement"],
            until_on=words["until_on"],
            by=request.user,
        )
    except Refused as refusal:
        form.add_error(None, str(refusal))
        return _show(request, found, form, 409)
    if was_sent:
        said = _("It is corrected. A new link is on its way to %(address)s.")
        messages.success(request, said % {"address": found.email})
    else:
        messages.success(request, _("It is corrected. The link that was sent is good."))
    return redirect("people:invitation", found.pk)


def _show(
    request: MemberRequest,
    found: Invitation,
    form: CorrectForm | None = None,
    status: int = 200,
) -> HttpResponse:
    line = lines_of([found], request.user.time_zone)[0]
    member = None
    if found.accepted_by_id:
        member = (
            Member.objects.visible_to(request.access)
            .filter(user=found.accepted_by_id, reseller=found.reseller)
            .order_by("-pk")
            .first()
        )
    facts = [
        {"label": _("Company"), "value": found.reseller.name},
        {"label": _("Teams"), "value": line.teams or _("No team yet")},
        {"label": _("Here as"), "value": found.get_engagement_display()},
        {"label": _("Invited"), "value": moment(found.created_at, line.zone)},
        {"label": _("By"), "value": str(found.invited_by or _("ByteKast"))},
    ]
    if line.can_change:
        until = moment(found.expires_at, line.zone)
        facts.append({"label": _("Link good until"), "value": until})
    context = {
        "invitation": found,
        "line": line,
        "may_change": line.can_change and _may_change(request),
        "facts": facts,
        "member": member,
        "form": form or CorrectForm(None, invitation=found, access=request.access),
    }
    return render(request, "people/invitation.html", context, status=status)
