"""What people type about themselves."""

from __future__ import annotations

from typing import Any

from django import forms
from django.contrib.auth.password_validation import (
    validate_password,
)
from django.core.exceptions import ValidationError
from django.db.models import QuerySet
from django.urls import reverse
from django.utils.translation import gettext_lazy as _

from lms.mail.zones import ZONES
from lms.people import passkeys
from lms.people.models import IdentityProvider, User
from lms.people.names import has_letters, one_line
from lms.people.printing import unprinted

NAME_LENGTH = 120


class NameBoundField(forms.BoundField):
    """A name on a form; it says which letters cannot be printed, while it is typed."""

    @property
    def letters(self) -> list[str]:
        """What of the name as it stands there cannot be printed yet."""
        name = self.value()
        return unprinted(one_line(name)[:NAME_LENGTH]) if isinstance(name, str) else []

    @property
    def letters_id(self) -> str:
        return f"{self.auto_id}_letters"

    def build_widget_attrs(self, attrs: Any, widget: Any = None) -> Any:
        """Have the name looked at when it is typed, sending nothing but itself."""
        return super().build_widget_attrs(attrs, widget) | {
            "hx-post": reverse("people:letters"),
            "hx-trigger": "change, input changed delay:700ms",
            "hx-params": self.html_name,
            "hx-target": f"#{self.letters_id}",
            "hx-sync": "this:replace",
        }


class NameField(forms.CharField):
    """A person's name: one line, nothing invisible, and letters in it.

    A letter that cannot be printed yet is said beside it, and never refused.
    """

    def __init__(self, **options: Any) -> None:
        options.setdefault("label", _("Your full name"))
        options.setdefault("help_text", _("As your certificates will print it."))
        options.setdefault("template_name", "people/_name_field.html")
        super().__init__(max_length=NAME_LENGTH, **options)
        self.widget.attrs["autocomplete"] = "name"

    def to_python(self, value: Any) -> Any:
        return one_line(super().to_python(value) or "")

    def validate(self, value: Any) -> None:
        super().validate(value)
        if value and not has_letters(value):
            raise ValidationError(
                _("There is no letter in this name. Type it as you are called.")
            )

    def get_bound_field(self, form: Any, field_name: str) -> NameBoundField:
        return NameBoundField(form, self, field_name)


class TypedNameForm(forms.Form):
    """A name that is being typed."""

    full_name = NameField()


class WelcomeForm(forms.Form):
    """A new login's name, time zone, and a password or a passkey.

    The zone is preset by the browser's (`zone.js`), and can be changed. The passkey
    is made by `passkey.js`, which sends the browser's answer in place of a password.
    """

    full_name = NameField()
    time_zone = forms.ChoiceField(
        label=_("Your time zone"),
        choices=ZONES,
        help_text=_("All times are shown in it. You can change it in your settings."),
        widget=forms.Select(attrs={"data-detect-zone": ""}),
    )
    password = forms.CharField(
        label=_("Choose a password"),
        strip=False,
        max_length=128,
        widget=forms.PasswordInput(attrs={"autocomplete": "new-password"}),
        help_text=_("At least 12 characters. Three or four words make a good one."),
    )
    credential = forms.JSONField(required=False, widget=forms.HiddenInput)

    def __init__(self, *args: Any, email: str, **options: Any) -> None:
        super().__init__(*args, **options)
        self.email = email
        if self.is_bound:  # what was chosen stands
            del self.fields["time_zone"].widget.attrs["data-detect-zone"]
        self.fields["password"].required = not self.has_passkey

    @property
    def has_passkey(self) -> bool:
        """Whether a passkey has been made already."""
        # An empty hidden field of JSON says "null".
        return self.is_bound and self.data.get("credential") not in (None, "", "null")

    def clean(self) -> dict[str, Any]:
        words = super().clean() or {}
        if self.has_passkey:
            words["password"] = ""
            # A good one waits in the page for what else is to be corrected.
            if not self.errors or "credential" in self.errors:
                self._judge_passkey(words.get("credential"))
        elif password := words.get("password"):
            person = User(email=self.email, full_name=words.get("full_name", ""))
            try:
                validate_password(password, person)
            except ValidationError as error:
                self.add_error("password", error)
        return words

    def _judge_passkey(self, credential: Any) -> None:
        try:
            passkeys.require_genuine(credential)
        except ValidationError as error:
            self.errors.pop("credential", None)
            self.add_error(None, error)
            self.data = {**self.data.dict(), "credential": ""}  # type: ignore[attr-defined]  # a QueryDict
            self.fields["password"].required = True


