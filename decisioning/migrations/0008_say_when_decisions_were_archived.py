"""Say when a decision was archived: by that day the ledger is told of it, however late it came."""

from django.db import migrations

ADD = """
ALTER TABLE decisioning_decision ADD COLUMN archived_at timestamptz DEFAULT now();
CREATE INDEX decisioning_decision_archived ON decisioning_decision USING brin (archived_at);
"""
REMOVE = "ALTER TABLE decisioning_decision DROP COLUMN archived_at;"


class Migration(migrations.Migration):
    dependencies = [("decisioning", "0007_keep_prepared_mails")]
    operations = [migrations.RunSQL(ADD, REMOVE)]
