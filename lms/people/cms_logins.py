"""The channel team's screens of people's logins, in the CMS; and one's own account."""

from __future__ import annotations

from typing import Any

from django import forms
from django.contrib import messages
from django.core.exceptions import PermissionDenied
from django.db.models import Prefetch, QuerySet
from django.http import HttpRequest, HttpResponse
from django.shortcuts import get_object_or_404, redirect
from django.urls import URLPattern, path, reverse
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy
from wagtail.admin.auth import require_admin_access
from wagtail.admin.ui.tables import BooleanColumn, Column, DateColumn
from wagtail.admin.views import generic
from wagtail.admin.views.account import (
    AccountView,
    BaseSettingsPanel,
    NameEmailSettingsPanel,
)
from wagtail.admin.views.bulk_action import BulkAction
from wagtail.admin.widgets.button import Button

from lms.audit.looking import looked
from lms.errors import Refused
from lms.people import accounts, second_factor
from lms.people.access import Access, MemberRequest
from lms.people.forms import NameField
from lms.people.models import Member, User
from lms.people.screens import (
    IN_CMS,
    Asked,
    CreateView,
    EditColumn,
    EditView,
    ViewSet,
)
from lms.walls import unscoped


class ColleagueForm(forms.Form):
    """Somebody for the channel team."""

    full_name = NameField(label=gettext_lazy("Full name"), help_text="")
    email = forms.EmailField(
        label=gettext_lazy("Email address"),
        help_text=gettext_lazy(
            "Somebody new gets a link there to choose a password. "
            "People of resellers are invited under Invitations."
        ),
    )

    may_edit_content = forms.BooleanField(
        label=gettext_lazy("May edit content"),
        required=False,
        help_text=gettext_lazy(
            "Programmes, topics, the handbook, the certificates’ design."
        ),
    )
    may_change_people = forms.BooleanField(
        label=gettext_lazy("May change people"),
        required=False,
        help_text=gettext_lazy(
            "Resellers, people, trainers, calls and certificates. "
            "Without either they read, and change nothing."
        ),
    )

    def __init__(self, *args: Any, instance: User | None = None, **kw: Any) -> None:
        super().__init__(*args, **kw)
        self.instance = instance or User()


class PersonForm(forms.ModelForm[User]):
    """What the channel team may change of a login: never an address or password."""

    full_name = NameField(label=gettext_lazy("Full name"), help_text="")

    class Meta:
        model = User
        fields = [
            *("full_name", "email", "is_staff"),
            *("may_edit_content", "may_change_people", "is_active"),
        ]
        help_texts = {
            "email": gettext_lazy("The person changes it in their own settings."),
            "is_staff": gettext_lazy(
                "One of ByteKast's channel team: reads of all resellers."
            ),
        }

    def __init__(self, *args: Any, **options: Any) -> None:
        super().__init__(*args, **options)
        self.fields["email"].disabled = True

    def clean(self) -> dict[str, Any]:
        words = super().clean() or self.cleaned_data
        for name in ("may_edit_content", "may_change_people"):
            if words.get(name) and not words.get("is_staff"):
                self.add_error(name, _("Only the channel team may. Tick that, too."))
        return words

    def validate_constraints(self) -> None:
        """Leave it to `clean`, which says it beside the field."""


class AddColleague(CreateView):
    page_subtitle = gettext_lazy("Add a colleague to the channel team")
    submit_button_label = gettext_lazy("Add")
    success_message = gettext_lazy("%(object)s is of the channel team now.")

    def save_instance(self) -> User:
        words = self.form.cleaned_data
        return accounts.add_colleague(
            words["email"],
            words["full_name"],
            by=self.by,
            content=words["may_edit_content"],
            people=words["may_change_people"],
        )


class EditPerson(EditView):
    def setup(self, request: HttpRequest, *args: Any, **kwargs: Any) -> None:
        super().setup(request, *args, **kwargs)
        self.object = self.get_object()

    def save_instance(self) -> User:
        words = self.form.cleaned_data
        people = unscoped(User.objects, IN_CMS)
        user: User = people.select_for_update().get(pk=self.object.pk)
        by = self.by
        if user.is_superuser and not by.is_superuser:
            raise PermissionDenied
        accounts.rename(user, words["full_name"], by=by)
        accounts.set_channel_team(
            user,
            words["is_staff"],
            by=by,
            content=words["may_edit_content"],
            people=words["may_change_people"],
        )
        accounts.set_active(user, words["is_active"], by=by)
        return user

    @property
    def header_more_buttons(self) -> list[Button]:
        person = self.object
        buttons = []
        if not accounts.is_claimed(person):
            url = reverse("wagtailusers_users:welcome", args=[person.pk])
            words = _("Send the link to sign in")
            buttons.append(Button(words, url=url, icon_name="mail"))
        if not second_factor.why_not_removed(person, by=self.by):
            url = reverse("wagtailusers_users:second_factors", args=[person.pk])
            words = _("Remove second factors")
            buttons.append(Button(words, url=url, icon_name="key"))
        return buttons


class PersonList(generic.IndexView):
    add_item_label = gettext_lazy("Add a colleague")

    def get_base_queryset(self) -> QuerySet[User]:
        live = unscoped(Member.objects, IN_CMS).live().select_related("reseller")
        people: QuerySet[User] = unscoped(User.objects, IN_CMS).prefetch_related(
            Prefetch("memberships", queryset=live, to_attr="live_memberships")
        )
        return people


