"""Let an approval only ever be voided, and put the approvals and publishes so far into the ledger."""

from django.db import migrations

REFUSE = """
create function campaigns_refuse_change() returns trigger language plpgsql as $$
begin
  raise exception 'an approval stays as it was given: % is refused', lower(tg_op)
    using errcode = 'restrict_violation';
end $$;

create trigger stays_as_given before update on campaigns_approval for each row
  when (old.voided_at is not null or new.voided_at is null or (to_jsonb(new) - 'voided_at') <> (to_jsonb(old) - 'voided_at'))
  execute function campaigns_refuse_change();
create trigger is_kept before delete or truncate on campaigns_approval
  for each statement execute function campaigns_refuse_change();
alter table campaigns_approval enable always trigger stays_as_given;
alter table campaigns_approval enable always trigger is_kept;
"""
ALLOW = """
drop trigger stays_as_given on campaigns_approval;
drop trigger is_kept on campaigns_approval;
drop function campaigns_refuse_change();
"""


def tell(apps, schema_editor):
    """Put what was approved and published before there were facts into the ledger."""
    from campaigns import house_facts
    from consent.proof.facts import carried_over

    body = apps.get_model("consent", "ConsentEvent").objects
    for approval in apps.get_model("campaigns", "Approval").objects.select_related("user").order_by("pk"):
        fields = house_facts.fields_of_approval(approval, by=approval.user.username)
        body.create(**carried_over("release.approved", fields, at=approval.given_at))
    releases = apps.get_model("campaigns", "Release").objects.exclude(version=None)
    for release in releases.select_related("published_by").order_by("version"):
        by = release.published_by.username if release.published_by else ""
        fields = house_facts.fields_of_release(release, by=by)
        body.create(**carried_over("release.published", fields, at=release.published_at))


class Migration(migrations.Migration):
    dependencies = [
        ("campaigns", "0016_add_jurisdictions_and_notices"),
        ("consent", "0005_prove_the_ledger"),
    ]
    operations = [
        migrations.RunSQL(REFUSE, ALLOW),
        migrations.RunPython(tell, migrations.RunPython.noop),
    ]
