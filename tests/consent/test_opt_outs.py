from io import StringIO

import pytest
from django.core.management import CommandError, call_command

from consent import channels, chunks, importing, state
from consent.models import ConsentChange, ConsentState
from consent.policy import Status
from consent.proof.proving import latest_checkpoint
from consent.proof.tables import LedgerLeaf
from tests.consent.builders import MAIL, make_person
from tests.consent.proof.builders import seal


class KilledError(BaseException):
    """The process ended in the middle."""


@pytest.fixture
def opt_outs(tmp_path, policy):
    everybody = [make_person() for _ in range(450)]
    path = tmp_path / "opt-outs.csv"
    path.write_text("person,purpose\n" + "".join(f"{one},{MAIL}\n" for one in everybody))
    return path, everybody


def run(path):
    call_command("rtts_import_opt_outs", str(path), rest=0, stdout=StringIO(), stderr=StringIO())


def test_case_26_a_bulk_opt_out_goes_on_where_it_was_killed(opt_outs, trusted, monkeypatch):
    path, everybody = opt_outs
    commit, commits = chunks.write_all, []

    def killed(*args, **kwargs):
        commits.append(1)
        if len(commits) == 2:
            raise KilledError
        return commit(*args, **kwargs)

    monkeypatch.setattr(chunks, "write_all", killed)
    with pytest.raises(KilledError):
        run(path)
    monkeypatch.undo()
    before = ConsentChange.objects.filter(person__in=everybody).count()

    run(path)
    run(path)
    seal()

    assert before == importing.CHUNK
    assert ConsentChange.objects.filter(person__in=everybody).count() == len(everybody)
    assert ConsentState.objects.filter(person__in=everybody, status="withdrawn").count() == 450
    seen = state.load_view(trusted, everybody[-1])
    assert (seen.fenced, seen.states[MAIL, "*"].status) == (False, Status.WITHDRAWN)
    places = list(LedgerLeaf.objects.order_by("seq").values_list("seq", flat=True))
    assert places == list(range(latest_checkpoint().size))


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("who,purpose\n", "columns person"),
        (f"person,purpose\nnobody,{MAIL}\n", "line 2: person: Write user:"),
        ("person,purpose\nuser:1,unheard_of\n", "line 2: purpose: the policy has no"),
    ],
)
def test_a_faulty_file_names_the_line_and_the_field(policy, tmp_path, text, words):
    path = tmp_path / "faulty.csv"
    path.write_text(text)

    with pytest.raises(CommandError, match=words):
        run(path)


@pytest.fixture
def with_channels(monkeypatch):
    """Have a release live with these channels; an empty one stands for a store that is away."""
    return lambda *names: monkeypatch.setattr(channels, "_tellers", [lambda: names])


@pytest.mark.parametrize(
    ("there_are", "words"),
    [
        (["email", "sms"], "line 3: channel: there is no “fax”, there is: email, sms"),
        ([], "line 2: channel: which there are cannot be read now"),
    ],
)
def test_nobody_opts_out_of_a_channel_that_there_is_not(
    policy, tmp_path, with_channels, there_are, words
):
    with_channels(*there_are)
    ana, ben = make_person(), make_person()
    path = tmp_path / "opt-outs.csv"
    path.write_text(f"person,purpose,channel\n{ana},{MAIL},SMS\n{ben},{MAIL},fax\n")

    with pytest.raises(CommandError, match=words):
        run(path)
    assert not ConsentState.objects.filter(person__in=[ana, ben]).exists()


def test_a_channel_is_meant_however_it_is_written(policy, trusted, tmp_path, with_channels):
    with_channels("email", "sms")
    ana, ben = make_person(), make_person()
    path = tmp_path / "opt-outs.csv"
    path.write_text(f"person,purpose,channel\n{ana},{MAIL},SMS\n{ben},{MAIL},\n")

    run(path)

    found = ConsentState.objects.filter(person__in=[ana, ben])
    assert dict(found.values_list("person", "channel")) == {ana: "sms", ben: "*"}
