from typing import Any

from django.db import migrations


def make_the_one(apps: Any, schema_editor: Any) -> None:
    """Certificates have one design; an editor finds it, and changes it."""
    apps.get_model("certificates", "CertificateDesign").objects.create()


def take_it_away(apps: Any, schema_editor: Any) -> None:
    apps.get_model("certificates", "CertificateDesign").objects.all().delete()


class Migration(migrations.Migration):
    dependencies = [("certificates", "0008_a_design_to_edit")]

    operations = [migrations.RunPython(make_the_one, take_it_away)]
