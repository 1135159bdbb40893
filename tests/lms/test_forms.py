from django import forms

from lms.forms import Renderer


class InviteForm(forms.Form):
    name = forms.CharField(help_text="As certificates will print it.")
    team = forms.CharField(required=False)
    engagement = forms.ChoiceField(
        choices=[("employee", "Employee")], widget=forms.RadioSelect
    )


def test_renderer_puts_label_help_and_error_before_the_control():
    form = InviteForm({"name": ""}, renderer=Renderer())

    field = form["name"].as_field_group()

    places = [
        field.index(part)
        for part in (
            '<label for="id_name"',
            'id="id_name_helptext"',
            'id="id_name_error"',
        )
    ]
    assert places == sorted(places)
    assert places[-1] < field.index("<input")
    assert 'aria-describedby="id_name_helptext id_name_error"' in field


def test_renderer_marks_optional_fields_alone():
    form = InviteForm(renderer=Renderer())

    assert "(optional)" in form["team"].as_field_group()
    assert "(optional)" not in form["name"].as_field_group()


def test_renderer_groups_radio_buttons_under_a_legend():
    field = InviteForm(renderer=Renderer())["engagement"].as_field_group()

    assert field.index("<fieldset") < field.index("<legend") < field.index("<input")


def test_form_lists_its_errors_on_top_with_links_to_the_fields():
    form = InviteForm(
        {"name": "Anna Berg", "engagement": "pirate"}, renderer=Renderer()
    )

    page = form.render()

    assert page.index("data-error-summary") < page.index('<label for="id_name"')
    assert 'href="#id_engagement"' in page
    assert 'href="#id_name"' not in page


def test_form_without_errors_has_no_summary():
    assert "data-error-summary" not in InviteForm(renderer=Renderer()).render()