class AcceptForm(WelcomeForm):
    """As somebody who accepts an invitation: by their company's sign-in as well."""

    company = forms.ModelChoiceField(
        queryset=IdentityProvider.objects.none(),
        required=False,
        error_messages={
            "invalid_choice": _("That sign-in is off. Choose another way in.")
        },
    )

    def __init__(
        self, *args: Any, companies: QuerySet[IdentityProvider], **options: Any
    ) -> None:
        super().__init__(*args, **options)
        self.companies = companies
        self.fields["company"].queryset = companies  # type: ignore[attr-defined]  # a ModelChoiceField
        if self.goes_to_company:
            self.fields["password"].required = False

    @property
    def goes_to_company(self) -> bool:
        """Whether they pressed the button of a company's sign-in."""
        return self.is_bound and bool(self.data.get("company"))

    def clean(self) -> dict[str, Any]:
        if self.goes_to_company:  # what is typed beside it is left alone
            self.errors.pop("credential", None)
            return self.cleaned_data
        return super().clean()


class SettingsForm(forms.ModelForm[User]):
    """What people change of themselves; a name only where there is none yet."""

    full_name = NameField()

    class Meta:
        model = User
        fields = ["full_name", "time_zone", "call_needs"]
        labels = {
            "time_zone": _("Your time zone"),
            "call_needs": _("What you need for calls"),
        }
        help_texts = {
            "time_zone": _("All times are shown in it, and mail writes them in it."),
            "call_needs": _(
                "Captions, say, or an interpreter. Your trainers read it. Whoever comes "
                "with you is named on the call’s page, and the call is then held behind "
                "a link: the room on this site holds two."
            ),
        }
        widgets = {"call_needs": forms.Textarea(attrs={"rows": 4})}

    def __init__(self, *args: Any, **options: Any) -> None:
        super().__init__(*args, **options)
        if self.instance.full_name:
            del self.fields["full_name"]


class OwnAddressForm(forms.Form):
    """An address that is the person's, not an employer's."""

    email = forms.EmailField(
        label=_("An address of your own"),
        help_text=_("We write there, and you confirm it by the link in the mail."),
        widget=forms.EmailInput(attrs={"autocomplete": "email"}),
    )


class CorrectNameForm(forms.Form):
    """Another name, and why."""

    full_name = NameField(
        label=_("Your name should be"),
        help_text=_("As your next certificates will print it."),
    )
    why = forms.CharField(
        label=_("Why"),
        max_length=300,
        help_text=_(
            "A slip of the keys, a marriage: a few words for the training team."
        ),
        error_messages={"required": _("Say why, in a few words.")},
    )


class ConfirmNameForm(forms.Form):
    """The name that somebody has read and calls right, and where to go on."""

    name = forms.CharField(max_length=254, strip=False)
    next = forms.CharField(max_length=2000, required=False)


class CompanyLinkForm(forms.Form):
    """Which company's sign-in to link one's account to, or not any more."""

    provider = forms.IntegerField(min_value=1, max_value=2**31 - 1)
    do = forms.ChoiceField(choices=[("link", ""), ("unlink", "")])


class SwitchForm(forms.Form):
    """Which membership to act as: one of one's own."""

    member = forms.IntegerField()


class EndSignInForm(forms.Form):
    """Which of one's sign-ins to end; none named: all the others."""

    sign_in = forms.IntegerField(required=False, min_value=1, max_value=10**18 - 1)
