from django.db import migrations, models
import django.contrib.postgres.fields

TABLES = """
CREATE TABLE decisioning_decision (
    decision_id text NOT NULL, nonce text NOT NULL, decided_at timestamptz NOT NULL, person_id text NOT NULL,
    release_version integer, release_digest text NOT NULL, canary boolean NOT NULL,
    policy_version integer, policy_digest text NOT NULL, consent_version bigint,
    degraded text[] NOT NULL, state text NOT NULL, took_ms double precision NOT NULL, body bytea NOT NULL,
    PRIMARY KEY (decided_at, decision_id)
) PARTITION BY RANGE (decided_at);
CREATE INDEX decisioning_decision_id ON decisioning_decision (decision_id);
CREATE INDEX decisioning_decision_nonce ON decisioning_decision (nonce);
CREATE INDEX decisioning_decision_person ON decisioning_decision (person_id, decided_at);

CREATE TABLE decisioning_shown (
    shown_id text NOT NULL, decision_id text NOT NULL, decided_at timestamptz NOT NULL, person_id text NOT NULL,
    release_version integer, placement text NOT NULL, channel text NOT NULL, status text NOT NULL,
    reason text NOT NULL, rank integer NOT NULL, offer text NOT NULL, variant text NOT NULL,
    campaign text NOT NULL, experiment text NOT NULL, arm text NOT NULL,
    score double precision, propensity double precision,
    PRIMARY KEY (decided_at, shown_id)
) PARTITION BY RANGE (decided_at);
CREATE INDEX decisioning_shown_campaign ON decisioning_shown (campaign, decided_at);
CREATE INDEX decisioning_shown_offer ON decisioning_shown (offer, decided_at);
CREATE INDEX decisioning_shown_person ON decisioning_shown (person_id, decided_at);

CREATE TABLE decisioning_outcome (
    outcome_id text NOT NULL, recorded_at timestamptz NOT NULL, occurred_at timestamptz NOT NULL,
    kind text NOT NULL, attribution text NOT NULL, decision_id text NOT NULL, person_id text NOT NULL,
    placement text NOT NULL, offer text NOT NULL, variant text NOT NULL, campaign text NOT NULL,
    experiment text NOT NULL, arm text NOT NULL, message_id text NOT NULL, value double precision, late boolean NOT NULL,
    PRIMARY KEY (recorded_at, outcome_id)
) PARTITION BY RANGE (recorded_at);
CREATE INDEX decisioning_outcome_decision ON decisioning_outcome (decision_id);
CREATE INDEX decisioning_outcome_campaign ON decisioning_outcome (campaign, recorded_at);
CREATE INDEX decisioning_outcome_offer ON decisioning_outcome (offer, recorded_at);

CREATE TABLE decisioning_event (
    event_id text NOT NULL, received_at timestamptz NOT NULL, event_time timestamptz NOT NULL,
    partition smallint NOT NULL, person_id text NOT NULL, kind text NOT NULL, type text NOT NULL,
    name text NOT NULL, message_id text NOT NULL, source text NOT NULL, body bytea NOT NULL,
    PRIMARY KEY (received_at, event_id)
) PARTITION BY RANGE (received_at);
CREATE INDEX decisioning_event_person ON decisioning_event (person_id, event_time);
CREATE INDEX decisioning_event_name ON decisioning_event (name, event_time);

CREATE TABLE decisioning_decision_rest PARTITION OF decisioning_decision DEFAULT;
CREATE TABLE decisioning_shown_rest PARTITION OF decisioning_shown DEFAULT;
CREATE TABLE decisioning_outcome_rest PARTITION OF decisioning_outcome DEFAULT;
CREATE TABLE decisioning_event_rest PARTITION OF decisioning_event DEFAULT;
"""

# The runtime role owns no table. It may have months made ahead, at most twelve, and nothing else.
ENSURE = """
CREATE FUNCTION decisioning_ensure_partitions(ahead integer) RETURNS integer
LANGUAGE plpgsql SECURITY DEFINER SET search_path = public, pg_temp AS $$
DECLARE
    parent text; month timestamptz; child text; made integer := 0;
BEGIN
    IF ahead IS NULL OR ahead < 0 OR ahead > 12 THEN
        RAISE EXCEPTION 'decisioning_ensure_partitions: ahead must be 0 to 12 months, not %', ahead;
    END IF;
    PERFORM pg_advisory_xact_lock(hashtext('decisioning_ensure_partitions'));
    FOREACH parent IN ARRAY ARRAY['decisioning_decision', 'decisioning_shown', 'decisioning_outcome', 'decisioning_event'] LOOP
        FOR step IN 0..ahead LOOP
            month := date_trunc('month', now() AT TIME ZONE 'UTC') AT TIME ZONE 'UTC';
            month := (month AT TIME ZONE 'UTC' + make_interval(months => step)) AT TIME ZONE 'UTC';
            child := format('%s_%s', parent, to_char(month AT TIME ZONE 'UTC', 'YYYY_MM'));
            IF to_regclass(child) IS NULL THEN
                EXECUTE format('CREATE TABLE %I PARTITION OF %I FOR VALUES FROM (%L) TO (%L)',
                    child, parent, month, (month AT TIME ZONE 'UTC' + interval '1 month') AT TIME ZONE 'UTC');
                made := made + 1;
            END IF;
        END LOOP;
    END LOOP;
    RETURN made;
END $$;
SELECT decisioning_ensure_partitions(3);
"""

