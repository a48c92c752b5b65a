"""Keep what jobs say as texts that can be said in every language."""

from django.db import migrations, models


class Migration(migrations.Migration):

    dependencies = [
        ('foundation', '0004_let_jobs_be_cancelled'),
    ]

    operations = [
        migrations.AddField(
            model_name='job',
            name='said',
            field=models.JSONField(blank=True, default=dict),
        ),
    ]
