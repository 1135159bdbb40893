"""Finding programmes, topics and handbook pages."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from django import forms
from django.contrib.auth.decorators import login_required
from django.core.exceptions import PermissionDenied
from django.http import HttpResponse
from django.shortcuts import render
from django.utils.translation import gettext_lazy as _

from content.models import Tag
from content.search_backend import LONGEST_QUERY, clean_query
from lms.dashboards.finding import KINDS, find_pages, tags_in_use
from lms.people.access import MemberRequest


class SearchForm(forms.Form):
    """What is looked for; all of it stands in the address. A bad value finds all."""

    q = forms.CharField(
        required=False,
        label=_("Words to find"),
        widget=forms.TextInput(attrs={"type": "search", "maxlength": LONGEST_QUERY}),
    )
    kind = forms.ChoiceField(
        required=False,
        label=_("Kind"),
        choices=[("", _("All kinds")), *((each.key, each.word) for each in KINDS)],
    )
    tag = forms.ModelChoiceField(
        Tag.objects.all(),
        required=False,
        to_field_name="slug",
        label=_("Subject"),
        empty_label=_("All subjects"),
    )

    def __init__(self, data: Mapping[str, Any], *, tags: list[Tag]) -> None:
        super().__init__(data)
        words = [("", _("All subjects")), *((tag.slug, tag.name) for tag in tags)]
        self.fields["tag"].widget.choices = words


@login_required
def search(request: MemberRequest) -> HttpResponse:
    """List the pages that hold the words, the best first; or those with a tag."""
    if not request.access.may_read:
        raise PermissionDenied
    query = clean_query(request.GET.get("q", "")[: LONGEST_QUERY * 2])
    tags = tags_in_use(request)
    wanted = request.GET.dict() | {"q": query}
    form = SearchForm(wanted, tags=tags)
    form.is_valid()
    kind = next((e for e in KINDS if e.key == form.cleaned_data.get("kind")), None)
    tag = form.cleaned_data.get("tag")
    context = {
        "form": form,
        "query": query,
        "tag": tag,
        "tags": tags,
        "is_asked": bool(query or tag),
        "found": find_pages(query, kind=kind, tag=tag),
    }
    return render(request, "dashboards/search.html", context)
