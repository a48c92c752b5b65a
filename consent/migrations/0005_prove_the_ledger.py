"""Split the ledger into bodies, which may go with their key, and leaves of a signed tree, which stay."""

from django.conf import settings
from django.db import migrations, models
from django.db.models.functions import Now

BODIES = "consent_consentevent"
LEAVES = "consent_ledgerleaf"
NODES = "consent_ledgernode"
CHECKPOINTS = "consent_ledgercheckpoint"
PENDING = "consent_ledgerpending"
KEYS = "consent_signingkey"
APPEND_ONLY = (LEAVES, NODES, CHECKPOINTS, KEYS)

FUNCTIONS = f"""
create function consent_await_leaf() returns trigger language plpgsql
security definer set search_path = public, pg_temp as $$
begin
  insert into {PENDING} (event_id) select event_id from fresh;
  return null;
end $$;

create function consent_refuse_loss() returns trigger language plpgsql
security definer set search_path = public, pg_temp as $$
begin
  if exists (
    select from gone where not exists (
      select from consent_personkey where key_id = gone.key_id and destroyed_at is not null
    )
  ) then
    raise exception '% is append-only: delete is refused, but of bodies whose key was destroyed', tg_table_name
      using errcode = 'restrict_violation';
  end if;
  return null;
end $$;

create function consent_seal(most integer, sealed timestamptz)
returns table (seq bigint, leaf_hash bytea) language plpgsql
security definer set search_path = public, pg_temp as $$
begin
  -- What has lost its body goes on waiting, so that somebody sees it.
  return query
  with drained as (
    delete from {PENDING} p where p.id in (
      select w.id from {PENDING} w join {BODIES} b on b.event_id = w.event_id order by w.id limit most
    )
    returning p.id, p.event_id
  ), numbered as (
    select row_number() over (order by d.id) - 1
      + (select coalesce(max(l.seq) + 1, 0) from {LEAVES} l) as place, b.*
    from drained d join {BODIES} b on b.event_id = d.event_id
  ), written as (
    insert into {LEAVES}
      (seq, event_id, key_id, schema_version, recorded_at, body_hash, leaf_hash, sealed_at)
    select n.place, n.event_id, n.key_id, n.schema_version, n.recorded_at, sha256(n.body), n.leaf_hash, sealed
    from numbered n
  )
  select n.place, n.leaf_hash from numbered n order by n.place;
end $$;

create function consent_add_checkpoint(
  size bigint, root bytea, frontier bytea, note text, key_id text, signed_at timestamptz,
  levels integer[], indexes bigint[], roots bytea[]
) returns void language plpgsql
security definer set search_path = public, pg_temp as $$
begin
  if consent_add_checkpoint.size is distinct from (select max(seq) + 1 from {LEAVES}) then
    raise exception 'a checkpoint is of all leaves there are' using errcode = 'restrict_violation';
  end if;
  insert into {NODES} (level, index, root) select * from unnest(levels, indexes, roots);
  insert into {CHECKPOINTS} (size, root, frontier, note, key_id, signed_at)
  values (size, root, frontier, note, key_id, signed_at);
end $$;

create function consent_erase_bodies(keys uuid[], facts uuid[]) returns bigint language plpgsql
security definer set search_path = public, pg_temp as $$
declare
  erased bigint;
begin
  if exists (
    select from unnest(keys, facts) as asked (key_id, fact) where not exists (
      select from consent_personkey k where k.key_id = asked.key_id and k.destroyed_at is not null
    ) or not exists (
      select from {BODIES} b where b.event_id = asked.fact and b.key_id = '00000000-0000-0000-0000-000000000000'
        and convert_from(b.body, 'UTF8')::jsonb ->> 'kind' = 'key.destroyed'
        and convert_from(b.body, 'UTF8')::jsonb -> 'fields' ->> 'key' = asked.key_id::text
    )
  ) then
    raise exception 'a body goes only with its key, and with a fact that says so'
      using errcode = 'restrict_violation';
  end if;
  delete from {BODIES} where key_id = any(keys);
  get diagnostics erased = row_count;
  return erased;
end $$;
"""

TRIGGERS = [
    f"""
drop trigger append_only on {BODIES};
create trigger append_only before update or truncate on {BODIES}
  for each statement execute function consent_refuse_change();
create trigger goes_with_its_key after delete on {BODIES} referencing old table as gone
  for each statement execute function consent_refuse_loss();
create trigger awaits_a_leaf after insert on {BODIES} referencing new table as fresh
  for each statement execute function consent_await_leaf();
alter table {BODIES} enable always trigger append_only;
alter table {BODIES} enable always trigger goes_with_its_key;
alter table {BODIES} enable always trigger awaits_a_leaf;
""",
    *(
        f"""
create trigger append_only before update or delete or truncate on {table}
  for each statement execute function consent_refuse_change();
alter table {table} enable always trigger append_only;
"""
        for table in APPEND_ONLY
    ),
]