class UserViewSet(ViewSet):
    """Takes the place of Wagtail's screens of users (see `CmsUsersConfig`)."""

    model = unscoped(User, IN_CMS)
    icon = "user"
    menu_label = gettext_lazy("People")
    menu_name = "users"
    menu_order = 40
    ordering = "full_name"
    search_fields = ["full_name", "email"]
    list_filter = ["is_staff", "may_edit_content", "may_change_people", "is_active"]
    index_view_class = PersonList
    add_view_class = AddColleague
    edit_view_class = EditPerson
    add_form = ColleagueForm
    edit_form = PersonForm
    list_display = [
        EditColumn(
            "full_name",
            label=gettext_lazy("Name"),
            accessor=str,
            sort_key="full_name",
            get_url=lambda user: reverse("wagtailusers_users:edit", args=[user.pk]),
        ),
        Column("email", label=gettext_lazy("Email address"), sort_key="email"),
        Column(
            "resellers",
            label=gettext_lazy("Reseller"),
            accessor=lambda user: ", ".join(
                str(member.reseller) for member in user.live_memberships
            ),
        ),
        BooleanColumn("is_staff", label=gettext_lazy("Channel team")),
        BooleanColumn("is_active", label=gettext_lazy("Can sign in")),
        DateColumn("last_login", label=gettext_lazy("Last here")),
    ]

    def get_urlpatterns(self) -> list[URLPattern]:
        return [
            *super().get_urlpatterns(),
            path("delete/<key:pk>/", refuse_delete, name="delete"),
            path("welcome/<key:pk>/", self.welcome_view, name="welcome"),
            path(
                "second-factors/<key:pk>/",
                self.second_factors_view,
                name="second_factors",
            ),
        ]

    @property
    def welcome_view(self) -> Any:
        return self.construct_view(WelcomeAgain)

    @property
    def second_factors_view(self) -> Any:
        return self.construct_view(RemoveSecondFactors)


class WelcomeAgain(generic.InspectView):
    """Mail the link once more to somebody who has not chosen a password yet."""

    template_name = "people/cms/welcome.html"
    any_permission_required = ["change"]
    page_title = gettext_lazy("Send the link to sign in")
    object: User

    def get_fields_context(self) -> list[dict[str, Any]]:
        return []

    def post(self, request: HttpRequest, *args: Any, **kwargs: Any) -> HttpResponse:
        try:
            accounts.send_welcome(self.object)
        except Refused as refusal:
            messages.error(request, str(refusal))
        else:
            messages.success(request, _("The link is on its way."))
        return redirect("wagtailusers_users:edit", self.object.pk)


class RemoveSecondFactors(Asked, generic.InspectView):
    """Let somebody in again who has lost their phone or key, and their codes."""

    template_name = "people/cms/second_factors.html"
    any_permission_required = ["change"]
    page_title = gettext_lazy("Remove second factors")
    object: User

    def get(self, request: MemberRequest, *args: Any, **kwargs: Any) -> HttpResponse:
        response: HttpResponse = super().get(request, *args, **kwargs)
        looked(request, self.object)
        return response

    def get_context_data(self, **kwargs: Any) -> dict[str, Any]:
        context: dict[str, Any] = super().get_context_data(**kwargs)
        return context | {
            "factors": second_factor.words_of(self.object),
            "has_password": self.object.has_usable_password(),
            "is_asked": second_factor.is_asked_of(Access(self.object)),
            "why_not": second_factor.why_not_removed(self.object, by=self.by),
        }

    def get_fields_context(self) -> list[dict[str, Any]]:
        return []

    def post(self, request: HttpRequest, *args: Any, **kwargs: Any) -> HttpResponse:
        try:
            second_factor.remove_all(self.object, by=self.by)
        except Refused:  # the page says why
            again: HttpResponse = self.render_to_response(
                self.get_context_data(), status=409
            )
            return again
        messages.success(
            request, _("They are gone, and a mail to the person is on its way.")
        )
        return redirect("wagtailusers_users:edit", self.object.pk)


NO_DELETE = gettext_lazy(
    "People are not deleted: what they have earned stays. "
    "Turn “active” off, and they cannot sign in any more."
)


def refuse_delete(request: HttpRequest, pk: int) -> HttpResponse:
    """Say why nobody is deleted, and lead to what can be done."""
    person = get_object_or_404(unscoped(User, IN_CMS), pk=pk)
    messages.error(request, str(NO_DELETE))
    return redirect("wagtailusers_users:edit", person.pk)


class RefusedForMany(BulkAction):
    """Take the place of Wagtail's actions on many users, which ask no rule of ours."""

    display_name = aria_label = ""
    models = [User]

    def dispatch(self, request: HttpRequest, *args: Any, **kw: Any) -> HttpResponse:
        messages.error(request, str(NO_DELETE))
        return redirect("wagtailusers_users:index")


REFUSED_FOR_MANY = [
    type(name, (RefusedForMany,), {"action_type": name})
    for name in ("delete", "assign_role", "set_active_state")
]


# --- One's own account -------------------------------------------------------------


class OwnAccountView(AccountView):
    """Wagtail's page of one's looks and zone in the CMS, without its name form.

    That form asks for names we do not have, and keeps none.
    """

    def get_panels(self) -> list[BaseSettingsPanel]:
        panels: list[BaseSettingsPanel] = super().get_panels()
        return [one for one in panels if not isinstance(one, NameEmailSettingsPanel)]


own_account = require_admin_access(OwnAccountView.as_view())
