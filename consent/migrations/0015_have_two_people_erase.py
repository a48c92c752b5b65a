"""Say who made sure whose a request is, so that somebody else starts an erasure; let auditors look."""

from django.db import migrations, models

# Nobody noted it before: who took it in is taken for who made sure.
TAKEN = (
    "UPDATE consent_rightsrequest SET verified_by = asked_by"
    " WHERE kind = 'erasure' AND state = 'verified' AND intake <> 'api'"
)


class Migration(migrations.Migration):
    dependencies = [("consent", "0014_give_requests_references")]

    operations = [
        migrations.AddField(
            model_name="rightsrequest",
            name="verified_by",
            field=models.CharField(blank=True, db_default="", default="", max_length=150),
        ),
        migrations.RunSQL(TAKEN, migrations.RunSQL.noop),
        migrations.AlterModelOptions(
            name="rightsrequest",
            options={
                "default_permissions": (),
                "permissions": [
                    ("handle_rights", "Can handle requests of people about their rights"),
                    ("audit_compliance", "Can see all of the compliance pages and change nothing"),
                    ("open_capsule", "Can open proof that is kept under legal hold"),
                ],
                "verbose_name": "rights request",
            },
        ),
    ]