CALLABLE = (
    "consent_seal(integer, timestamptz)",
    "consent_add_checkpoint(bigint, bytea, bytea, text, text, timestamptz, integer[], bigint[], bytea[])",
    "consent_erase_bodies(uuid[], uuid[])",
)


def protect(apps, schema_editor):
    role = settings.RTTS_RUNTIME_DATABASE_USER
    with schema_editor.connection.cursor() as cursor:
        # First, so that nothing is committed between the copy and the trigger, which would never get a leaf.
        cursor.execute(f"lock table {BODIES} in access exclusive mode")
        cursor.execute(FUNCTIONS)
        for triggers in TRIGGERS:
            cursor.execute(triggers)
        cursor.execute(f"insert into {PENDING} (event_id) select event_id from {BODIES} order by recorded_at, event_id")
        for function in CALLABLE:
            cursor.execute(f"revoke all on function {function} from public")
        cursor.execute("select to_regrole(%s) is not null and current_user <> %s", [role, role])
        if cursor.fetchone()[0]:
            _restrict(cursor, schema_editor.connection.ops.quote_name(role))


def _restrict(cursor, role):
    for table in (PENDING, LEAVES, NODES, CHECKPOINTS):
        cursor.execute(f"revoke insert, update, delete, truncate on {table} from {role}")
    cursor.execute(f"revoke update, delete, truncate on {KEYS} from {role}")
    for function in CALLABLE:
        cursor.execute(f"grant execute on function {function} to {role}")


def tell_policies(apps, schema_editor):
    """Put what was published before there were facts into the ledger."""
    from consent.proof.facts import carried_over

    Body = apps.get_model("consent", "ConsentEvent")
    for policy in apps.get_model("consent", "PolicyVersion").objects.order_by("version"):
        fields = {
            "version": policy.version,
            "digest": policy.digest,
            "authors": ", ".join(policy.authors),
            "approved_by": policy.approved_by,
        }
        Body.objects.create(**carried_over("policy.published", fields, at=policy.published_at))


class Migration(migrations.Migration):
    dependencies = [("consent", "0004_keep_requests_about_rights")]

    operations = [
        migrations.CreateModel(
            name="LedgerPending",
            fields=[
                ("id", models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name="ID")),
                ("event_id", models.UUIDField(unique=True)),
                ("added_at", models.DateTimeField(db_default=Now())),
            ],
        ),
        migrations.CreateModel(
            name="LedgerLeaf",
            fields=[
                ("seq", models.PositiveBigIntegerField(primary_key=True, serialize=False)),
                ("event_id", models.UUIDField(unique=True)),
                ("key_id", models.UUIDField()),
                ("schema_version", models.PositiveSmallIntegerField()),
                ("recorded_at", models.DateTimeField()),
                ("body_hash", models.BinaryField()),
                ("leaf_hash", models.BinaryField()),
                ("sealed_at", models.DateTimeField()),
            ],
            options={"verbose_name": "ledger leaf", "verbose_name_plural": "ledger leaves"},
        ),
        migrations.CreateModel(
            name="LedgerNode",
            fields=[
                ("id", models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name="ID")),
                ("level", models.PositiveSmallIntegerField()),
                ("index", models.PositiveBigIntegerField()),
                ("root", models.BinaryField()),
            ],
            options={
                "constraints": [models.UniqueConstraint(fields=("level", "index"), name="ledger_node_once")]
            },
        ),
        migrations.CreateModel(
            name="LedgerCheckpoint",
            fields=[
                ("size", models.PositiveBigIntegerField(primary_key=True, serialize=False)),
                ("root", models.BinaryField()),
                ("frontier", models.BinaryField()),
                ("note", models.TextField()),
                ("key_id", models.CharField(max_length=16)),
                ("signed_at", models.DateTimeField()),
            ],
            options={"verbose_name": "ledger checkpoint"},
        ),
        migrations.CreateModel(
            name="SigningKey",
            fields=[
                ("key_id", models.CharField(max_length=16, primary_key=True, serialize=False)),
                ("public", models.BinaryField()),
                ("since_size", models.PositiveBigIntegerField()),
                ("since", models.DateTimeField()),
            ],
            options={"verbose_name": "signing key"},
        ),
        migrations.CreateModel(
            name="Anchoring",
            fields=[
                ("id", models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name="ID")),
                ("size", models.PositiveBigIntegerField()),
                ("place", models.CharField(max_length=200)),
                ("trouble", models.CharField(blank=True, default="", max_length=300)),
                ("tried_at", models.DateTimeField()),
            ],
            options={"indexes": [models.Index(fields=["place", "tried_at"], name="anchoring_latest")]},
        ),
        migrations.RunPython(protect, migrations.RunPython.noop),
        migrations.RunPython(tell_policies, migrations.RunPython.noop),
    ]
