"""What our screens in the CMS share: they save by rule, and delete nothing."""

from __future__ import annotations

from typing import Any

from django import forms
from django.contrib import messages
from django.db import models
from django.http import HttpRequest, HttpResponse
from django.urls import URLPattern
from wagtail.admin.ui.tables import TitleColumn
from wagtail.admin.views import generic
from wagtail.admin.viewsets.model import ModelViewSet

from lms.audit.looking import looked
from lms.errors import Refused
from lms.people.access import MemberRequest
from lms.people.forms import NameField
from lms.people.models import User
from lms.people.printing import unprinted_words

MENU = "register_people_menu_item"
IN_CMS = "Wagtail asks for the permission: the channel team's screens of everybody"


class Asked:
    """A view that knows who asks."""

    request: HttpRequest

    @property
    def by(self) -> User:
        user = self.request.user
        assert isinstance(user, User)  # noqa: S101  the CMS is for those signed in
        return user


class ByRule(Asked):
    """A view whose `save_instance` asks a rule: its no becomes the form's error."""

    def form_valid(self, form: forms.BaseForm) -> HttpResponse:
        try:
            response: HttpResponse = super().form_valid(form)  # type: ignore[misc]  # a mixin of Wagtail's views
            self._tell_of_letters(form)
        except Refused as refusal:
            form.add_error(None, str(refusal))
            self.produced_error_code = "validation_error"
            self.produced_error_message = str(refusal)
            response = self.form_invalid(form)  # type: ignore[attr-defined]  # of the view
        return response

    def _tell_of_letters(self, form: forms.BaseForm) -> None:
        for name, field in form.fields.items():
            if isinstance(field, NameField) and (
                words := unprinted_words(form.cleaned_data[name])
            ):
                messages.warning(self.request, words)

    def get_success_buttons(self) -> list[Any]:
        return []


class CreateView(ByRule, generic.CreateView):
    pass


class EditView(ByRule, generic.EditView):
    """Of somebody, or of a company: the look is logged."""

    def get(self, request: MemberRequest, *args: Any, **kwargs: Any) -> HttpResponse:
        response: HttpResponse = super().get(request, *args, **kwargs)
        of: models.Model = self.object  # there is one, or it was a 404
        looked(request, getattr(of, "user", of))
        return response


class EditColumn(TitleColumn):
    """A title that leads to the form, for those who may change it."""

    def get_link_url(
        self, instance: models.Model, parent_context: dict[str, Any]
    ) -> str | None:
        options = instance._meta
        change = f"{options.app_label}.change_{options.model_name}"
        if not parent_context["request"].user.has_perm(change):
            return None
        url: str | None = super().get_link_url(instance, parent_context)
        return url


class ViewSet(ModelViewSet):
    """A list, a form to add, a form to change, in the menu of people."""

    add_to_reference_index = False
    copy_view_enabled = False
    list_per_page = 50
    menu_hook = MENU
    search_backend_name = None
    add_view_class = CreateView
    edit_view_class = EditView
    add_form: type[forms.BaseForm]
    edit_form: type[forms.BaseForm]
    routes = {"index", "index_results", "add", "edit"}

    def get_form_class(self, for_update: bool = False) -> type[forms.BaseForm]:
        return self.edit_form if for_update else self.add_form

    def get_common_view_kwargs(self, **kwargs: Any) -> dict[str, Any]:
        absent = {
            f"{name}_url_name": None
            for name in ("delete", "history", "usage")
            if name not in self.routes
        }
        words: dict[str, Any] = super().get_common_view_kwargs(**absent, **kwargs)
        return words

    def get_urlpatterns(self) -> list[URLPattern]:
        patterns: list[URLPattern] = super().get_urlpatterns()
        return [pattern for pattern in patterns if pattern.name in self.routes]
