"""The CMS form of a document: what is refused is said at the field."""

from __future__ import annotations

from typing import Any

from django.core.exceptions import ValidationError
from django.utils.translation import gettext_lazy as _
from wagtail.documents.forms import BaseDocumentForm

from content.files import CONTENT_TYPES, check_upload
from lms.errors import Refused


class DocumentForm(BaseDocumentForm):
    """Wagtail's form, alone, in the chooser and for many at once."""

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        if "file" in self.fields:
            self.fields["file"].help_text = _(
                "PDF, Word, PowerPoint, PNG, JPEG or WebP of at most 25 MB; a film "
                "(MP4) of at most 500 MB; captions (VTT)."
            )
            self.fields["file"].widget.attrs["accept"] = ",".join(
                f".{extension}" for extension in CONTENT_TYPES
            )

    def clean_file(self) -> Any:
        file = self.cleaned_data["file"]
        if file and "file" in self.changed_data:
            try:
                check_upload(file.name, file.size, file)
            except Refused as refusal:
                raise ValidationError(str(refusal)) from refusal
        return file
