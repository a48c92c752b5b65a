"""Keep a browser's opt-out with the decision that it was seen in, until the ledger has it."""

from django.db import migrations, models


class Migration(migrations.Migration):
    dependencies = [
        ("consent", "0009_add_signing_keys_while_sealing"),
    ]

    operations = [
        migrations.CreateModel(
            name="OptOutSeen",
            fields=[
                (
                    "id",
                    models.BigAutoField(
                        auto_created=True, primary_key=True, serialize=False, verbose_name="ID"
                    ),
                ),
                ("person", models.CharField(max_length=24)),
                ("place", models.CharField(blank=True, default="", max_length=10)),
            ],
            options={
                "verbose_name": "opt-out seen",
                "verbose_name_plural": "opt-outs seen",
            },
        ),
    ]
