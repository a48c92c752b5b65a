"""Take a new signing key only with the fact of it, at the place where its leaves begin."""

from django.conf import settings
from django.db import migrations

KEYS = "consent_signingkey"
SIGNATURE = "consent_add_signing_key(text, bytea, bigint, timestamptz)"

CREATE = f"""
create function consent_add_signing_key(name text, half bytea, begins bigint, at timestamptz)
returns void language plpgsql
security definer set search_path = public, pg_temp as $$
begin
  if name is distinct from left(encode(sha256(half), 'hex'), 16)
    or begins is distinct from (select coalesce(max(l.seq) + 1, 0) from consent_ledgerleaf l)
    or not exists (
      select from (
        select case when b.key_id = '00000000-0000-0000-0000-000000000000'
          then convert_from(b.body, 'UTF8')::jsonb end as fact
        from consent_ledgerpending p join consent_consentevent b on b.event_id = p.event_id
      ) told
      where told.fact ->> 'kind' = 'signing_key.rotated'
        and told.fact -> 'fields' ->> 'key' = name
        and told.fact -> 'fields' ->> 'public' = encode(half, 'hex')
        and told.fact -> 'fields' ->> 'former' = coalesce(
          (select k.key_id from {KEYS} k order by k.since_size desc, k.since desc limit 1), '')
    )
  then
    raise exception 'a signing key comes with a fact about it, from the next leaf on'
      using errcode = 'restrict_violation';
  end if;
  insert into {KEYS} (key_id, public, since_size, since) values (name, half, begins, at);
end $$;
"""


def _separate_role(schema_editor):
    """Return the quoted name of the application's role, None where it owns the tables itself."""
    role = settings.RTTS_RUNTIME_DATABASE_USER
    with schema_editor.connection.cursor() as cursor:
        cursor.execute("select to_regrole(%s) is not null and current_user <> %s", [role, role])
        return schema_editor.connection.ops.quote_name(role) if cursor.fetchone()[0] else None


def protect(apps, schema_editor):
    role = _separate_role(schema_editor)
    schema_editor.execute(CREATE, params=None)
    schema_editor.execute(f"revoke all on function {SIGNATURE} from public")
    if role is not None:
        schema_editor.execute(f"revoke insert on {KEYS} from {role}")
        schema_editor.execute(f"grant execute on function {SIGNATURE} to {role}")


def unprotect(apps, schema_editor):
    role = _separate_role(schema_editor)
    schema_editor.execute(f"drop function {SIGNATURE}")
    if role is not None:
        schema_editor.execute(f"grant insert on {KEYS} to {role}")


class Migration(migrations.Migration):
    dependencies = [("consent", "0008_seal_before_erasing")]
    operations = [migrations.RunPython(protect, unprotect)]
