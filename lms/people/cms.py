"""The channel team's screens of resellers and invitations, in the CMS."""

from __future__ import annotations

from typing import Any

from django import forms
from django.contrib import messages
from django.core.exceptions import PermissionDenied
from django.db.models import QuerySet
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect
from django.urls import reverse
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy
from wagtail.admin.ui.tables import (
    Column,
    DateColumn,
    StatusTagColumn,
    TitleColumn,
)
from wagtail.admin.views import generic
from wagtail.admin.widgets import AdminDateInput

from lms.errors import Refused
from lms.forms import ManyField
from lms.mail import times
from lms.mail.models import Message
from lms.people import inviting, resellers
from lms.people.forms import NameField
from lms.people.models import (
    Engagement,
    Invitation,
    InvitationState,
    Reseller,
    Team,
)
from lms.people.screens import IN_CMS, Asked, CreateView, EditColumn, EditView, ViewSet
from lms.walls import unscoped

# --- Resellers ---------------------------------------------------------------------


def indented(reseller: Reseller) -> str:
    """Its name, as deep as it lies in the tree."""
    return "\u00a0" * 4 * (int(reseller.depth) - 1) + str(reseller.name)


class ResellerField(forms.ModelChoiceField):  # type: ignore[type-arg]  # not generic at run time
    """A choice of reseller, indented as the tree is."""

    def __init__(self, **options: Any) -> None:
        super().__init__(queryset=unscoped(Reseller.objects.all(), IN_CMS), **options)

    def label_from_instance(self, reseller: Reseller) -> str:
        return indented(reseller)


class ResellerForm(forms.ModelForm[Reseller]):
    parent = ResellerField(
        label=gettext_lazy("Subsidiary of"),
        required=False,
        empty_label=gettext_lazy("Nobody: a reseller of its own"),
        help_text=gettext_lazy(
            "Managers of the parent company see everyone of its subsidiaries."
        ),
    )

    class Meta:
        model = Reseller
        fields = ["name", "parent", "approved_on", "ended_on"]
        labels = {
            "approved_on": gettext_lazy("Approved on"),
            "ended_on": gettext_lazy("Ended on"),
        }
        help_texts = {
            "ended_on": gettext_lazy(
                "From this day on nobody can join it or its subsidiaries, and their "
                "people are treated as having left: calls are freed, programmes end."
            ),
        }
        widgets = {"approved_on": AdminDateInput, "ended_on": AdminDateInput}

    def __init__(self, *args: Any, **options: Any) -> None:
        super().__init__(*args, **options)
        if self.instance.pk:
            parent = self.fields["parent"]
            assert isinstance(parent, ResellerField)  # noqa: S101  for the type alone
            parent.queryset = unscoped(Reseller.objects, IN_CMS).exclude(
                path__startswith=self.instance.path
            )
            self.initial["parent"] = self.instance.get_parent()


class AddReseller(CreateView):
    def save_instance(self) -> Reseller:
        return resellers.add_reseller(**self.form.cleaned_data, by=self.by)


class EditReseller(EditView):
    def save_instance(self) -> Reseller:
        return resellers.change_reseller(
            self.object, **self.form.cleaned_data, by=self.by
        )


class ResellerList(generic.IndexView):
    default_ordering = "path"  # the tree's order

    def get_base_queryset(self) -> QuerySet[Reseller]:
        everyone: QuerySet[Reseller] = unscoped(Reseller.objects.all(), IN_CMS)
        return everyone


class ResellerViewSet(ViewSet):
    model = unscoped(Reseller, IN_CMS)
    icon = "globe"
    menu_label = gettext_lazy("Resellers")
    menu_order = 10
    ordering = "path"
    search_fields = ["name"]
    index_view_class = ResellerList
    add_view_class = AddReseller
    edit_view_class = EditReseller
    add_form = edit_form = ResellerForm
    list_display = [
        EditColumn(
            "name",
            label=gettext_lazy("Reseller"),
            accessor=indented,
            get_url=lambda reseller: reverse("reseller:edit", args=[reseller.pk]),
        ),
        Column(
            "approved_on",
            label=gettext_lazy("Approved on"),
            accessor=lambda reseller: times.on_day(reseller.approved_on),
        ),
        Column(
            "ended_on",
            label=gettext_lazy("Ended on"),
            accessor=lambda reseller: (
                reseller.ended_on and times.on_day(reseller.ended_on)
            ),
        ),
    ]


# --- Invitations -------------------------------------------------------------------


