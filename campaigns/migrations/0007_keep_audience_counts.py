"""Keep exact counts of audiences, and how many people live segments and offers found over time."""

import django.db.models.deletion
from django.conf import settings
from django.db import migrations, models


class Migration(migrations.Migration):

    dependencies = [
        ('campaigns', '0006_keep_pictures'),
        ('foundation', '0004_let_jobs_be_cancelled'),
        migrations.swappable_dependency(settings.AUTH_USER_MODEL),
    ]

    operations = [
        migrations.CreateModel(
            name='ExactCount',
            fields=[
                ('id', models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name='ID')),
                ('text', models.TextField()),
                ('digest', models.CharField(db_index=True, max_length=64)),
                ('aggregates', models.JSONField(default=list)),
                ('counted_at', models.DateTimeField()),
                ('people', models.PositiveBigIntegerField(null=True)),
                ('population', models.PositiveBigIntegerField(null=True)),
                ('reach', models.JSONField(default=list)),
                ('asked_by', models.ForeignKey(null=True, on_delete=django.db.models.deletion.SET_NULL, related_name='+', to=settings.AUTH_USER_MODEL)),
                ('job', models.OneToOneField(on_delete=django.db.models.deletion.CASCADE, related_name='+', to='foundation.job')),
            ],
        ),
        migrations.CreateModel(
            name='AudienceRecord',
            fields=[
                ('id', models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name='ID')),
                ('how', models.CharField(choices=[('daily', 'daily'), ('published', 'at publishing'), ('exact', 'counted exactly')], max_length=10)),
                ('counted_at', models.DateTimeField()),
                ('release', models.PositiveIntegerField()),
                ('people', models.PositiveBigIntegerField()),
                ('low', models.PositiveBigIntegerField()),
                ('high', models.PositiveBigIntegerField()),
                ('sampled', models.PositiveBigIntegerField()),
                ('population', models.PositiveBigIntegerField()),
                ('item', models.ForeignKey(on_delete=django.db.models.deletion.CASCADE, related_name='audiences', to='campaigns.item')),
            ],
            options={
                'indexes': [models.Index(fields=['item', 'counted_at'], name='audience_by_item')],
            },
        ),
        migrations.CreateModel(
            name='ExactRange',
            fields=[
                ('id', models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name='ID')),
                ('first', models.PositiveSmallIntegerField()),
                ('people', models.PositiveBigIntegerField()),
                ('population', models.PositiveBigIntegerField()),
                ('reach', models.JSONField(default=list)),
                ('count', models.ForeignKey(on_delete=django.db.models.deletion.CASCADE, related_name='ranges', to='campaigns.exactcount')),
            ],
            options={
                'constraints': [models.UniqueConstraint(fields=('count', 'first'), name='exact_range_once')],
            },
        ),
    ]
