"""How Django draws our forms: each field by the one template that pages share."""

from typing import Any

from django.core.exceptions import ValidationError
from django.forms import ModelMultipleChoiceField
from django.forms.renderers import TemplatesSetting


class Renderer(TemplatesSetting):
    """Label above, help under it, error beside; a summary of errors on top."""

    form_template_name = "components/form.html"
    field_template_name = "components/field.html"


class ManyField(ModelMultipleChoiceField):  # type: ignore[type-arg]  # not generic at run time
    """Rows to choose from. A key that SQLite cannot hold is one that is not there."""

    def clean(self, value: Any) -> Any:
        try:
            return super().clean(value)
        except OverflowError:
            words = self.error_messages["invalid_choice"] % {"value": ""}
            raise ValidationError(words, "invalid_choice") from None
