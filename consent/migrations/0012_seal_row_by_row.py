"""Seal row by row: a plan for all of them, kept from when the ledger was small, reads all of it for each leaf."""

from django.db import migrations

BODIES = "consent_consentevent"
LEAVES = "consent_ledgerleaf"
PENDING = "consent_ledgerpending"

HEAD = """
create or replace function consent_seal(most integer, sealed timestamptz)
returns table (seq bigint, leaf_hash bytea) language plpgsql
security definer set search_path = public, pg_temp
"""
ROW_BY_ROW = f"""{HEAD}
set enable_seqscan = off set enable_bitmapscan = off
as $$
#variable_conflict use_column
declare
  place bigint := (select coalesce(max(l.seq) + 1, 0) from {LEAVES} l);
  waits record;
  body record;
begin
  for waits in select p.id, p.event_id from {PENDING} p order by p.id loop
    exit when most <= 0;
    select * into body from {BODIES} b where b.event_id = waits.event_id;
    continue when not found;  -- what has lost its body goes on waiting, so that somebody sees it
    insert into {LEAVES} (seq, event_id, key_id, schema_version, recorded_at, body_hash, leaf_hash, sealed_at)
    values (place, body.event_id, body.key_id, body.schema_version, body.recorded_at,
      sha256(body.body), body.leaf_hash, sealed);
    delete from {PENDING} p where p.id = waits.id;
    seq := place;
    leaf_hash := body.leaf_hash;
    return next;
    place := place + 1;
    most := most - 1;
  end loop;
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
    dependencies = [("consent", "0011_close_links_of_own_pages")]
    operations = [migrations.RunSQL([(ROW_BY_ROW, None)], [(AS_BEFORE, None)])]
