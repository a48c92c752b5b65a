"""Create the tables of consent."""

import django.contrib.postgres.fields
from django.db import migrations, models


class Migration(migrations.Migration):

    initial = True

    dependencies = [
    ]

    operations = [
        migrations.CreateModel(
            name='ConsentEvent',
            fields=[
                ('event_id', models.UUIDField(primary_key=True, serialize=False)),
                ('key_id', models.UUIDField(db_index=True)),
                ('schema_version', models.PositiveSmallIntegerField()),
                ('recorded_at', models.DateTimeField()),
                ('body', models.BinaryField()),
                ('leaf_hash', models.BinaryField()),
            ],
            options={
                'verbose_name': 'consent event',
            },
        ),
        migrations.CreateModel(
            name='PolicyVersion',
            fields=[
                ('version', models.PositiveIntegerField(primary_key=True, serialize=False)),
                ('digest', models.CharField(max_length=71, unique=True)),
                ('body', models.BinaryField()),
                ('authors', django.contrib.postgres.fields.ArrayField(base_field=models.CharField(max_length=150), size=None)),
                ('approved_by', models.CharField(max_length=150)),
                ('published_at', models.DateTimeField()),
            ],
            options={
                'verbose_name': 'policy version',
            },
        ),
        migrations.CreateModel(
            name='RecordRead',
            fields=[
                ('id', models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name='ID')),
                ('person', models.CharField(db_index=True, max_length=24)),
                ('reader', models.CharField(max_length=150)),
                ('what', models.CharField(max_length=100)),
                ('read_at', models.DateTimeField()),
            ],
        ),
        migrations.CreateModel(
            name='ConsentChange',
            fields=[
                ('token', models.CharField(max_length=300, primary_key=True, serialize=False)),
                ('person', models.CharField(max_length=24)),
                ('version', models.PositiveBigIntegerField(null=True)),
                ('events', django.contrib.postgres.fields.ArrayField(base_field=models.UUIDField(), default=list, size=None)),
                ('idempotency_key', models.CharField(max_length=300, null=True, unique=True)),
                ('recorded_at', models.DateTimeField()),
                ('settled_at', models.DateTimeField(null=True)),
            ],
            options={
                'indexes': [models.Index(condition=models.Q(('settled_at', None)), fields=['recorded_at'], name='consent_change_unsettled')],
            },
        ),
        migrations.CreateModel(
            name='ConsentState',
            fields=[
                ('id', models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name='ID')),
                ('person', models.CharField(max_length=24)),
                ('purpose', models.CharField(max_length=100)),
                ('channel', models.CharField(max_length=100)),
                ('status', models.CharField(choices=[('unknown', 'unknown'), ('requested', 'requested'), ('deferred', 'deferred'), ('given', 'given'), ('renewed', 'renewed'), ('refused', 'refused'), ('withdrawn', 'withdrawn'), ('expired', 'expired'), ('terminated', 'terminated'), ('invalidated', 'invalidated'), ('objected', 'objected')], max_length=12)),
                ('since', models.DateTimeField()),
                ('expires_at', models.DateTimeField(null=True)),
                ('event_id', models.UUIDField()),
            ],
            options={
                'constraints': [models.UniqueConstraint(fields=('person', 'purpose', 'channel'), name='consent_state_once')],
            },
        ),
        migrations.CreateModel(
            name='Identity',
            fields=[
                ('id', models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name='ID')),
                ('kind', models.CharField(max_length=20)),
                ('digest', models.CharField(max_length=64)),
                ('person', models.CharField(db_index=True, max_length=24)),
                ('linked_at', models.DateTimeField()),
            ],
            options={
                'verbose_name_plural': 'identities',
                'constraints': [models.UniqueConstraint(fields=('kind', 'digest'), name='identity_once')],
            },
        ),
        migrations.CreateModel(
            name='Person',
            fields=[
                ('id', models.CharField(max_length=24, primary_key=True, serialize=False)),
                ('partition', models.PositiveSmallIntegerField()),
                ('version', models.PositiveBigIntegerField(default=0)),
                ('merged_into', models.CharField(blank=True, default='', max_length=24)),
                ('restricted', models.BooleanField(default=False)),
                ('changed_at', models.DateTimeField()),
            ],
            options={
                'verbose_name_plural': 'people',
                'indexes': [models.Index(fields=['partition', 'changed_at'], name='person_changed'), models.Index(condition=models.Q(('merged_into', ''), _negated=True), fields=['merged_into'], name='person_merged')],
            },
        ),
        migrations.CreateModel(
            name='PersonKey',
            fields=[
                ('key_id', models.UUIDField(primary_key=True, serialize=False)),
                ('person', models.CharField(max_length=24)),
                ('key_class', models.CharField(choices=[('normal', 'normal'), ('legal_hold', 'legal hold')], default='normal', max_length=10)),
                ('wrapped', models.BinaryField(null=True)),
                ('created_at', models.DateTimeField()),
                ('destroyed_at', models.DateTimeField(null=True)),
            ],
            options={
                'indexes': [models.Index(fields=['person'], name='person_key_person')],
                'constraints': [models.UniqueConstraint(condition=models.Q(('destroyed_at', None)), fields=('person', 'key_class'), name='person_key_one_in_use'), models.CheckConstraint(condition=models.Q(models.Q(('destroyed_at', None), ('wrapped__isnull', False)), models.Q(('destroyed_at__isnull', False), ('wrapped', None)), _connector='OR'), name='person_key_destroyed_is_gone')],
            },
        ),
    ]
