"""Keep requests of people about their rights, whom not to contact again, and proof under legal hold."""

import django.db.models.deletion
from django.db import migrations, models


class Migration(migrations.Migration):
    dependencies = [
        ("consent", "0003_keep_people_apart"),
    ]

    operations = [
        migrations.CreateModel(
            name="RightsRequest",
            fields=[
                (
                    "id",
                    models.BigAutoField(
                        auto_created=True, primary_key=True, serialize=False, verbose_name="ID"
                    ),
                ),
                (
                    "kind",
                    models.CharField(
                        choices=[
                            ("access", "access: a copy of everything"),
                            ("portability", "portability: what they gave us, to take along"),
                            ("rectification", "rectification: correct attributes"),
                            ("objection", "objection to purposes"),
                            ("restriction", "restriction: keep, but do not use"),
                            ("erasure", "erasure"),
                        ],
                        max_length=16,
                        verbose_name="kind",
                    ),
                ),
                (
                    "state",
                    models.CharField(
                        choices=[
                            ("received", "received"),
                            ("verified", "verified"),
                            ("running", "running"),
                            ("done", "done"),
                            ("denied", "denied"),
                            ("failed", "stuck"),
                        ],
                        default="received",
                        max_length=10,
                    ),
                ),
                ("intake", models.CharField(max_length=40)),
                ("jurisdiction", models.CharField(default="*", max_length=10)),
                ("named", models.CharField(db_index=True, max_length=64)),
                ("subject", models.BinaryField(default=bytes)),
                ("received_at", models.DateTimeField()),
                ("acknowledged_at", models.DateTimeField(null=True)),
                ("acknowledge_by", models.DateTimeField(null=True)),
                ("due_at", models.DateTimeField()),
                ("extended_why", models.CharField(blank=True, max_length=500)),
                ("reminded_at", models.DateTimeField(null=True)),
                ("verified_how", models.CharField(blank=True, max_length=200)),
                ("asked_by", models.CharField(max_length=150)),
                ("run_by", models.CharField(blank=True, max_length=150)),
                ("steps", models.JSONField(default=list)),
                ("trouble", models.CharField(blank=True, max_length=500)),
                ("held_until", models.DateTimeField(null=True)),
                ("outcome", models.CharField(blank=True, max_length=500)),
                ("denial", models.CharField(blank=True, max_length=500)),
                ("certificate", models.TextField(blank=True)),
                ("hold_why", models.CharField(blank=True, max_length=500)),
                ("hold_until", models.DateField(null=True)),
                ("hold_asked_by", models.CharField(blank=True, max_length=150)),
                ("hold_agreed_by", models.CharField(blank=True, max_length=150)),
                ("file", models.CharField(blank=True, max_length=80)),
                ("file_expires_at", models.DateTimeField(null=True)),
                ("done_at", models.DateTimeField(null=True)),
            ],
            options={
                "verbose_name": "rights request",
                "permissions": [
                    ("handle_rights", "Can handle requests of people about their rights"),
                    ("open_capsule", "Can open proof that is kept under legal hold"),
                ],
                "default_permissions": (),
                "indexes": [
                    models.Index(
                        condition=models.Q(("state__in", ("done", "denied")), _negated=True),
                        fields=["due_at"],
                        name="rights_request_open",
                    )
                ],
            },
        ),
        migrations.CreateModel(
            name="LegalHold",
            fields=[
                (
                    "id",
                    models.BigAutoField(
                        auto_created=True, primary_key=True, serialize=False, verbose_name="ID"
                    ),
                ),
                ("sealed", models.BinaryField(null=True)),
                ("why", models.CharField(max_length=500)),
                ("placed_by", models.CharField(max_length=150)),
                ("agreed_by", models.CharField(max_length=150)),
                ("placed_at", models.DateTimeField()),
                ("destroy_on", models.DateField()),
                ("destroyed_at", models.DateTimeField(null=True)),
                (
                    "request",
                    models.ForeignKey(
                        on_delete=django.db.models.deletion.PROTECT,
                        related_name="holds",
                        to="consent.rightsrequest",
                    ),
                ),
            ],
            options={
                "default_permissions": (),
            },
        ),
        migrations.CreateModel(
            name="Suppression",
            fields=[
                (
                    "id",
                    models.BigAutoField(
                        auto_created=True, primary_key=True, serialize=False, verbose_name="ID"
                    ),
                ),
                ("kind", models.CharField(max_length=20)),
                ("digest", models.CharField(max_length=64)),
                ("reason", models.CharField(default="erasure", max_length=20)),
                ("erased_at", models.DateTimeField()),
                ("lifted_at", models.DateTimeField(null=True)),
                ("again", models.CharField(blank=True, max_length=24)),
                ("told_at", models.DateTimeField(null=True)),
            ],
            options={
                "default_permissions": (),
                "constraints": [
                    models.UniqueConstraint(fields=("kind", "digest"), name="suppression_once")
                ],
            },
        ),
        migrations.CreateModel(
            name="CapsuleOpening",
            fields=[
                (
                    "id",
                    models.BigAutoField(
                        auto_created=True, primary_key=True, serialize=False, verbose_name="ID"
                    ),
                ),
                ("why", models.CharField(max_length=500)),
                ("asked_by", models.CharField(max_length=150)),
                ("asked_at", models.DateTimeField()),
                ("agreed_by", models.CharField(blank=True, max_length=150)),
                ("agreed_at", models.DateTimeField(null=True)),
                ("read_at", models.DateTimeField(null=True)),
                (
                    "hold",
                    models.ForeignKey(
                        on_delete=django.db.models.deletion.PROTECT,
                        related_name="openings",
                        to="consent.legalhold",
                    ),
                ),
            ],
            options={
                "default_permissions": (),
                "constraints": [
                    models.CheckConstraint(
                        condition=models.Q(("asked_by", models.F("agreed_by")), _negated=True),
                        name="capsule_opened_by_two_people",
                    )
                ],
            },
        ),
        migrations.AddConstraint(
            model_name="legalhold",
            constraint=models.CheckConstraint(
                condition=models.Q(("placed_by", models.F("agreed_by")), _negated=True),
                name="legal_hold_by_two_people",
            ),
        ),
    ]
