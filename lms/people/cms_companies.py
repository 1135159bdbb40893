"""The channel team's screen of companies' own sign-ins, in the CMS."""

from __future__ import annotations

from typing import Any

from django import forms
from django.conf import settings
from django.urls import reverse
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy
from wagtail.admin.ui.tables import BooleanColumn, Column

from lms.people import company_sign_in, oidc
from lms.people.cms import ResellerField
from lms.people.models import IdentityProvider
from lms.people.screens import CreateView, EditColumn, EditView, ViewSet


class IdentityProviderForm(forms.ModelForm[IdentityProvider]):
    """What the company's own administrator gives us; the secret is never shown."""

    reseller = ResellerField(label=gettext_lazy("Reseller"))
    client_secret = forms.CharField(
        label=gettext_lazy("Client secret"),
        max_length=500,
        strip=False,
        widget=forms.PasswordInput(attrs={"autocomplete": "off"}),
    )

    class Meta:
        model = IdentityProvider
        fields = ["reseller", "issuer", "client_id", "client_secret", "is_enabled"]
        labels = {
            "issuer": gettext_lazy("Issuer"),
            "client_id": gettext_lazy("Client ID"),
            "is_enabled": gettext_lazy("On"),
        }
        help_texts = {
            "issuer": gettext_lazy(
                "As their server writes it, such as https://login.example.com. "
                "Another issuer or client takes all links away."
            ),
            "is_enabled": gettext_lazy("Off: nobody signs in by it."),
        }

    def __init__(self, *args: Any, **options: Any) -> None:
        super().__init__(*args, **options)
        if self.instance.pk:
            secret = self.fields["client_secret"]
            secret.required = False
            secret.help_text = _("Kept, and never shown. Empty: it stays.")
            self.fields["client_id"].help_text = _(
                "They register this address to come back to: %(address)s"
            ) % {"address": _address("company_callback", self.instance)}

    def clean_issuer(self) -> str:
        issuer: str = self.cleaned_data["issuer"]
        if not oidc.is_good_address(issuer):
            raise forms.ValidationError(
                _("The issuer’s address must begin with https://.")
            )
        return issuer


def _address(name: str, provider: IdentityProvider) -> str:
    return settings.PUBLIC_URL + reverse(f"people:{name}", args=[provider.slug])


class AddProvider(CreateView):
    def save_instance(self) -> IdentityProvider:
        return company_sign_in.set_up(None, **self.form.cleaned_data, by=self.by)


class EditProvider(EditView):
    def save_instance(self) -> IdentityProvider:
        return company_sign_in.set_up(self.object, **self.form.cleaned_data, by=self.by)


class IdentityProviderViewSet(ViewSet):
    model = IdentityProvider
    icon = "key"
    menu_label = gettext_lazy("Company sign-ins")
    menu_order = 15
    ordering = "reseller__name"
    search_fields = ["reseller__name"]
    add_view_class = AddProvider
    edit_view_class = EditProvider
    add_form = edit_form = IdentityProviderForm
    list_display = [
        EditColumn(
            "reseller",
            label=gettext_lazy("Reseller"),
            get_url=lambda one: reverse("identityprovider:edit", args=[one.pk]),
        ),
        BooleanColumn("is_enabled", label=gettext_lazy("On")),
        Column(
            "slug",
            label=gettext_lazy("Address for their people"),
            accessor=lambda one: _address("company_go", one),
        ),
    ]
