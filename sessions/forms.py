"""What people send us about calls; every field is checked here first."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from datetime import UTC, datetime
from typing import Any

from django import forms
from django.utils.translation import gettext_lazy as _

from courses.checks import MOST_GIVEN
from courses.checks import NOTE_LENGTH as CHECK_NOTE_LENGTH
from courses.models import EditionTopic
from lms.forms import ManyField
from lms.mail.zones import zone_choices
from sessions.booking import Part, parts_of
from sessions.cancelling import REASON_LENGTH
from sessions.handing_over import colleagues_free
from sessions.missing import TEXT_LENGTH
from sessions.models import Booking, BookingTopic, Cause, Outcome, Trainer
from sessions.signoff import NOTE_LENGTH, TopicWord

SAY_WHY = _("Say why, in a few words.")
MOST_CALLS = 20  # that one form may ask for: far more than any programme takes


class InstantField(forms.DateTimeField):
    """An instant as our links write it: 2026-11-24T14:00Z. In UTC, of this century."""

    def to_python(self, value: Any) -> datetime | None:
        try:
            at = super().to_python(value)
            at = at and at.astimezone(UTC)
        except OverflowError:
            at = datetime.min.replace(tzinfo=UTC)
        if at is not None and not 2000 <= at.year < 2100:
            raise forms.ValidationError(self.error_messages["invalid"], "invalid")
        return at

    def prepare_value(self, value: Any) -> Any:
        return (
            value.strftime("%Y-%m-%dT%H:%MZ") if hasattr(value, "strftime") else value
        )


class StartsField(InstantField):
    """The start chosen for each call, in order; None where none is chosen yet."""

    widget = forms.MultipleHiddenInput

    def to_python(self, value: Any) -> Any:
        if not isinstance(value, list):  # the field knows no list of its own
            return super().to_python(value)
        return [super(StartsField, self).to_python(one) for one in value[:MOST_CALLS]]

    def validate(self, value: Any) -> None:
        if self.required and not any(value or ()):
            raise forms.ValidationError(self.error_messages["required"], "required")

    def run_validators(self, value: Any) -> None:
        """Each start is an instant; there is nothing else to hold it to."""


class PickForm(forms.Form):
    """What the page of free times shows; all in the address, all optional.

    `start` gives one for each call that the topics take, `call` which of them is
    looked at, `day` from when on.
    """

    topics = ManyField(queryset=EditionTopic.objects.none(), required=False)
    trainer = forms.ModelChoiceField(
        label=_("Trainer"),
        queryset=Trainer.objects.none(),
        required=False,
        empty_label=_("Any trainer"),
    )
    language = forms.ChoiceField(
        label=_("Language"),
        required=False,
        error_messages={
            "invalid_choice": _("None of the trainers speaks that language.")
        },
    )
    zone = forms.ChoiceField(
        label=_("Times in"),
        choices=zone_choices,  # by name: a form copies its fields, lists and all
        required=False,
    )
    day = forms.DateField(required=False)
    call = forms.IntegerField(required=False, min_value=1, max_value=MOST_CALLS)
    start = StartsField(required=False)

    def __init__(
        self,
        data: Any,
        *,
        topics: Iterable[EditionTopic],
        trainers: Any,
        languages: Iterable[tuple[str, str]] = (),
        **more: Any,
    ) -> None:
        super().__init__(data, **more)
        asked = EditionTopic.objects.filter(pk__in=[topic.pk for topic in topics])
        self.fields["topics"].queryset = asked  # type: ignore[attr-defined]  # a ModelChoiceField
        self.fields["trainer"].queryset = trainers  # type: ignore[attr-defined]  # as above
        self.fields["language"].choices = list(languages)  # type: ignore[attr-defined]  # a ChoiceField


class BookCallForm(PickForm):
    """The times confirmed. Whether they are free and ready, the rule says.

    `only` books the calls that have a time, and leaves the others for later.
    """

    topics = ManyField(
        queryset=EditionTopic.objects.none(),
        error_messages={
            "required": _("Choose at least one topic for the call."),
            "invalid_choice": _("One of the topics is not part of your programme."),
            "invalid_pk_value": _("One of the topics is not part of your programme."),
        },
    )
    start = StartsField(
        error_messages={
            "required": _("Choose a time."),
            "invalid": _("That is not a time we can read. Choose one below."),
        }
    )
    only = forms.BooleanField(required=False)
    request_key = forms.UUIDField(
        error_messages={
            "required": _("Choose a time below, then confirm it."),
            "invalid": _("Choose a time below, then confirm it."),
        }
    )

    def __init__(self, data: Any, *, one_call: bool = False, **more: Any) -> None:
        super().__init__(data, **more)
        self.one_call = one_call

    def clean(self) -> dict[str, Any]:
        said = super().clean() or self.cleaned_data
        if "topics" in said and "start" in said:
            topics = sorted(said["topics"], key=lambda topic: topic.order)
            calls = [topics] if self.one_call else parts_of(topics)
            said["parts"] = self._parts(calls, said["start"])
        return said

    def _parts(
        self, calls: list[list[EditionTopic]], starts: list[datetime | None]
    ) -> list[Part]:
        """Each call with its time; all of them, but for `only`."""
        chosen = [
            Part(topics, start)
            for topics, start in zip(calls, starts, strict=False)
            if start
        ]
        if len(starts) > len(calls):
            self.add_error("start", _("Choose one time for each call, no more."))
        elif len(chosen) < len(calls) and not self.cleaned_data.get("only"):
            self.add_error("start", _("Choose a time for each of your calls."))
        return chosen


class MoveForm(PickForm):
    """The time a call is moved to. Whether it is free, the rule says."""

    start = InstantField(  # type: ignore[assignment]  # one call, one start
        error_messages={
            "required": _("Choose a time."),
            "invalid": _("That is not a time we can read. Choose one below."),
        }
    )
    any_hours = forms.BooleanField(required=False)
    cause = forms.ChoiceField(
        choices=Cause.choices,
        required=False,
        error_messages={"invalid_choice": _("Choose one of the reasons.")},
    )


class CancelForm(forms.Form):
    """Calling a call off; `is_ours` by ByteKast's side."""

    cause = forms.ChoiceField(
        label=_("What is it?"),
        choices=Cause.choices,
        initial=Cause.PLANS,
        widget=forms.RadioSelect,
        error_messages={
            "required": _("Choose one of the reasons."),
            "invalid_choice": _("Choose one of the reasons."),
        },
    )
    reason = forms.CharField(
        label=_("Why?"),
        max_length=REASON_LENGTH,
        error_messages={"required": SAY_WHY},
        widget=forms.Textarea(attrs={"rows": 2}),
        help_text=_("A few words. The other side reads them."),
    )

    def __init__(self, data: Any = None, *, is_ours: bool = False) -> None:
        super().__init__(data)
        self.fields["cause"].choices = causes(is_ours=is_ours)  # type: ignore[attr-defined]  # a ChoiceField


