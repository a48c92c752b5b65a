"""Give requests about rights references that nobody can count, and say which programs asked."""

import uuid

from django.contrib.postgres.functions import RandomUUID
from django.db import migrations, models


class Migration(migrations.Migration):
    dependencies = [("consent", "0013_tell_of_each_day")]

    operations = [
        migrations.AddField(
            model_name="rightsrequest",
            name="reference",
            field=models.UUIDField(db_default=RandomUUID(), default=uuid.uuid4, unique=True),
        ),
        migrations.AddField(
            model_name="rightsrequest",
            name="programs",
            field=models.JSONField(db_default=[], default=list),
        ),
    ]
