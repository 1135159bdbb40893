"""Whoever is of the channel team today goes on doing all of it."""

from django.db import migrations


def grant_both(apps, schema_editor):
    apps.get_model("people", "User").objects.filter(is_staff=True).update(
        may_edit_content=True, may_change_people=True
    )


class Migration(migrations.Migration):
    dependencies = [("people", "0006_three_permissions")]
    operations = [migrations.RunPython(grant_both, migrations.RunPython.noop)]
