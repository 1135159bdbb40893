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
from sessions.board import NOTHING_YET, QUESTION_LENGTH, Typed
from sessions.booking import Part, parts_of
from sessions.cancelling import REASON_LENGTH
from sessions.correcting import REASON_LENGTH as MISTAKE_LENGTH
from sessions.feedback import MISSING_LENGTH, Rating
from sessions.handing_over import colleagues_free
from sessions.missing import TEXT_LENGTH
from sessions.models import (
    BoardTopic,
    Booking,
    BookingTopic,
    Cause,
    Outcome,
    Trainer,
)
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


STALE = _("This page is too old. Please open it again.")
MOST_SAVES = 2**31 - 1


class NoteField(forms.CharField):
    """A note: its lines end as a page's script writes them, however it is sent."""

    def to_python(self, value: Any) -> str:
        return (super().to_python(value) or "").replace("\r\n", "\n")


class SignOffForm(forms.Form):
    """Topic by topic: criteria, covered or not, a note, and the trainer's private one.

    `drafts` are what its board says so far. The channel team may sign off too: then
    private notes stay out, and as they are.
    """

    must_say = True

    def __init__(
        self,
        data: Any = None,
        *,
        topics: Sequence[BookingTopic],
        criteria: dict[int, list[str]],
        drafts: dict[int, BoardTopic],
        is_trainer: bool,
    ) -> None:
        super().__init__(data)
        self.agenda = topics
        self.criteria = criteria
        self.drafts = drafts
        self.is_trainer = is_trainer
        self.fields["writer"] = forms.UUIDField(
            required=False,
            widget=forms.HiddenInput,
            error_messages={"invalid": STALE},
        )
        for topic in topics:
            self._add(topic, criteria.get(topic.topic_id, []))

    def _add(self, topic: BookingTopic, sentences: list[str]) -> None:
        known: BookingTopic | BoardTopic = self.drafts.get(topic.pk, topic)
        said = known.outcome if known.outcome != Outcome.PENDING else None
        kept = [line for line in known.criteria_met if line not in sentences]
        self.fields[f"base-{topic.pk}"] = forms.UUIDField(
            initial=getattr(known, "version", NOTHING_YET),
            required=False,
            widget=forms.HiddenInput,
            error_messages={"invalid": STALE},
        )
        self.fields[f"criteria-{topic.pk}"] = forms.MultipleChoiceField(
            label=_("What they showed"),
            choices=[(line, line) for line in [*sentences, *kept]],
            initial=known.criteria_met,
            required=False,
            widget=forms.CheckboxSelectMultiple,
        )
        self.fields[f"outcome-{topic.pk}"] = forms.ChoiceField(
            label=topic.title,
            choices=[
                choice for choice in Outcome.choices if choice[0] != Outcome.PENDING
            ],
            initial=said,
            required=self.must_say,
            widget=forms.RadioSelect,
            error_messages={
                "required": _("Say whether it was covered."),
            },
        )
        self.fields[f"note-{topic.pk}"] = NoteField(
            label=_("Note for them"),
            initial=known.note,
            required=False,
            max_length=NOTE_LENGTH,
            widget=forms.Textarea(attrs={"rows": 2}),
            help_text=_("They and their manager read this."),
        )
        if not self.is_trainer:
            return
        self.fields[f"private-{topic.pk}"] = NoteField(
            label=_("Private note"),
            initial=known.private_note,
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
                "base": self[f"base-{topic.pk}"],
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
                said.get(
                    f"private-{topic.pk}",
                    self.drafts.get(topic.pk, topic).private_note,
                ),
                said[f"base-{topic.pk}"],
                said["writer"],
            )
            for topic in self.agenda
        ]

    def with_both_texts(self) -> SignOffForm:
        """The same form, its notes joined with what its board says besides."""
        data: Any = self.data
        data = data.copy()
        for topic in self.agenda:
            draft = self.drafts.get(topic.pk)
            if draft is None:
                continue
            data[f"base-{topic.pk}"] = str(draft.version)
            for name, other in (("note", draft.note), ("private", draft.private_note)):
                mine = data.get(f"{name}-{topic.pk}", "")
                if f"{name}-{topic.pk}" in self.fields and other not in mine:
                    data[f"{name}-{topic.pk}"] = f"{other}\n\n{mine}".strip()
        return SignOffForm(
            data,
            topics=self.agenda,
            criteria=self.criteria,
            drafts=self.drafts,
            is_trainer=self.is_trainer,
        )


class BoardForm(SignOffForm):
    """One topic as it is typed: nothing has to be said of it yet."""

    must_say = False

    def __init__(self, data: Any = None, **more: Any) -> None:
        super().__init__(data, **more)
        self.fields["writer"].required = True
        self.fields["writer"].error_messages["required"] = STALE
        self.fields["number"] = forms.IntegerField(
            min_value=1, max_value=MOST_SAVES, error_messages={"required": STALE}
        )

    def typed(self) -> Typed:
        """What was typed, once the form is valid."""
        said, (topic,) = self.cleaned_data, self.agenda
        return Typed(
            outcome=Outcome(said[f"outcome-{topic.pk}"] or Outcome.PENDING),
            criteria_met=tuple(said[f"criteria-{topic.pk}"]),
            note=said[f"note-{topic.pk}"],
            private_note=said.get(f"private-{topic.pk}"),
            writer=said["writer"],
            number=said["number"],
            base=said[f"base-{topic.pk}"],
        )


class FeedbackForm(forms.Form):
    """Two questions after a call."""

    rating = forms.TypedChoiceField(
        label=_("How was it?"),
        choices=Rating.choices,
        coerce=int,
        widget=forms.RadioSelect,
        error_messages={"required": _("Choose the word that fits best.")},
    )
    missing = NoteField(
        label=_("What was missing?"),
        required=False,
        max_length=MISSING_LENGTH,
        widget=forms.Textarea(attrs={"rows": 2}),
    )


class CorrectForm(forms.Form):
    """Which topic of a call was signed off by mistake, and what was wrong."""

    topic = forms.ChoiceField(
        label=_("Which topic?"),
        widget=forms.RadioSelect,
        error_messages={
            "required": _("Choose the topic."),
            "invalid_choice": _("That topic is taken back already, or never counted."),
        },
    )
    why = forms.CharField(
        label=_("What was wrong?"),
        max_length=MISTAKE_LENGTH,
        widget=forms.Textarea(attrs={"rows": 2}),
        help_text=_("A sentence. They read it, and it stays with their record."),
        error_messages={"required": SAY_WHY},
    )

    def __init__(self, data: Any = None, *, topics: Sequence[BookingTopic]) -> None:
        super().__init__(data)
        self.topics = {str(topic.pk): topic for topic in topics}
        field: Any = self.fields["topic"]
        field.choices = [(pk, topic.title) for pk, topic in self.topics.items()]

    @property
    def chosen(self) -> BookingTopic:
        """The topic chosen, once the form is valid."""
        return self.topics[self.cleaned_data["topic"]]


class ExtendForm(forms.Form):
    """Until when a call is to go on, as its page showed it."""

    ends_at = InstantField(error_messages={"required": STALE, "invalid": STALE})


class QuestionForm(forms.Form):
    """What the trainee wants to ask in the call."""

    question = NoteField(
        label=_("What do you want to ask?"),
        required=False,
        max_length=QUESTION_LENGTH,
        widget=forms.Textarea(attrs={"rows": 2}),
        help_text=_("Your trainer sees it before the call, and beside the video."),
    )
    base = NoteField(
        required=False,
        max_length=QUESTION_LENGTH,
        widget=forms.HiddenInput,
    )


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
