"""Keep what a person asked for apart from what a merge or an erasure does to their row."""

from django.db import migrations, models

TAKE_OVER = (
    "update consent_person set restriction_asked = true where restricted and merged_into = ''"
)
GIVE_BACK = (
    "update consent_person set restricted = true "
    "where restriction_asked or merged_into <> '' or erased_at is not null"
)


class Migration(migrations.Migration):
    dependencies = [
        ("consent", "0006_know_age_and_place"),
    ]

    operations = [
        migrations.AddField(
            model_name="person",
            name="restriction_asked",
            field=models.BooleanField(default=False),
        ),
        migrations.RunSQL(TAKE_OVER, GIVE_BACK),
        migrations.RemoveField(model_name="person", name="restricted"),
    ]
