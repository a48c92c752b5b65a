"""Looks for a text in every store, whatever it is kept in."""

import zlib
from pathlib import Path

from django.conf import settings
from django.db import connection


def found_in_redis(client, token):
    """Return the keys that hold a text: in their name, or anywhere in their value."""
    wanted = token.encode()
    return [
        key
        for key in client.scan_iter(count=5_000)
        if wanted in key or wanted in whole(client, key)
    ]


def whole(client, key):
    kind = client.type(key).decode()
    if kind == "string":
        body = client.get(key) or b""
        return body + unzipped(body)
    if kind == "hash":
        return b" ".join(part for pair in client.hgetall(key).items() for part in pair)
    if kind == "zset":
        return b" ".join(client.zrange(key, 0, -1))
    if kind == "set":
        return b" ".join(client.smembers(key))
    if kind == "list":
        return b" ".join(client.lrange(key, 0, -1))
    return b" ".join(
        part for _, fields in client.xrange(key) for pair in fields.items() for part in pair
    )


def unzipped(body):
    try:
        return zlib.decompress(body)
    except zlib.error:
        return b""


def found_in_tables(token):
    """Return the tables with a text in any column, in bytes too; without a dump, so quickly."""
    found = []
    with connection.cursor() as cursor:
        for name in connection.introspection.table_names(cursor):
            table = connection.ops.quote_name(name)
            query = f"select count(*) from {table} one where one::text ~ %s"  # noqa: S608
            cursor.execute(query, [f"{token}|{token.encode().hex()}"])
            if cursor.fetchone()[0]:
                found.append(name)
    return found


def found_on_disk(token, *, beside=("postgres", "redis", "broker")):
    """Return the files under RTTS_VAR that hold a text, but for those of the servers."""
    wanted = token.encode()
    return [
        str(path)
        for path in Path(settings.RTTS_VAR).rglob("*")
        if path.is_file()
        and not {*path.relative_to(settings.RTTS_VAR).parts} & {*beside}
        and wanted in path.read_bytes()
    ]


def all_rows():
    """Yield every row of every table as text, and bytes as hex: what a dump holds."""
    with connection.cursor() as cursor:
        for name in connection.introspection.table_names(cursor):
            cursor.execute(f"select one::text from {connection.ops.quote_name(name)} one")  # noqa: S608
            yield from (text for (text,) in cursor.fetchall())
