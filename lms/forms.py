"""How Django draws our forms: each field by the one template that pages share."""

from django.forms.renderers import TemplatesSetting


class Renderer(TemplatesSetting):
    """Label above, help under it, error beside; a summary of errors on top."""

    form_template_name = "components/form.html"
    field_template_name = "components/field.html"