class InviteForm(forms.ModelForm[Invitation]):
    full_name = NameField(
        label=gettext_lazy("Full name"),
        help_text=gettext_lazy("They can correct it when they accept."),
    )
    reseller = ResellerField(label=gettext_lazy("Reseller"))
    teams = ManyField(
        label=gettext_lazy("Teams"),
        queryset=Team.objects.all(),
        required=False,
        widget=forms.CheckboxSelectMultiple,
        help_text=gettext_lazy("They decide which programmes this person takes."),
    )
    engagement = forms.ChoiceField(
        label=gettext_lazy("Belongs there as"), choices=Engagement.choices
    )

    class Meta:
        model = Invitation
        fields = [
            "full_name",
            "email",
            "reseller",
            "teams",
            "engagement",
            "is_manager",
            "until_on",
        ]
        widgets = {"until_on": AdminDateInput}
        labels = {
            "email": gettext_lazy("Email address"),
            "is_manager": gettext_lazy("Manager"),
            "until_on": gettext_lazy("Until"),
        }
        help_texts = {
            "email": gettext_lazy("The invitation goes there, and is for it alone."),
            "is_manager": gettext_lazy("Sees everyone of this reseller and below it."),
            "until_on": gettext_lazy(
                "If known: the first day they are no longer there."
            ),
        }

    def validate_constraints(self) -> None:
        """Leave it to the rule, which makes room for what ran out."""


class InviteView(CreateView):
    page_subtitle = gettext_lazy("Invite one person")
    submit_button_label = gettext_lazy("Send the invitation")
    submit_button_active_label = gettext_lazy("Sending…")
    success_message = gettext_lazy("The invitation is on its way.")
    error_message = gettext_lazy("Nothing was sent. Please correct what is marked.")

    def save_instance(self) -> Invitation:
        return inviting.invite(**self.form.cleaned_data, by=self.by)


class InvitationList(generic.IndexView):
    add_item_label = gettext_lazy("Invite one person")

    def get_base_queryset(self) -> QuerySet[Invitation]:
        everyone = unscoped(Invitation.objects, IN_CMS)
        return everyone.select_related("reseller").prefetch_related("teams")


class InvitationView(Asked, generic.InspectView):
    """One invitation: what it says, what became of it, send again, withdraw."""

    template_name = "people/cms/invitation.html"
    any_permission_required = ["change", "view"]
    page_title = gettext_lazy("Invitation")
    object: Invitation

    def get_context_data(self, **kwargs: Any) -> dict[str, Any]:
        context: dict[str, Any] = super().get_context_data(**kwargs)
        key = f"invitation:{self.object.pk}:"
        mail = (
            unscoped(Message.objects, IN_CMS)
            .filter(key__startswith=key)
            .order_by("-pk")
            .first()
        )
        return context | {
            "invitation": self.object,
            "mail": mail,
            "may_change": self.user_has_permission("change"),
        }

    def get_page_subtitle(self) -> str:
        return self.object.full_name or self.object.email

    def get_fields_context(self) -> list[dict[str, Any]]:
        return []

    def post(self, request: HttpRequest, *args: Any, **kwargs: Any) -> HttpResponse:
        if not self.user_has_permission("change"):
            raise PermissionDenied
        act = inviting.withdraw if "withdraw" in request.POST else inviting.send_again
        try:
            act(self.object, by=self.by)
        except Refused as refusal:
            messages.error(request, str(refusal))
        else:
            done = (
                _("The invitation is taken back.")
                if "withdraw" in request.POST
                else _("A new link is on its way. The one before works no more.")
            )
            messages.success(request, done)
        return redirect(request.path)


class InvitationViewSet(ViewSet):
    model = unscoped(Invitation, IN_CMS)
    icon = "mail"
    menu_label = gettext_lazy("Invitations")
    menu_order = 20
    ordering = "-created_at"
    search_fields = ["full_name", "email", "reseller__name"]
    list_filter = ["reseller", "is_manager"]
    index_view_class = InvitationList
    add_view_class = InviteView
    inspect_view_enabled = True
    inspect_view_class = InvitationView
    inspect_template_name = "people/cms/invitation.html"
    add_form = edit_form = InviteForm
    routes = {"index", "index_results", "add", "inspect"}
    list_display = [
        TitleColumn(
            "full_name",
            label=gettext_lazy("Name"),
            accessor=lambda invitation: invitation.full_name or invitation.email,
            get_url=lambda one: reverse("invitation:inspect", args=[one.pk]),
        ),
        Column("email", label=gettext_lazy("Email address")),
        Column("reseller", label=gettext_lazy("Reseller")),
        Column(
            "teams",
            label=gettext_lazy("Teams"),
            accessor=lambda one: ", ".join(str(team) for team in one.teams.all()),
        ),
        StatusTagColumn(
            "state",
            label=gettext_lazy("State"),
            accessor=lambda one: one.state.label,
            primary=lambda one: one.state == InvitationState.SENT,
        ),
        DateColumn("created_at", label=gettext_lazy("Invited")),
    ]

    def get_common_view_kwargs(self, **kwargs: Any) -> dict[str, Any]:
        return super().get_common_view_kwargs(**{"edit_url_name": None, **kwargs})
