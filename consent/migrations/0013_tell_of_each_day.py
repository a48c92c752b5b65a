"""Keep what the logs beside the ledger had on each day, so that nothing of it is altered or taken away unseen."""

from django.db import migrations, models


class Migration(migrations.Migration):
    dependencies = [("consent", "0012_seal_row_by_row")]

    operations = [
        migrations.CreateModel(
            name="LogPart",
            fields=[
                ("id", models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name="ID")),
                ("log", models.CharField(max_length=40)),
                ("day", models.DateField()),
                ("key_id", models.UUIDField()),
                ("rows", models.PositiveBigIntegerField()),
                ("digest", models.BinaryField()),
            ],
            options={
                "constraints": [
                    models.UniqueConstraint(fields=("log", "day", "key_id"), name="log_part_once")
                ]
            },
        )
    ]
