"""The channel team's screens of trainers, in the CMS."""

from __future__ import annotations

from typing import Any

from django import forms
from django.db.models import QuerySet
from django.urls import reverse
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy
from wagtail.admin.ui.tables import BooleanColumn, Column, TitleColumn
from wagtail.admin.views import generic

from courses.models import ProgrammePage
from lms.errors import Refused
from lms.forms import ManyField
from lms.people.forms import NameField
from lms.people.screens import IN_CMS, CreateView, EditColumn, EditView, ViewSet
from lms.walls import unscoped
from sessions.absence import let_go
from sessions.hours import RULES, Window, format_hours, parse_hours, weekly_hours
from sessions.models import RoomKind, Trainer
from sessions.room_links import require_room_url
from sessions.trainers import add_trainer, change_trainer


class HoursField(forms.CharField):
    """Weekly hours as people write them."""

    def __init__(self) -> None:
        super().__init__(
            label=gettext_lazy("Weekly hours"),
            required=False,
            max_length=2000,
            widget=forms.Textarea(attrs={"rows": 5}),
            help_text=gettext_lazy(
                "A line per day, in the trainer's own time zone, like this: "
                "Mon-Fri 09:00-12:00, 13:00-17:00. Empty: no call can be booked."
            ),
        )

    def clean(self, value: Any) -> list[Window]:
        try:
            return parse_hours(super().clean(value))
        except Refused as refusal:
            raise forms.ValidationError(str(refusal)) from None


class RoomField(forms.CharField):
    """An https address of the trainer's own room elsewhere."""

    def __init__(self) -> None:
        super().__init__(
            label=gettext_lazy("Outside link"),
            required=False,
            max_length=500,
            help_text=gettext_lazy(
                "The trainer's own Zoom, Teams or Meet room, with https://. People "
                "reach it through their call's page. With the room on this site it "
                "is for calls where that does not work, or a third person comes."
            ),
        )

    def clean(self, value: Any) -> str:
        room_url = str(super().clean(value))
        try:
            require_room_url(room_url)
        except Refused as refusal:
            raise forms.ValidationError(str(refusal)) from None
        return room_url


class TrainerForm(forms.ModelForm[Trainer]):
    """What the channel team decides for a trainer."""

    programmes = ManyField(
        label=gettext_lazy("Programmes"),
        queryset=ProgrammePage.objects.order_by("path"),
        widget=forms.CheckboxSelectMultiple,
        help_text=gettext_lazy("Whose topics this trainer may sign off."),
    )
    room_kind = forms.ChoiceField(
        label=gettext_lazy("Where they hold calls"),
        choices=RoomKind.choices,
        initial=RoomKind.ROOM,
        widget=forms.RadioSelect,
    )
    room_url = RoomField()
    weekly_hours = HoursField()

    class Meta:
        model = Trainer
        fields = ["time_zone", "programmes", "room_kind", "room_url"]

    def clean(self) -> dict[str, Any]:
        words = super().clean() or self.cleaned_data
        is_link = words.get("room_kind") == RoomKind.LINK
        if is_link and "room_url" in words and not words["room_url"]:
            self.add_error("room_url", _("Add the link: people are sent there."))
        return words


class AddTrainerForm(TrainerForm):
    email = forms.EmailField(
        label=gettext_lazy("Email address"),
        help_text=gettext_lazy(
            "Of somebody who has an account, or of somebody new: "
            "they get a link there to choose a password."
        ),
    )
    full_name = NameField(
        label=gettext_lazy("Full name"),
        help_text=gettext_lazy("An account that exists keeps its name."),
    )

    field_order = ["full_name", "email"]


class EditTrainerForm(TrainerForm):
    class Meta(TrainerForm.Meta):
        fields = ["time_zone", "programmes", "room_kind", "room_url", *RULES]
        fields += ["is_active"]
        labels = {"is_active": gettext_lazy("Takes calls")}

    field_order = ["is_active", "time_zone", "programmes", "room_kind", "room_url"]
    field_order += ["weekly_hours"]

    def __init__(self, *args: Any, **options: Any) -> None:
        super().__init__(*args, **options)
        hours = weekly_hours([self.instance])[self.instance.pk]
        self.initial["weekly_hours"] = format_hours(hours)


class AddTrainer(CreateView):
    page_subtitle = gettext_lazy("Make a trainer")
    success_message = gettext_lazy("%(object)s is a trainer now.")

    def save_instance(self) -> Trainer:
        words = self.form.cleaned_data
        return add_trainer(
            words["email"],
            words["full_name"],
            programmes=words["programmes"],
            time_zone=words["time_zone"],
            room_kind=RoomKind(words["room_kind"]),
            room_url=words["room_url"],
            hours=words["weekly_hours"],
            by=self.by,
        )


class EditTrainer(EditView):
    def save_instance(self) -> Trainer:
        words = self.form.cleaned_data
        trainer = unscoped(Trainer.objects, IN_CMS).get(pk=self.object.pk)
        leaves = trainer.is_active and not words["is_active"]
        trainer = change_trainer(
            trainer,
            programmes=words["programmes"],
            time_zone=words["time_zone"],
            room_kind=RoomKind(words["room_kind"]),
            room_url=words["room_url"],
            hours=words["weekly_hours"],
            rules={
                **{field: words[field] for field in RULES},
                "is_active": words["is_active"] or leaves,
            },
            by=self.by,
        )
        return let_go(trainer, by=self.by) if leaves else trainer


class TrainerList(generic.IndexView):
    add_item_label = gettext_lazy("Make a trainer")

    def get_base_queryset(self) -> QuerySet[Trainer]:
        everyone = unscoped(Trainer.objects, IN_CMS)
        return everyone.select_related("user").prefetch_related("programmes")


class TrainerViewSet(ViewSet):
    model = unscoped(Trainer, IN_CMS)
    icon = "calendar-alt"
    menu_label = gettext_lazy("Trainers")
    menu_order = 30
    ordering = "user__full_name"
    search_fields = ["user__full_name", "user__email"]
    index_view_class = TrainerList
    add_view_class = AddTrainer
    edit_view_class = EditTrainer
    add_form = AddTrainerForm
    edit_form = EditTrainerForm
    list_display = [
        EditColumn(
            "user",
            label=gettext_lazy("Trainer"),
            get_url=lambda trainer: reverse("trainer:edit", args=[trainer.pk]),
        ),
        Column(
            "programmes",
            label=gettext_lazy("Programmes"),
            accessor=lambda one: ", ".join(page.title for page in one.programmes.all()),
        ),
        Column("time_zone", label=gettext_lazy("Time zone")),
        TitleColumn(
            "load",
            label=gettext_lazy("Calls"),
            accessor=lambda _one: gettext_lazy("Load, absence, leaving"),
            get_url=lambda one: reverse("sessions:trainer", args=[one.pk]),
        ),
        BooleanColumn("is_active", label=gettext_lazy("Takes calls")),
    ]
