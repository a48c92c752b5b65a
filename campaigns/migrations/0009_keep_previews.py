"""Keep who may see a change on a real channel before it is published."""

import django.db.models.deletion
from django.conf import settings
from django.db import migrations, models


class Migration(migrations.Migration):
    dependencies = [
        ("campaigns", "0008_keep_what_the_analysis_found"),
        migrations.swappable_dependency(settings.AUTH_USER_MODEL),
    ]

    operations = [
        migrations.CreateModel(
            name="Preview",
            fields=[
                ("id", models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name="ID")),
                ("code", models.CharField(max_length=16, unique=True)),
                ("note", models.CharField(blank=True, max_length=80)),
                ("person", models.CharField(blank=True, max_length=24)),
                ("address", models.URLField(blank=True, max_length=500)),
                ("created_at", models.DateTimeField()),
                ("expires_at", models.DateTimeField()),
                ("revoked_at", models.DateTimeField(blank=True, null=True)),
                ("digest", models.CharField(blank=True, max_length=80)),
                ("content", models.CharField(blank=True, max_length=80)),
                ("prepared_at", models.DateTimeField(blank=True, null=True)),
                ("job", models.CharField(blank=True, max_length=64)),
                ("change", models.ForeignKey(on_delete=django.db.models.deletion.PROTECT, related_name="previews", to="campaigns.change")),
                ("created_by", models.ForeignKey(on_delete=django.db.models.deletion.PROTECT, related_name="+", to=settings.AUTH_USER_MODEL)),
            ],
            options={"ordering": ["-pk"]},
        ),
    ]
