"""Keep who gave a thing which tags, and took which."""

import django.contrib.postgres.fields
import django.db.models.deletion
import pghistory.utils
import pgtrigger.compiler
import pgtrigger.migrations
from django.db import migrations, models


class Migration(migrations.Migration):

    dependencies = [
        ('campaigns', '0009_keep_previews'),
    ]

    operations = [
        migrations.CreateModel(
            name='TrackedTags',
            fields=[
            ],
            options={
                'proxy': True,
                'default_permissions': (),
                'indexes': [],
                'constraints': [],
            },
            bases=('campaigns.item',),
        ),
        migrations.CreateModel(
            name='TagsEvent',
            fields=[
                ('pgh_id', models.AutoField(primary_key=True, serialize=False)),
                ('pgh_created_at', models.DateTimeField(auto_now_add=True)),
                ('pgh_label', models.TextField(help_text='The event label.')),
                ('pgh_context', pghistory.utils.JSONField(null=True)),
                ('pgh_context_id', models.UUIDField(null=True)),
                ('id', models.BigIntegerField()),
                ('tags', django.contrib.postgres.fields.ArrayField(base_field=models.CharField(max_length=40), blank=True, default=list, size=None)),
                ('pgh_obj', models.ForeignKey(db_constraint=False, on_delete=django.db.models.deletion.DO_NOTHING, related_name='+', related_query_name='+', to='campaigns.trackedtags')),
            ],
            options={
                'abstract': False,
            },
        ),
        pgtrigger.migrations.AddTrigger(
            model_name='trackedtags',
            trigger=pgtrigger.compiler.Trigger(name='tagged_update', sql=pgtrigger.compiler.UpsertTriggerSql(condition='WHEN (OLD."tags" IS DISTINCT FROM (NEW."tags"))', func='INSERT INTO "campaigns_tagsevent" ("id", "pgh_context", "pgh_context_id", "pgh_created_at", "pgh_label", "pgh_obj_id", "tags") VALUES (OLD."id", COALESCE(NULLIF(CURRENT_SETTING(\'pghistory.context_metadata\', TRUE), \'\'), NULL)::JSONB, COALESCE(NULLIF(CURRENT_SETTING(\'pghistory.context_id\', TRUE), \'\'), NULL)::UUID, NOW(), \'tagged\', OLD."id", OLD."tags"); RETURN NULL;', hash='89ad52cf99c12eff04467308079a99315ee8ae00', operation='UPDATE', pgid='pgtrigger_tagged_update_12dd3', table='campaigns_item', when='AFTER')),
        ),
        pgtrigger.migrations.AddTrigger(
            model_name='tagsevent',
            trigger=pgtrigger.compiler.Trigger(name='append_only', sql=pgtrigger.compiler.UpsertTriggerSql(func="RAISE EXCEPTION 'pgtrigger: Cannot update or delete rows from % table', TG_TABLE_NAME;", hash='c3879536b65a68c09594b1b50edd24fee1fb7c71', operation='UPDATE OR DELETE', pgid='pgtrigger_append_only_e0120', table='campaigns_tagsevent', when='BEFORE')),
        ),
    ]