def causes(*, is_ours: bool) -> list[tuple[str, Any]]:
    """Why one may call off or move a call: a trainee is not asked for our faults."""
    return [
        (cause.value, cause.label)
        for cause in Cause
        if is_ours or cause != Cause.BYTEKAST
    ]


class DisputeForm(forms.Form):
    """A word against having missed a call."""

    text = forms.CharField(
        label=_("What happened?"),
        max_length=TEXT_LENGTH,
        error_messages={"required": _("Please say in a few words what happened.")},
        widget=forms.Textarea(attrs={"rows": 3}),
        help_text=_(
            "The training team reads it, and sees when each of you joined the call."
        ),
    )


NOBODY = "nobody"


class HandOverForm(forms.Form):
    """A colleague who is free then; or nobody, and a reason for the trainee."""

    to = forms.ChoiceField(
        label=_("Who holds the call?"),
        widget=forms.RadioSelect,
        error_messages={
            "required": _("Choose a colleague."),
            "invalid_choice": _("That colleague is not free then. Choose another."),
        },
    )
    reason = forms.CharField(
        label=_("Why?"),
        required=False,
        max_length=REASON_LENGTH,
        widget=forms.Textarea(attrs={"rows": 2}),
        help_text=_("For the trainee, when they are asked to choose again."),
    )

    def __init__(self, booking: Booking, data: Any = None) -> None:
        super().__init__(data)
        self.colleagues = {str(one.pk): one for one in colleagues_free(booking)}
        field: Any = self.fields["to"]
        field.choices = [
            *((pk, str(one)) for pk, one in self.colleagues.items()),
            (NOBODY, _("Nobody: ask the trainee to choose again")),
        ]
        field.initial = next(iter(self.colleagues), NOBODY)
        if not self.colleagues:
            field.widget = forms.HiddenInput()
            self.fields["reason"].required = True
            self.fields["reason"].error_messages["required"] = SAY_WHY

    def clean(self) -> dict[str, Any]:
        said = super().clean() or self.cleaned_data
        if said.get("to") == NOBODY and not said.get("reason") and not self.errors:
            self.add_error("reason", SAY_WHY)
        return said

    @property
    def colleague(self) -> Trainer | None:
        """Who takes it; None for nobody."""
        return self.colleagues.get(self.cleaned_data["to"])


