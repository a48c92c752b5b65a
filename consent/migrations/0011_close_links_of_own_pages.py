"""Let people close the links of their own page that were made so far."""

from django.db import migrations, models


class Migration(migrations.Migration):
    dependencies = [
        ("consent", "0010_keep_opt_outs_seen"),
    ]

    operations = [
        migrations.AddField(
            model_name="person",
            name="links_closed_at",
            field=models.DateTimeField(blank=True, null=True),
        ),
    ]
