"""What people send from the handbook's pages."""

from django import forms


class ConfirmForm(forms.Form):
    """The version of the page that somebody had before them."""

    version = forms.IntegerField(min_value=1, max_value=32767)
