import django.db.models.deletion
from django.db import migrations, models

import lms.constraints


class Migration(migrations.Migration):
    dependencies = [("certificates", "0001_initial")]

    operations = [
        migrations.RemoveConstraint("certificate", "certificate_append_only"),
        migrations.AlterField(
            model_name="certificate",
            name="supersedes",
            field=models.ForeignKey(
                null=True,
                on_delete=django.db.models.deletion.PROTECT,
                related_name="superseded_by",
                to="certificates.certificate",
            ),
        ),
        migrations.AddConstraint(
            model_name="certificate",
            constraint=models.UniqueConstraint(
                condition=models.Q(("ended_as", "")),
                fields=("supersedes",),
                name="certificate_one_successor",
            ),
        ),
        migrations.AddConstraint(
            model_name="certificate",
            constraint=lms.constraints.AppendOnly(
                may_change=["state", "missing_letters"],
                name="certificate_append_only",
                write_once=[
                    "pdf",
                    "pdf_sha256",
                    "ready_at",
                    "ended_as",
                    "ended_at",
                    "ended_by",
                    "ended_why",
                ],
            ),
        ),
    ]
