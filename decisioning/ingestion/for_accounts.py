"""The only place that says what members' events are for the accounts that they belong to. Pure."""

from collections.abc import Iterator, Mapping

from decisioning.ingestion.records import Record
from decisioning.profiles.accounts import account_id
from decisioning.profiles.cells import Cell


def told_to_accounts(
    record: Record, groups: Mapping[str, Cell], *, pepper: bytes
) -> Iterator[tuple[str, Record]]:
    """Yield (type of account, record) of what an event is for accounts: each an event of its own there.

    That is the account that the event names and, of every other type, the one that its person belonged to when it
    happened, as `groups` knows it. Under one name for an event and account, so that it counts once.
    """
    named = next(iter(record.groups), "") if record.account else ""
    if record.account and record.account != record.person:
        yield named, _of_account(record, record.account, record.groups, named=True)
    if record.kind != "event" or not record.event:
        return
    for kind, cell in groups.items():
        if kind not in record.groups and cell.value and cell.event_time_ms <= record.event_time_ms:
            value = str(cell.value)
            account = account_id(kind, value, pepper=pepper)
            yield kind, _of_account(record, account, {kind: value})


def _of_account(
    record: Record, account: str, groups: Mapping[str, str], *, named: bool = False
) -> Record:
    return Record(
        message_id=f"{record.message_id}:{account}",
        person=account,
        identifiers=tuple(f"account:{kind}:{value}" for kind, value in groups.items()),
        type=record.type,
        event=record.event,
        properties=record.properties,
        context=record.context,
        attributes=record.account_attributes if named else {},
        event_time_ms=record.event_time_ms,
        received_at_ms=record.received_at_ms,
        source=record.source,
        member="" if record.kind == "nobody" else record.person,
    )
