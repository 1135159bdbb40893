from secrets import SystemRandom

from django.db import migrations

PLACES = 131_072


def give_places(apps, schema_editor):
    certificate = apps.get_model("certificates", "Certificate")
    rows = list(
        certificate.objects.filter(status_index=None).values_list("pk", flat=True)
    )
    lists = 1 + 2 * len(rows) // PLACES
    places = SystemRandom().sample(range(lists * PLACES), len(rows))
    for pk, place in zip(rows, places, strict=True):
        certificate.objects.filter(pk=pk).update(status_index=place)


class Migration(migrations.Migration):
    dependencies = [("certificates", "0003_what_a_file_needs")]

    operations = [migrations.RunPython(give_places, migrations.RunPython.noop)]
