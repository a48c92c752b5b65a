from django.db import migrations, models


class Migration(migrations.Migration):

    dependencies = [
        ('decisioning', '0005_keep_what_is_sent'),
    ]

    operations = [
        migrations.CreateModel(
            name='IntakeDocument',
            fields=[
                ('id', models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name='ID')),
                ('kind', models.CharField(choices=[('terms', 'terms of the intake'), ('products', 'product table')], max_length=10)),
                ('body', models.JSONField()),
                ('changed_by', models.CharField(max_length=150)),
                ('changed_at', models.DateTimeField()),
            ],
            options={
                'verbose_name': "version of the intake's terms",
                'verbose_name_plural': "versions of the intake's terms",
                'ordering': ('-pk',),
                'permissions': [('change_intake', 'Can change what happens to events on their way in')],
            },
        ),
        migrations.RunSQL(FORGET := """
-- The runtime role may not delete history; it may have forgotten what the owner's terms say is too old: of one
-- event type, never younger than a day, some rows at a time.
CREATE FUNCTION decisioning_forget_events(event_name text, before timestamptz, most integer) RETURNS integer
LANGUAGE plpgsql SECURITY DEFINER SET search_path = public, pg_temp AS $$
DECLARE
    gone integer;
BEGIN
    IF event_name IS NULL OR event_name = '' OR before IS NULL OR before > now() - interval '1 day' THEN
        RAISE EXCEPTION 'decisioning_forget_events: name an event, and a time at least a day ago';
    END IF;
    IF most IS NULL OR most < 1 OR most > 50000 THEN
        RAISE EXCEPTION 'decisioning_forget_events: most must be 1 to 50000, not %', most;
    END IF;
    DELETE FROM decisioning_event WHERE (received_at, event_id) IN (
        SELECT received_at, event_id FROM decisioning_event
        WHERE name = event_name AND event_time < before AND received_at < before LIMIT most
    );
    GET DIAGNOSTICS gone = ROW_COUNT;
    RETURN gone;
END $$;
""", "DROP FUNCTION decisioning_forget_events(text, timestamptz, integer);"),
    ]
