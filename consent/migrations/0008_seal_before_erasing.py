"""Refuse to delete a body that has no leaf yet: its place in the tree would stay empty for good."""

from django.db import migrations

LEAVES = "consent_ledgerleaf"

DESTROYED = """
  if exists (
    select from gone where not exists (
      select from consent_personkey where key_id = gone.key_id and destroyed_at is not null
    )
  ) then
    raise exception '% is append-only: delete is refused, but of bodies whose key was destroyed', tg_table_name
      using errcode = 'restrict_violation';
  end if;
"""
SEALED = f"""
  if exists (
    select from gone where not exists (select from {LEAVES} l where l.event_id = gone.event_id)
  ) then
    raise exception '%: a body goes only once it has its leaf', tg_table_name
      using errcode = 'restrict_violation';
  end if;
"""


def refusing(*checks):
    return f"""
create or replace function consent_refuse_loss() returns trigger language plpgsql
security definer set search_path = public, pg_temp as $$
begin
{"".join(checks)}
  return null;
end $$;
"""


class Migration(migrations.Migration):
    dependencies = [("consent", "0007_tell_restrictions_from_merges")]

    operations = [
        # No parameters are given, so the driver leaves the % of `raise` alone.
        migrations.RunSQL([(refusing(DESTROYED, SEALED), None)], [(refusing(DESTROYED), None)])
    ]
