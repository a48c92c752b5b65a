"""Know how old people are and where they live, how consent was said, and the notices as they were shown."""

import django.contrib.postgres.fields
from django.conf import settings
from django.db import migrations, models

TABLE = "consent_noticetext"


def protect(apps, schema_editor):
    role = settings.RTTS_RUNTIME_DATABASE_USER
    with schema_editor.connection.cursor() as cursor:
        cursor.execute("select to_regrole(%s) is not null and current_user <> %s", [role, role])
        (separate,) = cursor.fetchone()
        cursor.execute(
            f"create trigger append_only before update or delete or truncate on {TABLE} "
            "for each statement execute function consent_refuse_change()"
        )
        cursor.execute(f"alter table {TABLE} enable always trigger append_only")
        if separate:
            name = schema_editor.connection.ops.quote_name(role)
            cursor.execute(f"revoke update, delete, truncate on {TABLE} from {name}")


def unprotect(apps, schema_editor):
    with schema_editor.connection.cursor() as cursor:
        cursor.execute(f"drop trigger append_only on {TABLE}")


class Migration(migrations.Migration):
    dependencies = [
        ("consent", "0005_prove_the_ledger"),
    ]

    operations = [
        migrations.AddField(
            model_name="consentstate",
            name="by_guardian",
            field=models.BooleanField(default=False),
        ),
        migrations.AddField(
            model_name="consentstate",
            name="event_type",
            field=models.CharField(
                choices=[
                    ("implied", "implied"),
                    ("expressed", "expressed"),
                    ("explicit", "explicit"),
                ],
                default="expressed",
                max_length=9,
            ),
        ),
        migrations.AddField(
            model_name="consentstate",
            name="notice",
            field=models.CharField(blank=True, default="", max_length=100),
        ),
        migrations.AddField(
            model_name="consentstate",
            name="over_gpc",
            field=models.BooleanField(default=False),
        ),
        migrations.AddField(
            model_name="person",
            name="age_bracket",
            field=models.CharField(
                choices=[
                    ("unknown", "unknown"),
                    ("under_13", "under_13"),
                    ("13_15", "13_15"),
                    ("16_17", "16_17"),
                    ("adult", "adult"),
                ],
                default="unknown",
                max_length=8,
            ),
        ),
        migrations.AddField(
            model_name="person",
            name="age_known_by",
            field=models.CharField(blank=True, default="", max_length=20),
        ),
        migrations.AddField(
            model_name="person",
            name="age_turns_at",
            field=models.DateTimeField(blank=True, null=True),
        ),
        migrations.AddField(
            model_name="person",
            name="erased_at",
            field=models.DateTimeField(blank=True, null=True),
        ),
        migrations.AddField(
            model_name="person",
            name="jurisdiction",
            field=models.CharField(blank=True, default="", max_length=80),
        ),
        migrations.AddField(
            model_name="person",
            name="jurisdiction_known_by",
            field=models.CharField(blank=True, default="", max_length=20),
        ),
        migrations.AddField(
            model_name="person",
            name="suppressed",
            field=django.contrib.postgres.fields.ArrayField(
                base_field=models.CharField(max_length=100), blank=True, default=list, size=None
            ),
        ),
        migrations.CreateModel(
            name="NoticeText",
            fields=[
                (
                    "id",
                    models.BigAutoField(
                        auto_created=True, primary_key=True, serialize=False, verbose_name="ID"
                    ),
                ),
                ("notice", models.CharField(max_length=100)),
                ("version", models.PositiveIntegerField()),
                ("language", models.CharField(max_length=35)),
                ("media_type", models.CharField(max_length=100)),
                ("content", models.BinaryField()),
                ("sha256", models.CharField(max_length=71)),
                ("recorded_at", models.DateTimeField()),
            ],
            options={
                "verbose_name": "text of a notice",
                "verbose_name_plural": "texts of notices",
                "constraints": [
                    models.UniqueConstraint(
                        fields=("notice", "version", "language"), name="notice_text_once"
                    )
                ],
            },
        ),
        migrations.RunPython(protect, unprotect),
    ]
