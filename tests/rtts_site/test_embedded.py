import subprocess
import sys
from pathlib import Path

import psycopg
import pytest

from rtts_site import embedded

ROOT = Path(__file__).resolve().parents[2]


@pytest.fixture
def root(tmp_path):
    # A space, as in many home directories, and deep enough for the socket to move elsewhere.
    directory = tmp_path / "my projects" / ("deep" * 15) / "var"
    yield directory
    for server in (embedded.POSTGRES, embedded.REDIS):
        embedded.stop(server, directory)


def test_servers_start_in_a_directory_with_a_space(root):
    for server in (embedded.POSTGRES, embedded.REDIS):
        assert embedded.start(server, root, dies_with_parent=True) is not None
        assert server.is_ready(root)
    embedded.prepare_database(root)
    embedded.prepare_database(root)

    with psycopg.connect(embedded.database_url(root)) as connection:
        assert connection.execute("select current_user").fetchone() == ("rtts",)
        with pytest.raises(psycopg.errors.InsufficientPrivilege):
            connection.execute("create table mine (x int)")


def test_two_starts_at_once_make_one_server(root):
    code = (
        "import sys; from pathlib import Path; from rtts_site import embedded;"
        "embedded.start(embedded.POSTGRES, Path(sys.argv[1]));"
        "embedded.prepare_database(Path(sys.argv[1]))"
    )
    command = [sys.executable, "-c", code, str(root)]
    starts = [
        subprocess.Popen(command, cwd=ROOT, stderr=subprocess.PIPE, text=True) for _ in range(3)
    ]

    errors = [process.communicate()[1] for process in starts]

    assert [process.returncode for process in starts] == [0, 0, 0], errors
    assert embedded.stop(embedded.POSTGRES, root)
    assert not embedded.stop(embedded.POSTGRES, root)


def test_a_run_directory_open_to_others_is_refused(tmp_path):
    (tmp_path / "run").mkdir(mode=0o755)

    with pytest.raises(embedded.ServerError, match="only you can enter"):
        embedded.run_directory(tmp_path)


def test_a_secret_key_is_made_once_and_private(tmp_path):
    first = embedded.secret_key(tmp_path)

    assert embedded.secret_key(tmp_path) == first
    assert len(first) > 50
    assert (tmp_path / "secret_key").stat().st_mode & 0o777 == 0o600


def test_named_binaries_come_first(monkeypatch, tmp_path):
    (tmp_path / "initdb").touch()
    monkeypatch.setenv("PG_BIN", str(tmp_path))
    monkeypatch.setenv("VALKEY_BIN", "/opt/valkey-server")

    assert embedded.postgres_tool("initdb") == str(tmp_path / "initdb")
    assert embedded.valkey_binary() == "/opt/valkey-server"
