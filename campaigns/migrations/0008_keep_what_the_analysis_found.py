"""Keep the newest findings of the analysis, and who dismissed which."""

import django.db.models.deletion
from django.conf import settings
from django.db import migrations, models


class Migration(migrations.Migration):

    dependencies = [
        ('campaigns', '0007_keep_audience_counts'),
        migrations.swappable_dependency(settings.AUTH_USER_MODEL),
    ]

    operations = [
        migrations.CreateModel(
            name='Analysis',
            fields=[
                ('id', models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name='ID')),
                ('subject', models.CharField(max_length=40, unique=True)),
                ('digest', models.CharField(max_length=80)),
                ('findings', models.JSONField(default=list)),
                ('sampled', models.PositiveIntegerField(default=0)),
                ('population', models.PositiveBigIntegerField(default=0)),
                ('took_ms', models.PositiveIntegerField(default=0)),
                ('analysed_at', models.DateTimeField()),
            ],
            options={
                'verbose_name_plural': 'analyses',
            },
        ),
        migrations.CreateModel(
            name='Dismissal',
            fields=[
                ('id', models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name='ID')),
                ('mark', models.CharField(max_length=64)),
                ('reason', models.CharField(max_length=300)),
                ('created_at', models.DateTimeField()),
                ('user', models.ForeignKey(on_delete=django.db.models.deletion.CASCADE, related_name='+', to=settings.AUTH_USER_MODEL)),
            ],
            options={
                'constraints': [models.UniqueConstraint(fields=('user', 'mark'), name='dismissed_once_by_user')],
            },
        ),
    ]