class SignOffForm(forms.Form):
    """Topic by topic: criteria, covered or not, a note, and the trainer's private one.

    The channel team may sign off too: then private notes stay out, and as they are.
    """

    def __init__(
        self,
        data: Any = None,
        *,
        topics: Sequence[BookingTopic],
        criteria: dict[int, list[str]],
        is_trainer: bool,
    ) -> None:
        super().__init__(data)
        self.agenda = topics
        self.is_trainer = is_trainer
        for topic in topics:
            self._add(topic, criteria.get(topic.topic_id, []))

    def _add(self, topic: BookingTopic, sentences: list[str]) -> None:
        said = topic.outcome if topic.outcome != Outcome.PENDING else None
        kept = [line for line in topic.criteria_met if line not in sentences]
        self.fields[f"criteria-{topic.pk}"] = forms.MultipleChoiceField(
            label=_("What they showed"),
            choices=[(line, line) for line in [*sentences, *kept]],
            initial=topic.criteria_met,
            required=False,
            widget=forms.CheckboxSelectMultiple,
        )
        self.fields[f"outcome-{topic.pk}"] = forms.ChoiceField(
            label=topic.title,
            choices=[
                choice for choice in Outcome.choices if choice[0] != Outcome.PENDING
            ],
            initial=said,
            widget=forms.RadioSelect,
            error_messages={
                "required": _("Say whether it was covered."),
            },
        )
        self.fields[f"note-{topic.pk}"] = forms.CharField(
            label=_("Note for them"),
            initial=topic.note,
            required=False,
            max_length=NOTE_LENGTH,
            widget=forms.Textarea(attrs={"rows": 2}),
            help_text=_("They and their manager read this."),
        )
        if not self.is_trainer:
            return
        self.fields[f"private-{topic.pk}"] = forms.CharField(
            label=_("Private note"),
            initial=topic.private_note,
            required=False,
            max_length=NOTE_LENGTH,
            widget=forms.Textarea(attrs={"rows": 2}),
            help_text=_("Only you read this. They can ask to see it."),
        )

    def parts(self) -> list[dict[str, Any]]:
        """The fields of each topic, for the page."""
        return [
            {
                "topic": topic,
                "criteria": self[f"criteria-{topic.pk}"],
                "outcome": self[f"outcome-{topic.pk}"],
                "note": self[f"note-{topic.pk}"],
                "private_note": self.is_trainer and self[f"private-{topic.pk}"],
            }
            for topic in self.agenda
        ]

    def words(self) -> list[TopicWord]:
        """What was said, once the form is valid."""
        said = self.cleaned_data
        return [
            TopicWord(
                topic,
                Outcome(said[f"outcome-{topic.pk}"]),
                tuple(said[f"criteria-{topic.pk}"]),
                said[f"note-{topic.pk}"],
                said.get(f"private-{topic.pk}", topic.private_note),
            )
            for topic in self.agenda
        ]


class PassCheckForm(forms.Form):
    """The trainer's word that a check was talked through."""

    note = forms.CharField(
        label=_("What you talked through"),
        max_length=CHECK_NOTE_LENGTH,
        widget=forms.Textarea(attrs={"rows": 2}),
        help_text=_("They read this on the topic’s page."),
    )

    def __init__(self, data: Any = None, *, topic: int) -> None:
        super().__init__(data, auto_id=f"id_pass_{topic}_%s")


class GiveAttemptsForm(forms.Form):
    """New attempts at a check for somebody who has none left."""

    count = forms.IntegerField(
        label=_("How many"), min_value=1, max_value=MOST_GIVEN, initial=1
    )
    note = forms.CharField(
        label=_("A word to them"),
        max_length=CHECK_NOTE_LENGTH,
        required=False,
        help_text=_("They read this on the topic’s page."),
    )

    def __init__(self, data: Any = None, *, topic: int) -> None:
        super().__init__(data, auto_id=f"id_give_{topic}_%s")
