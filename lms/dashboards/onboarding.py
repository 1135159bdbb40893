"""A new reseller and its first manager, in one go."""

from __future__ import annotations

from datetime import date

from django import forms
from django.contrib import messages
from django.core.exceptions import ValidationError
from django.db import transaction
from django.http import HttpResponse
from django.shortcuts import redirect, render
from django.utils.timezone import now
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from lms.errors import Refused
from lms.people import inviting
from lms.people.access import Access, MemberRequest
from lms.people.forms import NameField
from lms.people.models import Engagement, Reseller, User
from lms.people.resellers import add_reseller
from lms.people.roles import people_staff_required


class ParentField(forms.ModelChoiceField):  # type: ignore[type-arg]  # not generic at run time
    """A company of the tree, indented as it lies."""

    def label_from_instance(self, obj: Reseller) -> str:
        return f"{'– ' * (obj.depth - 1)}{obj.name}"


class AddResellerForm(forms.Form):
    """What a new reseller is called, and who manages it first."""

    name = forms.CharField(label=gettext_lazy("Name of the company"), max_length=120)
    parent = ParentField(
        Reseller.objects.none(),
        required=False,
        label=gettext_lazy("Subsidiary of"),
        empty_label=gettext_lazy("None: it stands by itself"),
    )
    approved_on = forms.DateField(
        label=gettext_lazy("Approved on"),
        widget=forms.DateInput(attrs={"type": "date"}, format="%Y-%m-%d"),
    )
    full_name = NameField(
        label=gettext_lazy("First manager’s name"),
        help_text=gettext_lazy("They can correct it when they accept."),
    )
    email = forms.EmailField(
        label=gettext_lazy("First manager’s email address"),
        max_length=254,
        help_text=gettext_lazy("The invitation goes there, and is for it alone."),
    )

    def __init__(self, *args: object, access: Access, **options: object) -> None:
        super().__init__(*args, **options)  # type: ignore[arg-type]  # handed on
        self.fields["parent"].queryset = Reseller.objects.visible_to(access)  # type: ignore[attr-defined]  # a ModelChoiceField


@transaction.atomic
def onboard(
    name: str,
    parent: Reseller | None,
    *,
    approved_on: date,
    full_name: str,
    email: str,
    by: User,
) -> Reseller:
    """Approve a reseller and invite its first manager: both, or neither.

    Raises Refused for a name that is taken, and for whom `invite` refuses.
    """
    reseller = add_reseller(name, parent, approved_on=approved_on, by=by)
    inviting.invite(
        email,
        full_name,
        reseller,
        teams=(),
        engagement=Engagement.EMPLOYEE,
        is_manager=True,
        by=by,
    )
    return reseller


@people_staff_required
def add(request: MemberRequest) -> HttpResponse:
    """Add a reseller, and invite its first manager."""
    form = AddResellerForm(
        request.POST if request.method == "POST" else None,
        access=request.access,
        initial={"approved_on": now().date()},
    )
    status = 200
    if request.method == "POST":
        status = 422
        if form.is_valid():
            words = form.cleaned_data
            try:
                reseller = onboard(
                    words["name"],
                    words["parent"],
                    approved_on=words["approved_on"],
                    full_name=words["full_name"],
                    email=words["email"],
                    by=request.user,
                )
            except Refused as refusal:
                form.add_error(None, str(refusal))
                status = 409
            except ValidationError as refusal:
                form.add_error("email", refusal)
            else:
                messages.success(
                    request,
                    _("%(reseller)s is added, and %(email)s is invited to manage it.")
                    % {"reseller": reseller, "email": words["email"]},
                )
                return redirect("dashboards:reseller", reseller.pk)
    return render(
        request, "dashboards/add_reseller.html", {"form": form}, status=status
    )
