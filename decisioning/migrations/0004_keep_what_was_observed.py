import django.contrib.postgres.fields
from django.db import migrations, models


class Migration(migrations.Migration):

    dependencies = [
        ('decisioning', '0003_keep_connections'),
    ]

    operations = [
        migrations.CreateModel(
            name='QuarantineAct',
            fields=[
                ('id', models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name='ID')),
                ('verb', models.CharField(choices=[('replay', 'let in again'), ('discard', 'discarded')], max_length=10)),
                ('event', models.TextField(blank=True)),
                ('pointer', models.TextField(blank=True)),
                ('why', models.CharField(max_length=500)),
                ('user', models.CharField(max_length=150)),
                ('asked_at', models.DateTimeField()),
                ('done_at', models.DateTimeField(null=True)),
                ('taken', models.PositiveIntegerField(default=0)),
                ('known', models.PositiveIntegerField(default=0)),
                ('refused', models.PositiveIntegerField(default=0)),
                ('dropped', models.PositiveIntegerField(default=0)),
                ('job', models.CharField(blank=True, max_length=20)),
            ],
            options={
                'verbose_name': 'act on quarantined events',
                'verbose_name_plural': 'acts on quarantined events',
                'permissions': [('handle_quarantine', 'Can let quarantined events in or discard them')],
            },
        ),
        migrations.CreateModel(
            name='Reconciliation',
            fields=[
                ('id', models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name='ID')),
                ('began_at', models.DateTimeField()),
                ('ended_at', models.DateTimeField(null=True)),
                ('looked', models.PositiveIntegerField(default=0)),
                ('drifted', models.PositiveIntegerField(default=0)),
                ('skipped', models.PositiveIntegerField(default=0)),
                ('parts', models.JSONField(default=dict)),
                ('people', django.contrib.postgres.fields.ArrayField(base_field=models.TextField(), default=list, size=None)),
            ],
            options={
                'verbose_name': 'reconciliation',
            },
        ),
        migrations.CreateModel(
            name='IntakeHour',
            fields=[
                ('id', models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name='ID')),
                ('hour', models.PositiveIntegerField()),
                ('source', models.TextField()),
                ('event', models.TextField(blank=True)),
                ('events', models.PositiveBigIntegerField(default=0)),
                ('duplicates', models.PositiveBigIntegerField(default=0)),
                ('refused', models.PositiveBigIntegerField(default=0)),
                ('watched', models.PositiveBigIntegerField(default=0)),
                ('late_ms', models.PositiveBigIntegerField(default=0)),
                ('newest_ms', models.PositiveBigIntegerField(default=0)),
            ],
            options={
                'constraints': [models.UniqueConstraint(fields=('hour', 'source', 'event'), name='intake_hour_once')],
            },
        ),
        migrations.CreateModel(
            name='QualityFault',
            fields=[
                ('id', models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name='ID')),
                ('fault', models.CharField(max_length=20)),
                ('source', models.TextField(blank=True)),
                ('event', models.TextField(blank=True)),
                ('key', models.TextField(blank=True)),
                ('seen', models.FloatField()),
                ('usual', models.FloatField()),
                ('began_at', models.DateTimeField()),
                ('looked_at', models.DateTimeField()),
                ('ended_at', models.DateTimeField(null=True)),
            ],
            options={
                'constraints': [models.UniqueConstraint(condition=models.Q(('ended_at', None)), fields=('fault', 'source', 'event', 'key'), name='quality_fault_once')],
            },
        ),
        migrations.CreateModel(
            name='Sighting',
            fields=[
                ('id', models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name='ID')),
                ('event', models.TextField(blank=True)),
                ('key', models.TextField(blank=True)),
                ('count', models.PositiveBigIntegerField(default=0)),
                ('looked', models.PositiveBigIntegerField(default=0)),
                ('present', models.PositiveBigIntegerField(default=0)),
                ('types', models.JSONField(default=dict)),
                ('shapes', django.contrib.postgres.fields.ArrayField(base_field=models.TextField(), default=list, size=None)),
                ('first_seen_at', models.DateTimeField()),
                ('last_seen_at', models.DateTimeField()),
            ],
            options={
                'verbose_name': 'seen in traffic',
                'verbose_name_plural': 'seen in traffic',
                'constraints': [models.UniqueConstraint(fields=('event', 'key'), name='sighting_once')],
            },
        ),
        migrations.CreateModel(
            name='ValueHour',
            fields=[
                ('id', models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name='ID')),
                ('hour', models.PositiveIntegerField()),
                ('source', models.TextField()),
                ('event', models.TextField(blank=True)),
                ('key', models.TextField()),
                ('looked', models.PositiveBigIntegerField(default=0)),
                ('present', models.PositiveBigIntegerField(default=0)),
                ('types', models.JSONField(default=dict)),
                ('shapes', django.contrib.postgres.fields.ArrayField(base_field=models.TextField(), default=list, size=None)),
                ('low', models.FloatField(null=True)),
                ('high', models.FloatField(null=True)),
            ],
            options={
                'constraints': [models.UniqueConstraint(fields=('hour', 'source', 'event', 'key'), name='value_hour_once')],
            },
        ),
    ]
