"""What people send from a topic's page."""

from __future__ import annotations

from django import forms


class PlaceForm(forms.Form):
    """The block that somebody has before them."""

    block = forms.CharField(max_length=36)
