"""Keep what an approver read and the policy it was built on; let one release be prepared at a time."""

from django.db import migrations, models


class Migration(migrations.Migration):
    dependencies = [("campaigns", "0002_freeze_revisions")]

    operations = [
        migrations.AddField(
            model_name="release",
            name="base_policy",
            field=models.CharField(blank=True, default="", max_length=80),
            preserve_default=False,
        ),
        migrations.AddField(
            model_name="release",
            name="review_digest",
            field=models.CharField(blank=True, default="", max_length=80),
            preserve_default=False,
        ),
        migrations.AddConstraint(
            model_name="release",
            constraint=models.UniqueConstraint(
                condition=models.Q(("state", "preparing")),
                fields=("state",),
                name="one_release_being_prepared",
            ),
        ),
    ]