DROP = """
DROP FUNCTION decisioning_ensure_partitions(integer);
DROP TABLE decisioning_decision, decisioning_shown, decisioning_outcome, decisioning_event;
"""

class Migration(migrations.Migration):
    initial = True
    dependencies = []
    operations = [
        migrations.RunSQL(TABLES + ENSURE, DROP),
        migrations.CreateModel(
            name='DecisionRecord',
            fields=[
                ('decision_id', models.TextField(primary_key=True, serialize=False)),
                ('nonce', models.TextField()),
                ('decided_at', models.DateTimeField()),
                ('person_id', models.TextField()),
                ('release_version', models.IntegerField(null=True)),
                ('release_digest', models.TextField()),
                ('canary', models.BooleanField()),
                ('policy_version', models.IntegerField(null=True)),
                ('policy_digest', models.TextField()),
                ('consent_version', models.BigIntegerField(null=True)),
                ('degraded', django.contrib.postgres.fields.ArrayField(base_field=models.TextField(), size=None)),
                ('state', models.TextField(choices=[('recorded', 'recorded'), ('amended', 'shown without a confirmed record'), ('not_shown', 'recorded, but the fallback was shown')])),
                ('took_ms', models.FloatField()),
                ('body', models.BinaryField()),
            ],
            options={
                'db_table': 'decisioning_decision',
                'managed': False,
            },
        ),
        migrations.CreateModel(
            name='EventRecord',
            fields=[
                ('event_id', models.TextField(primary_key=True, serialize=False)),
                ('received_at', models.DateTimeField()),
                ('event_time', models.DateTimeField()),
                ('partition', models.SmallIntegerField()),
                ('person_id', models.TextField()),
                ('kind', models.TextField()),
                ('type', models.TextField()),
                ('name', models.TextField()),
                ('message_id', models.TextField()),
                ('source', models.TextField()),
                ('body', models.BinaryField()),
            ],
            options={
                'db_table': 'decisioning_event',
                'managed': False,
            },
        ),
        migrations.CreateModel(
            name='OutcomeRecord',
            fields=[
                ('outcome_id', models.TextField(primary_key=True, serialize=False)),
                ('recorded_at', models.DateTimeField()),
                ('occurred_at', models.DateTimeField()),
                ('kind', models.TextField(choices=[('impression', 'impression'), ('click', 'click'), ('conversion', 'conversion'), ('dismissal', 'dismissal')])),
                ('attribution', models.TextField()),
                ('decision_id', models.TextField()),
                ('person_id', models.TextField()),
                ('placement', models.TextField()),
                ('offer', models.TextField()),
                ('variant', models.TextField()),
                ('campaign', models.TextField()),
                ('experiment', models.TextField()),
                ('arm', models.TextField()),
                ('message_id', models.TextField()),
                ('value', models.FloatField(null=True)),
                ('late', models.BooleanField()),
            ],
            options={
                'db_table': 'decisioning_outcome',
                'managed': False,
            },
        ),
        migrations.CreateModel(
            name='ShownRecord',
            fields=[
                ('shown_id', models.TextField(primary_key=True, serialize=False)),
                ('decision_id', models.TextField()),
                ('decided_at', models.DateTimeField()),
                ('person_id', models.TextField()),
                ('release_version', models.IntegerField(null=True)),
                ('placement', models.TextField()),
                ('channel', models.TextField()),
                ('status', models.TextField()),
                ('reason', models.TextField()),
                ('rank', models.IntegerField()),
                ('offer', models.TextField()),
                ('variant', models.TextField()),
                ('campaign', models.TextField()),
                ('experiment', models.TextField()),
                ('arm', models.TextField()),
                ('score', models.FloatField(null=True)),
                ('propensity', models.FloatField(null=True)),
            ],
            options={
                'db_table': 'decisioning_shown',
                'managed': False,
            },
        ),
        migrations.CreateModel(
            name='GoalCursor',
            fields=[
                ('key', models.TextField(primary_key=True, serialize=False)),
                ('until', models.DateTimeField()),
            ],
        ),
    ]
