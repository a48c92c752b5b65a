from django.db import migrations, models


class Migration(migrations.Migration):
    dependencies = [("foundation", "0005_say_jobs_in_every_language")]

    operations = [
        migrations.AddIndex(
            model_name="job",
            index=models.Index(
                condition=models.Q(("state__in", ("waiting", "running"))),
                fields=["kind"],
                name="job_open",
            ),
        ),
    ]
