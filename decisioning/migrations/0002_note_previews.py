from django.db import migrations, models

ADD = """
ALTER TABLE decisioning_decision ADD COLUMN preview text NOT NULL DEFAULT '';
CREATE INDEX decisioning_decision_preview ON decisioning_decision (preview, decided_at) WHERE preview <> '';
"""
REMOVE = "ALTER TABLE decisioning_decision DROP COLUMN preview;"


class Migration(migrations.Migration):
    dependencies = [("decisioning", "0001_create_logs")]
    operations = [
        migrations.RunSQL(
            ADD,
            REMOVE,
            state_operations=[
                migrations.AddField("decisionrecord", "preview", models.TextField(default=""))
            ],
        )
    ]
