"""The only place that takes a file from its upload to drafts: its dry run is kept, then it is saved, all or none."""

from datetime import datetime
from typing import Final

import pghistory
from django.contrib.auth.models import User
from django.db import transaction
from django.utils.translation import gettext as _

from campaigns import csv_files, drafts, tags
from campaigns.candidates import candidate_of
from campaigns.dry_runs import Reading, Report, read_file
from campaigns.mapping import Refused
from campaigns.models import Change, CsvImport, Item
from rtts_site.foundation.jobs import Job

JOB_KIND: Final = "campaigns.import"
AT_ONCE: Final = 300  # rows that a request reads and saves itself; more are a job


class NotImported(Exception):
    """A file that cannot be saved now; the message says what to do."""


def receive(raw: bytes, *, kind: str, file_name: str, user: User, now: datetime) -> CsvImport:
    """Keep a file; a small one is read at once, for a large one a job is left.

    Raises:
        csv_files.Unreadable: it is no table of this kind.
    """
    text, _encoding = csv_files.read_text(raw)
    table = csv_files.read_table(text, kind)
    name = file_name.replace("\0", "")[:200]
    row = CsvImport.objects.create(user=user, kind=kind, file_name=name, text=text, created_at=now)
    if len(table.rows) > AT_ONCE:
        _leave_job(row, len(table.rows))
    else:
        read(row)
    return row


def _leave_job(row: CsvImport, rows: int) -> None:
    job = Job.objects.create(kind=JOB_KIND, subject=f"import:{row.pk}", total=rows)
    row.job = str(job.pk)
    row.save(update_fields=["job", "state"])


def read(row: CsvImport, *, report: Report | None = None) -> Reading:
    """Make the dry run of a file and keep what it found."""
    change = drafts.current_change(row.user)
    table = csv_files.read_table(row.text, row.kind)
    reading = read_file(row.kind, table, candidate_of(change), report=report)
    row.outcome = reading.outcome()
    row.state = CsvImport.State.READ
    row.save(update_fields=["outcome", "state"])
    return reading


def accept(row: CsvImport, *, now: datetime) -> None:
    """Save what a file says as drafts: at once, or as a job where there are many rows.

    Raises:
        NotImported: it was not read, has errors, or was saved before.
    """
    with transaction.atomic():
        row = CsvImport.objects.select_for_update(of=("self",)).get(pk=row.pk)
        if row.state != CsvImport.State.READ:
            raise NotImported(_("This file is %(state)s.") % {"state": row.get_state_display()})
        if row.outcome["wrong"]:
            raise NotImported(_("Mend the rows with errors and upload the file again."))
        rows = sum(row.outcome[name] for name in ("new", "changed", "same"))
        if rows > AT_ONCE:
            row.state = CsvImport.State.SAVING
            _leave_job(row, rows)
        else:
            save(row, now=now)


@transaction.atomic
def save(row: CsvImport, *, now: datetime, report: Report | None = None) -> None:
    """Append the drafts of a file to its sender's change, all or none, and once.

    Raises:
        NotImported: it no longer fits what is there.
    """
    row = CsvImport.objects.select_for_update(of=("self",)).get(pk=row.pk)
    if row.state == CsvImport.State.SAVED:
        return
    table = csv_files.read_table(row.text, row.kind)
    change = drafts.current_change(row.user)
    reading = read_file(row.kind, table, candidate_of(change), report=report)
    if reading.errors:
        row.outcome, row.state = reading.outcome(), CsvImport.State.READ
        row.save(update_fields=["outcome", "state"])
        return
    if reading.drafts:
        row.change = _save_drafts(row, reading, now=now)
    with pghistory.context(user=row.user_id):  # a worker may do this for them
        for key, kept in reading.tagged.items():
            tags.set_tags(Item.objects.get(kind=row.kind, key=key), kept)
    # What the file said is in the drafts now.
    row.text, row.state = "", CsvImport.State.SAVED
    row.save(update_fields=["change", "text", "state"])


def _save_drafts(row: CsvImport, reading: Reading, *, now: datetime) -> Change:
    change = drafts.ensure_change(row.user, now=now)
    try:
        drafts.save_drafts(change, reading.drafts, author=row.user, now=now)
    except (Refused, drafts.ChangeClosed, drafts.NobodyAnswers) as error:
        raise NotImported(str(error)) from error
    return change


def run(job: Job, *, now: datetime) -> None:
    """Do the step of a file that its job stands for: read it, or save it."""
    row = CsvImport.objects.select_related("user").get(pk=int(job.subject.removeprefix("import:")))
    if row.state == CsvImport.State.READING:
        read(row, report=job.report)
    elif row.state == CsvImport.State.SAVING:
        save(row, now=now, report=job.report)


def give_up(job: Job) -> None:
    """Mark a file whose job failed."""
    pk = int(job.subject.removeprefix("import:"))
    CsvImport.objects.filter(pk=pk).update(state=CsvImport.State.FAILED)
