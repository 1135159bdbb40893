"""Tags in the CMS: the list that editors choose from, and keep."""

from __future__ import annotations

from typing import Any

from django import forms
from django.core.exceptions import ValidationError
from django.db.models import Count, QuerySet
from django.http import HttpRequest, HttpResponse
from django.urls import reverse
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy
from wagtail.admin.auth import require_admin_access
from wagtail.admin.ui.tables import Column, TitleColumn
from wagtail.admin.views import generic
from wagtail.admin.views.tags import autocomplete

from content.models import Tag
from content.search_backend import clean_query
from lms.people.names import one_line
from lms.people.screens import ViewSet


class TagForm(forms.ModelForm[Tag]):
    """A tag's name; its part of the address stays, so that links go on leading."""

    class Meta:
        model = Tag
        fields = ["name"]
        help_texts = {
            "name": gettext_lazy(
                "One or two words. A new name holds on all pages that have the tag."
            )
        }

    def clean_name(self) -> str:
        name = one_line(self.cleaned_data["name"])
        others = Tag.objects.exclude(pk=self.instance.pk)
        if others.filter(name__iexact=name).exists():
            raise ValidationError(_("There is a tag of this name already."))
        return name


class TagList(generic.IndexView):
    def get_base_queryset(self) -> QuerySet[Tag]:
        tags: QuerySet[Tag] = Tag.objects.annotate(
            topics=Count("topic_items", distinct=True),
            parts=Count("handbook_items", distinct=True),
        )
        return tags


class TagViewSet(ViewSet):
    model = Tag
    icon = "tag"
    menu_label = gettext_lazy("Tags")
    menu_order = 170
    menu_hook = "register_admin_menu_item"
    add_to_admin_menu = True
    ordering = "name"
    search_fields = ["name"]
    index_view_class = TagList
    add_form = edit_form = TagForm
    list_display: list[Any] = [
        TitleColumn(
            "name",
            label=gettext_lazy("Tag"),
            get_url=lambda tag: reverse("tag:edit", args=[tag.pk]),
        ),
        Column("topics", label=gettext_lazy("Topics")),
        Column("parts", label=gettext_lazy("Pages of the handbook")),
    ]


def _suggest_tags(request: HttpRequest, **names: str) -> HttpResponse:
    """Wagtail's list of tags that begin so, asked cleaned words only.

    PostgreSQL takes no NUL in a text.
    """
    asked = request.GET.copy()
    asked["term"] = clean_query(asked.get("term", ""))
    request.GET = asked  # type: ignore[assignment]  # a copy that may change
    answer: HttpResponse = autocomplete(request, **names)
    return answer


suggest_tags = require_admin_access(_suggest_tags)
