from django.db import migrations, models

import lms.constraints


class Migration(migrations.Migration):
    dependencies = [
        ("audit", "0002_about_whence_values_and_links"),
    ]

    operations = [
        migrations.RemoveConstraint(model_name="link", name="link_append_only"),
        migrations.AddField(
            model_name="link",
            name="content",
            field=models.CharField(default="", max_length=64),
        ),
        migrations.AddConstraint(
            model_name="link",
            constraint=lms.constraints.AppendOnly(name="link_append_only"),
        ),
    ]
