"""Let the database itself refuse to edit or remove a revision."""

from django.db import migrations

FREEZE = """
create function campaigns_refuse_revision_edit() returns trigger language plpgsql as $$
begin
  raise exception 'A revision is never edited or removed: save a new one.';
end $$;
create trigger campaigns_revision_is_frozen before update or delete on campaigns_revision
  for each row execute function campaigns_refuse_revision_edit();
alter table campaigns_revision enable always trigger campaigns_revision_is_frozen;
"""
THAW = """
drop trigger campaigns_revision_is_frozen on campaigns_revision;
drop function campaigns_refuse_revision_edit();
"""


class Migration(migrations.Migration):
    dependencies = [("campaigns", "0001_create_authoring_tables")]

    operations = [migrations.RunSQL(FREEZE, THAW)]
