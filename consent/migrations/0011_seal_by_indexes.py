"""Seal by the indexes whatever the planner knows: a kept plan from when the ledger was small reads all of it for each leaf."""

from django.db import migrations

BODIES = "consent_consentevent"
LEAVES = "consent_ledgerleaf"
PENDING = "consent_ledgerpending"

HEAD = """
create or replace function consent_seal(most integer, sealed timestamptz)
returns table (seq bigint, leaf_hash bytea) language plpgsql
security definer set search_path = public, pg_temp
"""
BY_INDEXES = f"""{HEAD}
set plan_cache_mode = force_custom_plan
set enable_seqscan = off set enable_bitmapscan = off set enable_hashjoin = off set enable_mergejoin = off
as $$
#variable_conflict use_column
declare
  first bigint := (select coalesce(max(l.seq) + 1, 0) from {LEAVES} l);
  ids bigint[];
  events uuid[];
begin
  -- What has lost its body goes on waiting, so that somebody sees it.
  select array_agg(w.id order by w.id), array_agg(w.event_id order by w.id) into ids, events from (
    select p.id, p.event_id from {PENDING} p
    where exists (select from {BODIES} b where b.event_id = p.event_id)
    order by p.id limit most
  ) w;
  insert into {LEAVES} (seq, event_id, key_id, schema_version, recorded_at, body_hash, leaf_hash, sealed_at)
  select first + u.place - 1, b.event_id, b.key_id, b.schema_version, b.recorded_at, sha256(b.body), b.leaf_hash, sealed
  from unnest(events) with ordinality u (event_id, place) join {BODIES} b on b.event_id = u.event_id;
  delete from {PENDING} p where p.id = any(ids);
  return query select l.seq, l.leaf_hash from {LEAVES} l where l.seq >= first order by l.seq;
end $$;
"""
AS_BEFORE = f"""{HEAD}
as $$
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
"""


class Migration(migrations.Migration):
    dependencies = [("consent", "0010_keep_opt_outs_seen")]
    operations = [migrations.RunSQL([(BY_INDEXES, None)], [(AS_BEFORE, None)])]
