"""Make the ledger, the published policies and the log of reads append-only, for the owner of the tables too."""

from django.conf import settings
from django.db import migrations

APPEND_ONLY = ("consent_consentevent", "consent_policyversion", "consent_recordread")

CREATE_FUNCTION = """
create function consent_refuse_change() returns trigger language plpgsql as $$
begin
  raise exception '% is append-only: % is refused', tg_table_name, lower(tg_op)
    using errcode = 'restrict_violation';
end $$
"""


def protect(apps, schema_editor):
    role = settings.RTTS_RUNTIME_DATABASE_USER
    with schema_editor.connection.cursor() as cursor:
        cursor.execute(CREATE_FUNCTION)
        cursor.execute("select to_regrole(%s) is not null and current_user <> %s", [role, role])
        (separate,) = cursor.fetchone()
        for table in APPEND_ONLY:
            cursor.execute(
                f"create trigger append_only before update or delete or truncate on {table} "
                "for each statement execute function consent_refuse_change()"
            )
            # Also while session_replication_role is replica.
            cursor.execute(f"alter table {table} enable always trigger append_only")
            if separate:
                name = schema_editor.connection.ops.quote_name(role)
                cursor.execute(f"revoke update, delete, truncate on {table} from {name}")


def unprotect(apps, schema_editor):
    with schema_editor.connection.cursor() as cursor:
        for table in APPEND_ONLY:
            cursor.execute(f"drop trigger append_only on {table}")
        cursor.execute("drop function consent_refuse_change()")


class Migration(migrations.Migration):
    dependencies = [("consent", "0001_create_consent")]
    operations = [migrations.RunPython(protect, unprotect)]
