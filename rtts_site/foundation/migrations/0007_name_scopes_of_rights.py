"""Keys that could erase people may ask for every right, and fetch no copy."""

from django.db import migrations

RENAME = "UPDATE foundation_apikey SET scopes = array_replace(scopes, '{old}', '{new}')"
DROP = "UPDATE foundation_apikey SET scopes = array_remove(scopes, 'rights:copy')"


class Migration(migrations.Migration):
    dependencies = [("foundation", "0006_find_open_jobs")]

    operations = [
        migrations.RunSQL(
            RENAME.format(old="erasure", new="rights"),
            [RENAME.format(old="rights", new="erasure"), DROP],
        )
    ]
