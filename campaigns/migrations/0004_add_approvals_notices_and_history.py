"""Keep several approvals of a change, comments on fields, notices, webhooks, stops, and who edited rows in place."""

import django.contrib.auth.models
import django.contrib.auth.validators
import django.contrib.postgres.fields
import django.core.validators
import django.db.models.deletion
import pghistory.utils
import pgtrigger.compiler
import pgtrigger.migrations
import uuid
from django.conf import settings
from django.db import migrations, models


def keep_approvals(apps, schema_editor):
    """Write down the one approval that each approved change has."""
    changes = apps.get_model("campaigns", "Change").objects
    approvals = apps.get_model("campaigns", "Approval").objects
    for change in changes.filter(state__in=("approved", "preparing")).exclude(approved_by=None):
        candidate = change.candidates.filter(state__in=("candidate", "preparing")).last()
        approvals.create(
            change=change,
            user_id=change.approved_by_id,
            candidate=candidate,
            digest=candidate.review_digest if candidate else "",
            content=change.approved_content,
            given_at=change.approved_at,
        )


class Migration(migrations.Migration):

    dependencies = [
        ('auth', '0012_alter_user_first_name_max_length'),
        ('campaigns', '0003_keep_what_was_reviewed'),
        ('foundation', '0003_name_who_made_a_key'),
        migrations.swappable_dependency(settings.AUTH_USER_MODEL),
    ]

    operations = [
        migrations.CreateModel(
            name='WebhookEvent',
            fields=[
                ('pgh_id', models.AutoField(primary_key=True, serialize=False)),
                ('pgh_created_at', models.DateTimeField(auto_now_add=True)),
                ('pgh_label', models.TextField(help_text='The event label.')),
                ('pgh_context', pghistory.utils.JSONField(null=True)),
                ('pgh_context_id', models.UUIDField(null=True)),
                ('id', models.BigIntegerField()),
                ('name', models.CharField(max_length=100, verbose_name='name')),
                ('url', models.URLField(max_length=500, verbose_name='address')),
                ('events', django.contrib.postgres.fields.ArrayField(base_field=models.CharField(choices=[('change.submitted', 'A change waits for review'), ('change.approved', 'A change was approved'), ('change.sent_back', 'A change was sent back'), ('change.commented', 'Somebody commented'), ('change.mentioned', 'Somebody mentioned you'), ('release.published', 'A release went live'), ('release.failed', 'A release could not be published'), ('release.rolled_back', 'A release was rolled back'), ('thing.stopped', 'Something was stopped or resumed in an emergency'), ('alert.raised', 'An experiment or check raised an alert')], max_length=24), size=None, verbose_name='events')),
                ('is_active', models.BooleanField(default=True, verbose_name='active')),
                ('former_until', models.DateTimeField(blank=True, null=True)),
            ],
            options={
                'abstract': False,
            },
        ),
        migrations.CreateModel(
            name='TrackedUser',
            fields=[
            ],
            options={
                'proxy': True,
                'default_permissions': (),
                'indexes': [],
                'constraints': [],
            },
            bases=('auth.user',),
            managers=[
                ('objects', django.contrib.auth.models.UserManager()),
            ],
        ),
        migrations.CreateModel(
            name='TrackedChange',
            fields=[
            ],
            options={
                'proxy': True,
                'default_permissions': (),
                'indexes': [],
                'constraints': [],
            },
            bases=('campaigns.change',),
        ),
        migrations.CreateModel(
            name='TrackedApiKey',
            fields=[
            ],
            options={
                'proxy': True,
                'default_permissions': (),
                'indexes': [],
                'constraints': [],
            },
            bases=('foundation.apikey',),
        ),
        migrations.CreateModel(
            name='TrackedRole',
            fields=[
            ],
            options={
                'proxy': True,
                'default_permissions': (),
                'indexes': [],
                'constraints': [],
            },
            bases=('auth.user_groups',),
        ),
        migrations.AddField(
            model_name='release',
            name='reach',
            field=models.JSONField(default=dict),
        ),
        migrations.AddField(
            model_name='reviewcomment',
            name='field',
            field=models.CharField(blank=True, max_length=60),
        ),
        migrations.AddField(
            model_name='reviewcomment',
            name='item',
            field=models.ForeignKey(blank=True, null=True, on_delete=django.db.models.deletion.PROTECT, related_name='+', to='campaigns.item'),
        ),
        migrations.AddField(
            model_name='reviewcomment',
            name='parent',
            field=models.ForeignKey(blank=True, null=True, on_delete=django.db.models.deletion.PROTECT, related_name='replies', to='campaigns.reviewcomment'),
        ),
        migrations.AddField(
            model_name='reviewcomment',
            name='resolved_at',
            field=models.DateTimeField(blank=True, null=True),
        ),
        migrations.AddField(
            model_name='reviewcomment',
            name='resolved_by',
            field=models.ForeignKey(blank=True, null=True, on_delete=django.db.models.deletion.PROTECT, related_name='+', to=settings.AUTH_USER_MODEL),
        ),
        migrations.CreateModel(
            name='ApiKeyEvent',
            fields=[
                ('pgh_id', models.AutoField(primary_key=True, serialize=False)),
                ('pgh_created_at', models.DateTimeField(auto_now_add=True)),
                ('pgh_label', models.TextField(help_text='The event label.')),
                ('pgh_context', pghistory.utils.JSONField(null=True)),
                ('pgh_context_id', models.UUIDField(null=True)),
                ('id', models.UUIDField(default=uuid.uuid4, editable=False, serialize=False)),
                ('name', models.CharField(max_length=100)),
                ('kind', models.CharField(choices=[('secret', 'secret: for servers'), ('browser', 'browser: visible to visitors')], max_length=10)),
                ('scopes', django.contrib.postgres.fields.ArrayField(base_field=models.CharField(max_length=30), size=None)),
                ('origins', django.contrib.postgres.fields.ArrayField(base_field=models.CharField(max_length=200), default=list, size=None)),
                ('placements', django.contrib.postgres.fields.ArrayField(base_field=models.CharField(max_length=100), default=list, size=None)),
                ('expires_at', models.DateTimeField(null=True)),
                ('revoked_at', models.DateTimeField(null=True)),
                ('issued_by', models.ForeignKey(blank=True, db_constraint=False, null=True, on_delete=django.db.models.deletion.DO_NOTHING, related_name='+', related_query_name='+', to=settings.AUTH_USER_MODEL)),
            ],
            options={
                'abstract': False,
            },
        ),
        migrations.CreateModel(
            name='Approval',
            fields=[
                ('id', models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name='ID')),
                ('digest', models.CharField(max_length=80)),
                ('content', models.CharField(max_length=80)),
                ('roles', models.JSONField(default=list)),
                ('given_at', models.DateTimeField()),
                ('voided_at', models.DateTimeField(blank=True, null=True)),
                ('candidate', models.ForeignKey(null=True, on_delete=django.db.models.deletion.PROTECT, related_name='+', to='campaigns.release')),
                ('change', models.ForeignKey(on_delete=django.db.models.deletion.PROTECT, related_name='approvals', to='campaigns.change')),
                ('user', models.ForeignKey(on_delete=django.db.models.deletion.PROTECT, related_name='+', to=settings.AUTH_USER_MODEL)),
            ],
        ),
        migrations.CreateModel(
            name='ApprovalRule',
            fields=[
                ('id', models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name='ID')),
                ('kind', models.CharField(blank=True, choices=[('', 'anything'), ('attribute', 'attribute'), ('event_type', 'event type'), ('channel', 'channel'), ('placement', 'placement'), ('segment', 'segment'), ('offer', 'offer'), ('campaign', 'campaign'), ('experiment', 'experiment'), ('purpose', 'purpose'), ('settings', 'release settings')], max_length=16, verbose_name='what is changed')),
                ('approvers', models.PositiveSmallIntegerField(default=1, validators=[django.core.validators.MinValueValidator(1), django.core.validators.MaxValueValidator(10)], verbose_name='approvers')),
                ('above_people', models.PositiveIntegerField(blank=True, help_text='Empty: always. What has no audience of its own reaches everybody.', null=True, verbose_name='where it reaches more people than')),
                ('role', models.ForeignKey(blank=True, help_text='None: everybody who may approve.', null=True, on_delete=django.db.models.deletion.PROTECT, related_name='+', to='auth.group', verbose_name='of the role')),
            ],
            options={
                'verbose_name': 'approval rule',
                'verbose_name_plural': 'approval rules',
            },
        ),
        migrations.CreateModel(
            name='TrackedApprovalRule',
            fields=[
            ],
            options={
                'proxy': True,
                'default_permissions': (),
                'indexes': [],
                'constraints': [],
            },
            bases=('campaigns.approvalrule',),
        ),
        migrations.CreateModel(
            name='ApprovalRuleEvent',
            fields=[
                ('pgh_id', models.AutoField(primary_key=True, serialize=False)),
                ('pgh_created_at', models.DateTimeField(auto_now_add=True)),
                ('pgh_label', models.TextField(help_text='The event label.')),
                ('pgh_context', pghistory.utils.JSONField(null=True)),
                ('pgh_context_id', models.UUIDField(null=True)),
                ('id', models.BigIntegerField()),
                ('kind', models.CharField(blank=True, choices=[('', 'anything'), ('attribute', 'attribute'), ('event_type', 'event type'), ('channel', 'channel'), ('placement', 'placement'), ('segment', 'segment'), ('offer', 'offer'), ('campaign', 'campaign'), ('experiment', 'experiment'), ('purpose', 'purpose'), ('settings', 'release settings')], max_length=16, verbose_name='what is changed')),
                ('approvers', models.PositiveSmallIntegerField(default=1, validators=[django.core.validators.MinValueValidator(1), django.core.validators.MaxValueValidator(10)], verbose_name='approvers')),
                ('above_people', models.PositiveIntegerField(blank=True, help_text='Empty: always. What has no audience of its own reaches everybody.', null=True, verbose_name='where it reaches more people than')),
                ('role', models.ForeignKey(blank=True, db_constraint=False, help_text='None: everybody who may approve.', null=True, on_delete=django.db.models.deletion.DO_NOTHING, related_name='+', related_query_name='+', to='auth.group', verbose_name='of the role')),
            ],
            options={
                'abstract': False,
            },
        ),
        migrations.CreateModel(
            name='ChangeEvent',
            fields=[
                ('pgh_id', models.AutoField(primary_key=True, serialize=False)),
                ('pgh_created_at', models.DateTimeField(auto_now_add=True)),
                ('pgh_label', models.TextField(help_text='The event label.')),
                ('pgh_context', pghistory.utils.JSONField(null=True)),
                ('pgh_context_id', models.UUIDField(null=True)),
                ('id', models.BigIntegerField()),
                ('title', models.CharField(max_length=120)),
                ('state', models.CharField(choices=[('draft', 'draft'), ('in_review', 'in review'), ('approved', 'approved'), ('preparing', 'preparing'), ('live', 'live'), ('rejected', 'discarded')], default='draft', max_length=16)),
                ('approved_by', models.ForeignKey(blank=True, db_constraint=False, null=True, on_delete=django.db.models.deletion.DO_NOTHING, related_name='+', related_query_name='+', to=settings.AUTH_USER_MODEL)),
                ('submitted_by', models.ForeignKey(blank=True, db_constraint=False, null=True, on_delete=django.db.models.deletion.DO_NOTHING, related_name='+', related_query_name='+', to=settings.AUTH_USER_MODEL)),
            ],
            options={
                'abstract': False,
            },
        ),
        migrations.CreateModel(
            name='MutedEvent',
            fields=[
                ('id', models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name='ID')),
                ('event', models.CharField(choices=[('change.submitted', 'A change waits for review'), ('change.approved', 'A change was approved'), ('change.sent_back', 'A change was sent back'), ('change.commented', 'Somebody commented'), ('change.mentioned', 'Somebody mentioned you'), ('release.published', 'A release went live'), ('release.failed', 'A release could not be published'), ('release.rolled_back', 'A release was rolled back'), ('thing.stopped', 'Something was stopped or resumed in an emergency'), ('alert.raised', 'An experiment or check raised an alert')], max_length=24)),
                ('user', models.ForeignKey(on_delete=django.db.models.deletion.CASCADE, related_name='muted_events', to=settings.AUTH_USER_MODEL)),
            ],
        ),
        migrations.CreateModel(
            name='Notice',
            fields=[
                ('id', models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name='ID')),
                ('event', models.CharField(choices=[('change.submitted', 'A change waits for review'), ('change.approved', 'A change was approved'), ('change.sent_back', 'A change was sent back'), ('change.commented', 'Somebody commented'), ('change.mentioned', 'Somebody mentioned you'), ('release.published', 'A release went live'), ('release.failed', 'A release could not be published'), ('release.rolled_back', 'A release was rolled back'), ('thing.stopped', 'Something was stopped or resumed in an emergency'), ('alert.raised', 'An experiment or check raised an alert')], max_length=24)),
                ('text', models.CharField(blank=True, max_length=500)),
                ('created_at', models.DateTimeField()),
                ('read_at', models.DateTimeField(blank=True, null=True)),
                ('actor', models.ForeignKey(null=True, on_delete=django.db.models.deletion.PROTECT, related_name='+', to=settings.AUTH_USER_MODEL)),
                ('change', models.ForeignKey(null=True, on_delete=django.db.models.deletion.CASCADE, related_name='+', to='campaigns.change')),
                ('item', models.ForeignKey(null=True, on_delete=django.db.models.deletion.CASCADE, related_name='+', to='campaigns.item')),
                ('release', models.ForeignKey(null=True, on_delete=django.db.models.deletion.CASCADE, related_name='+', to='campaigns.release')),
                ('user', models.ForeignKey(on_delete=django.db.models.deletion.CASCADE, related_name='notices', to=settings.AUTH_USER_MODEL)),
            ],
        ),
        migrations.CreateModel(
            name='RoleEvent',
            fields=[
                ('pgh_id', models.AutoField(primary_key=True, serialize=False)),
                ('pgh_created_at', models.DateTimeField(auto_now_add=True)),
                ('pgh_label', models.TextField(help_text='The event label.')),
                ('pgh_context', pghistory.utils.JSONField(null=True)),
                ('pgh_context_id', models.UUIDField(null=True)),
                ('id', models.IntegerField()),
                ('group', models.ForeignKey(db_constraint=False, db_tablespace='', on_delete=django.db.models.deletion.DO_NOTHING, related_name='+', related_query_name='+', to='auth.group')),
                ('user', models.ForeignKey(db_constraint=False, db_tablespace='', on_delete=django.db.models.deletion.DO_NOTHING, related_name='+', related_query_name='+', to=settings.AUTH_USER_MODEL)),
            ],
            options={
                'abstract': False,
            },
        ),
        migrations.CreateModel(
            name='Stop',
            fields=[
                ('id', models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name='ID')),
                ('why', models.CharField(max_length=500)),
                ('stopped_at', models.DateTimeField()),
                ('lifted_at', models.DateTimeField(blank=True, null=True)),
                ('lifted_why', models.CharField(blank=True, max_length=500)),
                ('item', models.ForeignKey(on_delete=django.db.models.deletion.PROTECT, related_name='stops', to='campaigns.item')),
                ('lifted_by', models.ForeignKey(blank=True, null=True, on_delete=django.db.models.deletion.PROTECT, related_name='+', to=settings.AUTH_USER_MODEL)),
                ('stopped_by', models.ForeignKey(on_delete=django.db.models.deletion.PROTECT, related_name='+', to=settings.AUTH_USER_MODEL)),
            ],
        ),
        migrations.CreateModel(
            name='Webhook',
            fields=[
                ('id', models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name='ID')),
                ('name', models.CharField(max_length=100, verbose_name='name')),
                ('url', models.URLField(max_length=500, verbose_name='address')),
                ('events', django.contrib.postgres.fields.ArrayField(base_field=models.CharField(choices=[('change.submitted', 'A change waits for review'), ('change.approved', 'A change was approved'), ('change.sent_back', 'A change was sent back'), ('change.commented', 'Somebody commented'), ('change.mentioned', 'Somebody mentioned you'), ('release.published', 'A release went live'), ('release.failed', 'A release could not be published'), ('release.rolled_back', 'A release was rolled back'), ('thing.stopped', 'Something was stopped or resumed in an emergency'), ('alert.raised', 'An experiment or check raised an alert')], max_length=24), size=None, verbose_name='events')),
                ('is_active', models.BooleanField(default=True, verbose_name='active')),
                ('sealed', models.BinaryField()),
                ('former', models.BinaryField(null=True)),
                ('former_until', models.DateTimeField(blank=True, null=True)),
                ('created_at', models.DateTimeField()),
                ('created_by', models.ForeignKey(null=True, on_delete=django.db.models.deletion.PROTECT, related_name='+', to=settings.AUTH_USER_MODEL)),
            ],
        ),
        migrations.CreateModel(
            name='Delivery',
            fields=[
                ('id', models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name='ID')),
                ('message', models.CharField(max_length=40)),
                ('event', models.CharField(max_length=24)),
                ('body', models.TextField()),
                ('state', models.CharField(choices=[('waiting', 'waiting'), ('sent', 'sent'), ('dead', 'given up')], default='waiting', max_length=8)),
                ('attempts', models.PositiveSmallIntegerField(default=0)),
                ('due_at', models.DateTimeField()),
                ('status', models.PositiveSmallIntegerField(null=True)),
                ('trouble', models.CharField(blank=True, max_length=300)),
                ('created_at', models.DateTimeField()),
                ('done_at', models.DateTimeField(blank=True, null=True)),
                ('webhook', models.ForeignKey(on_delete=django.db.models.deletion.CASCADE, related_name='deliveries', to='campaigns.webhook')),
            ],
            options={
                'verbose_name_plural': 'deliveries',
            },
        ),
        migrations.CreateModel(
            name='TrackedWebhook',
            fields=[
            ],
            options={
                'proxy': True,
                'default_permissions': (),
                'indexes': [],
                'constraints': [],
            },
            bases=('campaigns.webhook',),
        ),
        migrations.CreateModel(
            name='UserEvent',
            fields=[
                ('pgh_id', models.AutoField(primary_key=True, serialize=False)),
                ('pgh_created_at', models.DateTimeField(auto_now_add=True)),
                ('pgh_label', models.TextField(help_text='The event label.')),
                ('pgh_context', pghistory.utils.JSONField(null=True)),
                ('pgh_context_id', models.UUIDField(null=True)),
                ('id', models.IntegerField()),
                ('username', models.CharField(error_messages={'unique': 'A user with that username already exists.'}, help_text='Required. 150 characters or fewer. Letters, digits and @/./+/-/_ only.', max_length=150, validators=[django.contrib.auth.validators.UnicodeUsernameValidator()], verbose_name='username')),
                ('is_active', models.BooleanField(default=True, help_text='Designates whether this user should be treated as active. Unselect this instead of deleting accounts.', verbose_name='active')),
                ('is_staff', models.BooleanField(default=False, help_text='Designates whether the user can log into this admin site.', verbose_name='staff status')),
                ('is_superuser', models.BooleanField(default=False, help_text='Designates that this user has all permissions without explicitly assigning them.', verbose_name='superuser status')),
                ('pgh_obj', models.ForeignKey(db_constraint=False, on_delete=django.db.models.deletion.DO_NOTHING, related_name='+', related_query_name='+', to='campaigns.trackeduser')),
            ],
            options={
                'abstract': False,
            },
        ),
        pgtrigger.migrations.AddTrigger(
            model_name='trackeduser',
            trigger=pgtrigger.compiler.Trigger(name='insert_insert', sql=pgtrigger.compiler.UpsertTriggerSql(func='INSERT INTO "campaigns_userevent" ("id", "is_active", "is_staff", "is_superuser", "pgh_context", "pgh_context_id", "pgh_created_at", "pgh_label", "pgh_obj_id", "username") VALUES (NEW."id", NEW."is_active", NEW."is_staff", NEW."is_superuser", COALESCE(NULLIF(CURRENT_SETTING(\'pghistory.context_metadata\', TRUE), \'\'), NULL)::JSONB, COALESCE(NULLIF(CURRENT_SETTING(\'pghistory.context_id\', TRUE), \'\'), NULL)::UUID, NOW(), \'insert\', NEW."id", NEW."username"); RETURN NULL;', hash='f80b44d2a8b5c164b8dae03c262fb1670a974800', operation='INSERT', pgid='pgtrigger_insert_insert_a5577', table='auth_user', when='AFTER')),
        ),
        pgtrigger.migrations.AddTrigger(
            model_name='trackeduser',
            trigger=pgtrigger.compiler.Trigger(name='update_update', sql=pgtrigger.compiler.UpsertTriggerSql(condition='WHEN (OLD."id" IS DISTINCT FROM (NEW."id") OR OLD."is_active" IS DISTINCT FROM (NEW."is_active") OR OLD."is_staff" IS DISTINCT FROM (NEW."is_staff") OR OLD."is_superuser" IS DISTINCT FROM (NEW."is_superuser") OR OLD."username" IS DISTINCT FROM (NEW."username"))', func='INSERT INTO "campaigns_userevent" ("id", "is_active", "is_staff", "is_superuser", "pgh_context", "pgh_context_id", "pgh_created_at", "pgh_label", "pgh_obj_id", "username") VALUES (NEW."id", NEW."is_active", NEW."is_staff", NEW."is_superuser", COALESCE(NULLIF(CURRENT_SETTING(\'pghistory.context_metadata\', TRUE), \'\'), NULL)::JSONB, COALESCE(NULLIF(CURRENT_SETTING(\'pghistory.context_id\', TRUE), \'\'), NULL)::UUID, NOW(), \'update\', NEW."id", NEW."username"); RETURN NULL;', hash='117d054b969105cc4fcb0daa22f3dfa68403f57f', operation='UPDATE', pgid='pgtrigger_update_update_5c4e2', table='auth_user', when='AFTER')),
        ),
        pgtrigger.migrations.AddTrigger(
            model_name='trackeduser',
            trigger=pgtrigger.compiler.Trigger(name='delete_delete', sql=pgtrigger.compiler.UpsertTriggerSql(func='INSERT INTO "campaigns_userevent" ("id", "is_active", "is_staff", "is_superuser", "pgh_context", "pgh_context_id", "pgh_created_at", "pgh_label", "pgh_obj_id", "username") VALUES (OLD."id", OLD."is_active", OLD."is_staff", OLD."is_superuser", COALESCE(NULLIF(CURRENT_SETTING(\'pghistory.context_metadata\', TRUE), \'\'), NULL)::JSONB, COALESCE(NULLIF(CURRENT_SETTING(\'pghistory.context_id\', TRUE), \'\'), NULL)::UUID, NOW(), \'delete\', OLD."id", OLD."username"); RETURN NULL;', hash='3d0eba67f28e05636c44c7a093dbf2d2889b378b', operation='DELETE', pgid='pgtrigger_delete_delete_f262d', table='auth_user', when='AFTER')),
        ),
        migrations.AddField(
            model_name='changeevent',
            name='pgh_obj',
            field=models.ForeignKey(db_constraint=False, on_delete=django.db.models.deletion.DO_NOTHING, related_name='+', related_query_name='+', to='campaigns.trackedchange'),
        ),
        pgtrigger.migrations.AddTrigger(
            model_name='trackedchange',
            trigger=pgtrigger.compiler.Trigger(name='insert_insert', sql=pgtrigger.compiler.UpsertTriggerSql(func='INSERT INTO "campaigns_changeevent" ("approved_by_id", "id", "pgh_context", "pgh_context_id", "pgh_created_at", "pgh_label", "pgh_obj_id", "state", "submitted_by_id", "title") VALUES (NEW."approved_by_id", NEW."id", COALESCE(NULLIF(CURRENT_SETTING(\'pghistory.context_metadata\', TRUE), \'\'), NULL)::JSONB, COALESCE(NULLIF(CURRENT_SETTING(\'pghistory.context_id\', TRUE), \'\'), NULL)::UUID, NOW(), \'insert\', NEW."id", NEW."state", NEW."submitted_by_id", NEW."title"); RETURN NULL;', hash='e73980480094fc30af739110fc10e970f9d8d673', operation='INSERT', pgid='pgtrigger_insert_insert_aa547', table='campaigns_change', when='AFTER')),
        ),
        pgtrigger.migrations.AddTrigger(
            model_name='trackedchange',
            trigger=pgtrigger.compiler.Trigger(name='update_update', sql=pgtrigger.compiler.UpsertTriggerSql(condition='WHEN (OLD."approved_by_id" IS DISTINCT FROM (NEW."approved_by_id") OR OLD."id" IS DISTINCT FROM (NEW."id") OR OLD."state" IS DISTINCT FROM (NEW."state") OR OLD."submitted_by_id" IS DISTINCT FROM (NEW."submitted_by_id") OR OLD."title" IS DISTINCT FROM (NEW."title"))', func='INSERT INTO "campaigns_changeevent" ("approved_by_id", "id", "pgh_context", "pgh_context_id", "pgh_created_at", "pgh_label", "pgh_obj_id", "state", "submitted_by_id", "title") VALUES (NEW."approved_by_id", NEW."id", COALESCE(NULLIF(CURRENT_SETTING(\'pghistory.context_metadata\', TRUE), \'\'), NULL)::JSONB, COALESCE(NULLIF(CURRENT_SETTING(\'pghistory.context_id\', TRUE), \'\'), NULL)::UUID, NOW(), \'update\', NEW."id", NEW."state", NEW."submitted_by_id", NEW."title"); RETURN NULL;', hash='47dc12feff5220e1ff6b95834d4c489030aed8e3', operation='UPDATE', pgid='pgtrigger_update_update_ee2a7', table='campaigns_change', when='AFTER')),
        ),
        pgtrigger.migrations.AddTrigger(
            model_name='trackedchange',
            trigger=pgtrigger.compiler.Trigger(name='delete_delete', sql=pgtrigger.compiler.UpsertTriggerSql(func='INSERT INTO "campaigns_changeevent" ("approved_by_id", "id", "pgh_context", "pgh_context_id", "pgh_created_at", "pgh_label", "pgh_obj_id", "state", "submitted_by_id", "title") VALUES (OLD."approved_by_id", OLD."id", COALESCE(NULLIF(CURRENT_SETTING(\'pghistory.context_metadata\', TRUE), \'\'), NULL)::JSONB, COALESCE(NULLIF(CURRENT_SETTING(\'pghistory.context_id\', TRUE), \'\'), NULL)::UUID, NOW(), \'delete\', OLD."id", OLD."state", OLD."submitted_by_id", OLD."title"); RETURN NULL;', hash='c96c40aa957d0feb969749b7b51b1a50d826e705', operation='DELETE', pgid='pgtrigger_delete_delete_31204', table='campaigns_change', when='AFTER')),
        ),
        migrations.AddField(
            model_name='apikeyevent',
            name='pgh_obj',
            field=models.ForeignKey(db_constraint=False, on_delete=django.db.models.deletion.DO_NOTHING, related_name='+', related_query_name='+', to='campaigns.trackedapikey'),
        ),
        pgtrigger.migrations.AddTrigger(
            model_name='trackedapikey',
            trigger=pgtrigger.compiler.Trigger(name='insert_insert', sql=pgtrigger.compiler.UpsertTriggerSql(func='INSERT INTO "campaigns_apikeyevent" ("expires_at", "id", "issued_by_id", "kind", "name", "origins", "pgh_context", "pgh_context_id", "pgh_created_at", "pgh_label", "pgh_obj_id", "placements", "revoked_at", "scopes") VALUES (NEW."expires_at", NEW."id", NEW."issued_by_id", NEW."kind", NEW."name", NEW."origins", COALESCE(NULLIF(CURRENT_SETTING(\'pghistory.context_metadata\', TRUE), \'\'), NULL)::JSONB, COALESCE(NULLIF(CURRENT_SETTING(\'pghistory.context_id\', TRUE), \'\'), NULL)::UUID, NOW(), \'insert\', NEW."id", NEW."placements", NEW."revoked_at", NEW."scopes"); RETURN NULL;', hash='afbaf0b66a09d26215db3130d7a4ccd0a317e0fe', operation='INSERT', pgid='pgtrigger_insert_insert_6a408', table='foundation_apikey', when='AFTER')),
        ),
        pgtrigger.migrations.AddTrigger(
            model_name='trackedapikey',
            trigger=pgtrigger.compiler.Trigger(name='update_update', sql=pgtrigger.compiler.UpsertTriggerSql(condition='WHEN (OLD."expires_at" IS DISTINCT FROM (NEW."expires_at") OR OLD."id" IS DISTINCT FROM (NEW."id") OR OLD."issued_by_id" IS DISTINCT FROM (NEW."issued_by_id") OR OLD."kind" IS DISTINCT FROM (NEW."kind") OR OLD."name" IS DISTINCT FROM (NEW."name") OR OLD."origins" IS DISTINCT FROM (NEW."origins") OR OLD."placements" IS DISTINCT FROM (NEW."placements") OR OLD."revoked_at" IS DISTINCT FROM (NEW."revoked_at") OR OLD."scopes" IS DISTINCT FROM (NEW."scopes"))', func='INSERT INTO "campaigns_apikeyevent" ("expires_at", "id", "issued_by_id", "kind", "name", "origins", "pgh_context", "pgh_context_id", "pgh_created_at", "pgh_label", "pgh_obj_id", "placements", "revoked_at", "scopes") VALUES (NEW."expires_at", NEW."id", NEW."issued_by_id", NEW."kind", NEW."name", NEW."origins", COALESCE(NULLIF(CURRENT_SETTING(\'pghistory.context_metadata\', TRUE), \'\'), NULL)::JSONB, COALESCE(NULLIF(CURRENT_SETTING(\'pghistory.context_id\', TRUE), \'\'), NULL)::UUID, NOW(), \'update\', NEW."id", NEW."placements", NEW."revoked_at", NEW."scopes"); RETURN NULL;', hash='3099c6f9e9979883a828eeb5b5ad7e874bde70cd', operation='UPDATE', pgid='pgtrigger_update_update_7a089', table='foundation_apikey', when='AFTER')),
        ),
        pgtrigger.migrations.AddTrigger(
            model_name='trackedapikey',
            trigger=pgtrigger.compiler.Trigger(name='delete_delete', sql=pgtrigger.compiler.UpsertTriggerSql(func='INSERT INTO "campaigns_apikeyevent" ("expires_at", "id", "issued_by_id", "kind", "name", "origins", "pgh_context", "pgh_context_id", "pgh_created_at", "pgh_label", "pgh_obj_id", "placements", "revoked_at", "scopes") VALUES (OLD."expires_at", OLD."id", OLD."issued_by_id", OLD."kind", OLD."name", OLD."origins", COALESCE(NULLIF(CURRENT_SETTING(\'pghistory.context_metadata\', TRUE), \'\'), NULL)::JSONB, COALESCE(NULLIF(CURRENT_SETTING(\'pghistory.context_id\', TRUE), \'\'), NULL)::UUID, NOW(), \'delete\', OLD."id", OLD."placements", OLD."revoked_at", OLD."scopes"); RETURN NULL;', hash='4a2499a42d42c18c90abb0f29fc18d187872bd84', operation='DELETE', pgid='pgtrigger_delete_delete_ae6b0', table='foundation_apikey', when='AFTER')),
        ),
        pgtrigger.migrations.AddTrigger(
            model_name='trackedrole',
            trigger=pgtrigger.compiler.Trigger(name='given_insert', sql=pgtrigger.compiler.UpsertTriggerSql(func='INSERT INTO "campaigns_roleevent" ("group_id", "id", "pgh_context", "pgh_context_id", "pgh_created_at", "pgh_label", "user_id") VALUES (NEW."group_id", NEW."id", COALESCE(NULLIF(CURRENT_SETTING(\'pghistory.context_metadata\', TRUE), \'\'), NULL)::JSONB, COALESCE(NULLIF(CURRENT_SETTING(\'pghistory.context_id\', TRUE), \'\'), NULL)::UUID, NOW(), \'given\', NEW."user_id"); RETURN NULL;', hash='f0f6000ea8fdb109e449583acd3cf2bb7124af12', operation='INSERT', pgid='pgtrigger_given_insert_1777d', table='auth_user_groups', when='AFTER')),
        ),
        pgtrigger.migrations.AddTrigger(
            model_name='trackedrole',
            trigger=pgtrigger.compiler.Trigger(name='taken_delete', sql=pgtrigger.compiler.UpsertTriggerSql(func='INSERT INTO "campaigns_roleevent" ("group_id", "id", "pgh_context", "pgh_context_id", "pgh_created_at", "pgh_label", "user_id") VALUES (OLD."group_id", OLD."id", COALESCE(NULLIF(CURRENT_SETTING(\'pghistory.context_metadata\', TRUE), \'\'), NULL)::JSONB, COALESCE(NULLIF(CURRENT_SETTING(\'pghistory.context_id\', TRUE), \'\'), NULL)::UUID, NOW(), \'taken\', OLD."user_id"); RETURN NULL;', hash='f24f8781f3491666d3fc3d0cde19d6bb8a97aaab', operation='DELETE', pgid='pgtrigger_taken_delete_b6dcd', table='auth_user_groups', when='AFTER')),
        ),
        migrations.AddConstraint(
            model_name='approval',
            constraint=models.UniqueConstraint(condition=models.Q(('voided_at', None)), fields=('change', 'user'), name='approval_once_per_person'),
        ),
        migrations.AddField(
            model_name='approvalruleevent',
            name='pgh_obj',
            field=models.ForeignKey(db_constraint=False, on_delete=django.db.models.deletion.DO_NOTHING, related_name='+', related_query_name='+', to='campaigns.trackedapprovalrule'),
        ),
        pgtrigger.migrations.AddTrigger(
            model_name='trackedapprovalrule',
            trigger=pgtrigger.compiler.Trigger(name='insert_insert', sql=pgtrigger.compiler.UpsertTriggerSql(func='INSERT INTO "campaigns_approvalruleevent" ("above_people", "approvers", "id", "kind", "pgh_context", "pgh_context_id", "pgh_created_at", "pgh_label", "pgh_obj_id", "role_id") VALUES (NEW."above_people", NEW."approvers", NEW."id", NEW."kind", COALESCE(NULLIF(CURRENT_SETTING(\'pghistory.context_metadata\', TRUE), \'\'), NULL)::JSONB, COALESCE(NULLIF(CURRENT_SETTING(\'pghistory.context_id\', TRUE), \'\'), NULL)::UUID, NOW(), \'insert\', NEW."id", NEW."role_id"); RETURN NULL;', hash='9f1b8af569b3d6410923e7ade44166cba63420c6', operation='INSERT', pgid='pgtrigger_insert_insert_7b499', table='campaigns_approvalrule', when='AFTER')),
        ),
        pgtrigger.migrations.AddTrigger(
            model_name='trackedapprovalrule',
            trigger=pgtrigger.compiler.Trigger(name='update_update', sql=pgtrigger.compiler.UpsertTriggerSql(condition='WHEN (OLD.* IS DISTINCT FROM NEW.*)', func='INSERT INTO "campaigns_approvalruleevent" ("above_people", "approvers", "id", "kind", "pgh_context", "pgh_context_id", "pgh_created_at", "pgh_label", "pgh_obj_id", "role_id") VALUES (NEW."above_people", NEW."approvers", NEW."id", NEW."kind", COALESCE(NULLIF(CURRENT_SETTING(\'pghistory.context_metadata\', TRUE), \'\'), NULL)::JSONB, COALESCE(NULLIF(CURRENT_SETTING(\'pghistory.context_id\', TRUE), \'\'), NULL)::UUID, NOW(), \'update\', NEW."id", NEW."role_id"); RETURN NULL;', hash='61d0170c0b3fa6241845ba1315f66277ebbd3865', operation='UPDATE', pgid='pgtrigger_update_update_de510', table='campaigns_approvalrule', when='AFTER')),
        ),
        pgtrigger.migrations.AddTrigger(
            model_name='trackedapprovalrule',
            trigger=pgtrigger.compiler.Trigger(name='delete_delete', sql=pgtrigger.compiler.UpsertTriggerSql(func='INSERT INTO "campaigns_approvalruleevent" ("above_people", "approvers", "id", "kind", "pgh_context", "pgh_context_id", "pgh_created_at", "pgh_label", "pgh_obj_id", "role_id") VALUES (OLD."above_people", OLD."approvers", OLD."id", OLD."kind", COALESCE(NULLIF(CURRENT_SETTING(\'pghistory.context_metadata\', TRUE), \'\'), NULL)::JSONB, COALESCE(NULLIF(CURRENT_SETTING(\'pghistory.context_id\', TRUE), \'\'), NULL)::UUID, NOW(), \'delete\', OLD."id", OLD."role_id"); RETURN NULL;', hash='05d4539c314bb067252e6d0b091d7c0dc156d069', operation='DELETE', pgid='pgtrigger_delete_delete_8094f', table='campaigns_approvalrule', when='AFTER')),
        ),
        migrations.AddConstraint(
            model_name='mutedevent',
            constraint=models.UniqueConstraint(fields=('user', 'event'), name='muted_event_once_per_person'),
        ),
        migrations.AddIndex(
            model_name='notice',
            index=models.Index(condition=models.Q(('read_at', None)), fields=['user'], name='notice_unread_by_user'),
        ),
        pgtrigger.migrations.AddTrigger(
            model_name='roleevent',
            trigger=pgtrigger.compiler.Trigger(name='append_only', sql=pgtrigger.compiler.UpsertTriggerSql(func="RAISE EXCEPTION 'pgtrigger: Cannot update or delete rows from % table', TG_TABLE_NAME;", hash='958465fb589ded08b540fa51a7b30124ff29152e', operation='UPDATE OR DELETE', pgid='pgtrigger_append_only_23600', table='campaigns_roleevent', when='BEFORE')),
        ),
        migrations.AddConstraint(
            model_name='stop',
            constraint=models.UniqueConstraint(condition=models.Q(('lifted_at', None)), fields=('item',), name='one_stop_per_item'),
        ),
        migrations.AddIndex(
            model_name='delivery',
            index=models.Index(condition=models.Q(('state', 'waiting')), fields=['due_at'], name='delivery_due'),
        ),
        migrations.AddConstraint(
            model_name='delivery',
            constraint=models.UniqueConstraint(fields=('webhook', 'message'), name='delivery_once_per_webhook'),
        ),
        migrations.AddField(
            model_name='webhookevent',
            name='pgh_obj',
            field=models.ForeignKey(db_constraint=False, on_delete=django.db.models.deletion.DO_NOTHING, related_name='+', related_query_name='+', to='campaigns.trackedwebhook'),
        ),
        pgtrigger.migrations.AddTrigger(
            model_name='trackedwebhook',
            trigger=pgtrigger.compiler.Trigger(name='insert_insert', sql=pgtrigger.compiler.UpsertTriggerSql(func='INSERT INTO "campaigns_webhookevent" ("events", "former_until", "id", "is_active", "name", "pgh_context", "pgh_context_id", "pgh_created_at", "pgh_label", "pgh_obj_id", "url") VALUES (NEW."events", NEW."former_until", NEW."id", NEW."is_active", NEW."name", COALESCE(NULLIF(CURRENT_SETTING(\'pghistory.context_metadata\', TRUE), \'\'), NULL)::JSONB, COALESCE(NULLIF(CURRENT_SETTING(\'pghistory.context_id\', TRUE), \'\'), NULL)::UUID, NOW(), \'insert\', NEW."id", NEW."url"); RETURN NULL;', hash='7b80709dfd819d2d2fcf600861eb2216e645b64c', operation='INSERT', pgid='pgtrigger_insert_insert_c6ed7', table='campaigns_webhook', when='AFTER')),
        ),
        pgtrigger.migrations.AddTrigger(
            model_name='trackedwebhook',
            trigger=pgtrigger.compiler.Trigger(name='update_update', sql=pgtrigger.compiler.UpsertTriggerSql(condition='WHEN (OLD."events" IS DISTINCT FROM (NEW."events") OR OLD."former_until" IS DISTINCT FROM (NEW."former_until") OR OLD."id" IS DISTINCT FROM (NEW."id") OR OLD."is_active" IS DISTINCT FROM (NEW."is_active") OR OLD."name" IS DISTINCT FROM (NEW."name") OR OLD."url" IS DISTINCT FROM (NEW."url"))', func='INSERT INTO "campaigns_webhookevent" ("events", "former_until", "id", "is_active", "name", "pgh_context", "pgh_context_id", "pgh_created_at", "pgh_label", "pgh_obj_id", "url") VALUES (NEW."events", NEW."former_until", NEW."id", NEW."is_active", NEW."name", COALESCE(NULLIF(CURRENT_SETTING(\'pghistory.context_metadata\', TRUE), \'\'), NULL)::JSONB, COALESCE(NULLIF(CURRENT_SETTING(\'pghistory.context_id\', TRUE), \'\'), NULL)::UUID, NOW(), \'update\', NEW."id", NEW."url"); RETURN NULL;', hash='392897b4ddeac9d6c387ef854fb8c044aab0f095', operation='UPDATE', pgid='pgtrigger_update_update_44580', table='campaigns_webhook', when='AFTER')),
        ),
        pgtrigger.migrations.AddTrigger(
            model_name='trackedwebhook',
            trigger=pgtrigger.compiler.Trigger(name='delete_delete', sql=pgtrigger.compiler.UpsertTriggerSql(func='INSERT INTO "campaigns_webhookevent" ("events", "former_until", "id", "is_active", "name", "pgh_context", "pgh_context_id", "pgh_created_at", "pgh_label", "pgh_obj_id", "url") VALUES (OLD."events", OLD."former_until", OLD."id", OLD."is_active", OLD."name", COALESCE(NULLIF(CURRENT_SETTING(\'pghistory.context_metadata\', TRUE), \'\'), NULL)::JSONB, COALESCE(NULLIF(CURRENT_SETTING(\'pghistory.context_id\', TRUE), \'\'), NULL)::UUID, NOW(), \'delete\', OLD."id", OLD."url"); RETURN NULL;', hash='763f85c018113aeb8a67af8e36816b3b3076003e', operation='DELETE', pgid='pgtrigger_delete_delete_8d9af', table='campaigns_webhook', when='AFTER')),
        ),
        pgtrigger.migrations.AddTrigger(
            model_name='userevent',
            trigger=pgtrigger.compiler.Trigger(name='append_only', sql=pgtrigger.compiler.UpsertTriggerSql(func="RAISE EXCEPTION 'pgtrigger: Cannot update or delete rows from % table', TG_TABLE_NAME;", hash='0b563e116866d97c591bda4ba43b5e8e177e60c6', operation='UPDATE OR DELETE', pgid='pgtrigger_append_only_dead1', table='campaigns_userevent', when='BEFORE')),
        ),
        pgtrigger.migrations.AddTrigger(
            model_name='changeevent',
            trigger=pgtrigger.compiler.Trigger(name='append_only', sql=pgtrigger.compiler.UpsertTriggerSql(func="RAISE EXCEPTION 'pgtrigger: Cannot update or delete rows from % table', TG_TABLE_NAME;", hash='8b5aba7d7f744ceee50f0b50269183488fbcce03', operation='UPDATE OR DELETE', pgid='pgtrigger_append_only_56b44', table='campaigns_changeevent', when='BEFORE')),
        ),
        pgtrigger.migrations.AddTrigger(
            model_name='apikeyevent',
            trigger=pgtrigger.compiler.Trigger(name='append_only', sql=pgtrigger.compiler.UpsertTriggerSql(func="RAISE EXCEPTION 'pgtrigger: Cannot update or delete rows from % table', TG_TABLE_NAME;", hash='ea9b37288fa2ca8f840465e0688d837a817b588d', operation='UPDATE OR DELETE', pgid='pgtrigger_append_only_bca22', table='campaigns_apikeyevent', when='BEFORE')),
        ),
        pgtrigger.migrations.AddTrigger(
            model_name='approvalruleevent',
            trigger=pgtrigger.compiler.Trigger(name='append_only', sql=pgtrigger.compiler.UpsertTriggerSql(func="RAISE EXCEPTION 'pgtrigger: Cannot update or delete rows from % table', TG_TABLE_NAME;", hash='9d20dbf07949fbba9302c93a1c7c766470cb91b2', operation='UPDATE OR DELETE', pgid='pgtrigger_append_only_14ce9', table='campaigns_approvalruleevent', when='BEFORE')),
        ),
        pgtrigger.migrations.AddTrigger(
            model_name='webhookevent',
            trigger=pgtrigger.compiler.Trigger(name='append_only', sql=pgtrigger.compiler.UpsertTriggerSql(func="RAISE EXCEPTION 'pgtrigger: Cannot update or delete rows from % table', TG_TABLE_NAME;", hash='a3160a6a3c11d84995a900137706e693cc33e08e', operation='UPDATE OR DELETE', pgid='pgtrigger_append_only_aeed6', table='campaigns_webhookevent', when='BEFORE')),
        ),
        migrations.RunPython(keep_approvals, migrations.RunPython.noop),
    ]
