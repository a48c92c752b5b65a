import pytest
from django.contrib.auth.models import Group, Permission
from django.core.exceptions import PermissionDenied

from campaigns import approvals, drafts, going_live, inbox, publishing, reach, tasks
from campaigns.models import Approval, ApprovalRule, Change
from campaigns.models.items import Kind
from campaigns.publishing import NotPossible
from decisioning.specs import OfferSpec, SegmentSpec
from tests.campaigns.conftest import GOLD, NOW, go_live, person, save, variant
from tests.campaigns.test_authoring import browser
from tests.campaigns.test_pages import crowd, put_person  # noqa: F401 - a fixture

SILVER = {"all": [{"attribute": "tier", "is": "eq", "value": "silver"}]}


def submitted(author, kind=Kind.SEGMENT, spec=None, condition=GOLD):
    change = drafts.open_change(author, now=NOW, title="Mine")
    spec = spec or SegmentSpec(key="silver", name="Silver", condition=condition)
    save(change, kind, spec, author=author)
    publishing.submit(change, by=author, now=NOW)
    return change


def approve(change, by):
    digest = publishing.candidate_for(change).review_digest
    return publishing.approve(change, by=by, digest=digest, now=NOW)


def state_of(change):
    return Change.objects.get(pk=change.pk).state


@pytest.fixture
def bea(db):
    return person("bea", "Approver")


@pytest.fixture
def carl(db):
    group = Group.objects.get(name="Compliance")
    group.permissions.add(Permission.objects.get(codename="approve_change"))
    return person("carl", "Compliance")


def test_one_colleague_is_enough_without_rules(live, mia, ada):
    change = submitted(mia)

    standing = approve(change, ada)

    assert standing.is_complete
    assert state_of(change) == "approved"


def test_change_waits_until_every_approval_is_given(live, mia, ada, bea, carl):
    ApprovalRule.objects.create(kind="segment", approvers=2)
    ApprovalRule.objects.create(kind="segment", role=Group.objects.get(name="Compliance"))
    change = submitted(mia)

    first = approve(change, ada)
    second = approve(change, bea)
    third = approve(change, carl)

    assert first.missing_words == "1 approver and 1 approver of Compliance"
    assert second.missing_words == "1 approver of Compliance"
    assert third.is_complete
    assert state_of(change) == "approved"
    assert [one.user.username for one in third.approvals] == ["ada", "bea", "carl"]


def test_one_person_fills_one_place(live, mia, carl, bea, ada):
    carl.groups.add(Group.objects.get(name="Approver"))
    for role in ("Compliance", "Approver"):
        ApprovalRule.objects.create(kind="", role=Group.objects.get(name=role))
    change = submitted(mia)

    both = approve(change, carl)

    assert [need.missing for need in both.needs] == [0, 0, 0]
    assert not both.is_complete
    assert both.missing_words
    assert approve(change, bea).is_complete


def test_nobody_approves_twice(live, mia, ada):
    ApprovalRule.objects.create(approvers=2)
    change = submitted(mia)
    approve(change, ada)

    with pytest.raises(NotPossible, match="still needs 1 approver"):
        approve(change, ada)


def test_edit_voids_every_approval(live, mia, max_, ada, bea):
    ApprovalRule.objects.create(approvers=2)
    change = submitted(mia)
    approve(change, ada)
    save(change, Kind.SEGMENT, SegmentSpec(key="x", name="X", condition=GOLD), author=max_)

    assert state_of(change) == "draft"
    assert not Approval.objects.filter(change=change, voided_at=None).exists()
    publishing.submit(change, by=mia, now=NOW)
    assert approve(change, bea).missing_words == "1 approver"


def test_who_approved_and_then_edits_is_an_author(live, mia, ada, bea):
    ApprovalRule.objects.create(approvers=2)
    change = submitted(mia)
    approve(change, ada)
    save(change, Kind.SEGMENT, SegmentSpec(key="x", name="X", condition=GOLD), author=ada)
    publishing.submit(change, by=mia, now=NOW)

    with pytest.raises(PermissionDenied, match="colleague"):
        approve(change, ada)


def test_approval_is_of_what_was_read(live, mia, ada):
    change = submitted(mia)
    read = publishing.candidate_for(change).review_digest
    save(change, Kind.SEGMENT, SegmentSpec(key="x", name="X", condition=GOLD), author=mia)
    publishing.submit(change, by=mia, now=NOW)

    with pytest.raises(NotPossible, match="read it again"):
        publishing.approve(change, by=ada, digest=read, now=NOW)


def test_rule_that_comes_later_is_met_before_publishing(live, mia, ada):
    change = submitted(mia)
    approve(change, ada)
    ApprovalRule.objects.create(approvers=2)

    with pytest.raises(NotPossible, match="1 approver more"):
        publishing.publish(change, by=ada, now=NOW)


def test_rules_of_other_kinds_do_not_apply(live, mia, ada):
    ApprovalRule.objects.create(kind="purpose", approvers=3)
    change = submitted(mia)

    assert approve(change, ada).is_complete


@pytest.mark.parametrize(("above", "needed"), [(3, 2), (4, 1)])
def test_large_audiences_need_more(live, mia, crowd, above, needed):  # noqa: F811
    ApprovalRule.objects.create(kind="segment", approvers=2, above_people=above)
    change = submitted(mia)

    standing = approvals.standing_of(change)

    assert publishing.candidate_for(change).reach == {"segment:silver": 4}
    assert standing.needs[0].count == needed


def test_size_is_forgotten_when_what_it_rests_on_goes_live_otherwise(
    live,
    mia,
    max_,
    ada,
    crowd,  # noqa: F811
):
    ApprovalRule.objects.create(kind="offer", approvers=2, above_people=10**9)
    mine = [{"segment": "gold"}]
    spec = OfferSpec(
        key="mine", name="Mine", purposes=("ads",), variants=(variant(),), eligibility={"all": mine}
    )
    change = submitted(mia, Kind.OFFER, spec)
    measured = publishing.candidate_for(change).reach
    for condition, reached in ((GOLD, measured), (SILVER, {"offer:mine": None})):
        other = drafts.open_change(max_, now=NOW, title="Other")
        spec = SegmentSpec(key="gold", name=f"Gold {reached}", condition=condition)
        save(other, Kind.SEGMENT, spec, author=max_)
        publishing.submit(other, by=max_, now=NOW)
        go_live(other, by=ada)

        assert publishing.candidate_for(change).reach == reached
    assert measured["offer:mine"] is not None
    assert "may reach everybody" in str(approvals.standing_of(change).needs[0].because)


def gold_goes_live(author, approver, name):
    other = drafts.open_change(author, now=NOW, title="Other")
    spec = SegmentSpec(key="gold", name=name, condition=SILVER)
    save(other, Kind.SEGMENT, spec, author=author)
    publishing.submit(other, by=author, now=NOW)
    go_live(other, by=approver)


def offer_to_gold(author):
    mine = {"all": [{"segment": "gold"}]}
    spec = OfferSpec(
        key="mine", name="Mine", purposes=("ads",), variants=(variant(),), eligibility=mine
    )
    return submitted(author, Kind.OFFER, spec)


def test_size_is_measured_again_by_a_job(live, mia, max_, ada, crowd):  # noqa: F811
    ApprovalRule.objects.create(kind="offer", approvers=2, above_people=10**9)
    change = offer_to_gold(mia)
    gold_goes_live(max_, ada, "Gold")
    approve(change, ada)
    waiting = state_of(change)

    tasks.do_jobs()

    assert waiting == "in_review"
    assert publishing.candidate_for(change).reach == {"offer:mine": 6}
    assert state_of(change) == "approved"
    assert Change.objects.get(pk=change.pk).approved_by == ada
    publishing.publish(Change.objects.get(pk=change.pk), by=ada, now=NOW)


def test_size_that_is_measured_while_another_goes_live_is_measured_anew(
    live,
    mia,
    max_,
    ada,
    crowd,  # noqa: F811
    monkeypatch,
):
    ApprovalRule.objects.create(kind="offer", approvers=2, above_people=10**9)
    change = offer_to_gold(mia)
    gold_goes_live(max_, ada, "Gold")
    measure = reach.measure

    def overtaken(*args, **more):
        monkeypatch.setattr(reach, "measure", measure)
        found = measure(*args, **more)
        gold_goes_live(max_, ada, "Gold again")
        return found

    monkeypatch.setattr(reach, "measure", overtaken)
    tasks.do_jobs()
    overtaken_reach = publishing.candidate_for(change).reach
    tasks.do_jobs()

    assert overtaken_reach == {"offer:mine": None}
    assert publishing.candidate_for(change).reach == {"offer:mine": 6}


def test_draft_that_is_saved_while_it_is_measured_may_reach_everybody(
    live,
    mia,
    crowd,  # noqa: F811
    monkeypatch,
):
    ApprovalRule.objects.create(kind="segment", approvers=2, above_people=10**9)
    change = drafts.open_change(mia, now=NOW, title="Mine")
    save(change, Kind.SEGMENT, SegmentSpec(key="new", name="N", condition=SILVER), author=mia)
    measure = reach.measure

    def edited_meanwhile(*args, **more):
        found = measure(*args, **more)
        save(change, Kind.SEGMENT, SegmentSpec(key="new", name="N", condition=GOLD), author=mia)
        return found

    monkeypatch.setattr(reach, "measure", edited_meanwhile)
    publishing.submit(change, by=mia, now=NOW)

    assert approvals.standing_of(change).needs[0].count == 2


def test_what_has_no_audience_reaches_everybody(live, mia, redis):
    ApprovalRule.objects.create(kind="offer", approvers=2, above_people=10**9)
    spec = OfferSpec(key="all", name="All", purposes=("ads",), variants=(variant(),))
    change = submitted(mia, Kind.OFFER, spec)

    standing = approvals.standing_of(change)

    assert standing.needs[0].count == 2
    assert "may reach everybody" in standing.needs[0].because[1]


def test_other_release_leaves_approvals_standing(live, mia, max_, ada, bea):
    ApprovalRule.objects.create(approvers=2)
    other = drafts.open_change(max_, now=NOW, title="Other")
    save(other, Kind.SEGMENT, SegmentSpec(key="o", name="O", condition=GOLD), author=max_)
    publishing.submit(other, by=max_, now=NOW)
    change = submitted(mia)
    approve(change, ada)
    for by in (ada, bea):
        approve(other, by)
    going_live.take_live(publishing.publish(other, by=ada, now=NOW), now=NOW)

    assert approve(change, bea).is_complete


def test_inbox_says_what_waits_and_why_not(live, mia, max_, ada, bea, carl):
    ApprovalRule.objects.create(kind="segment", approvers=2)
    change = submitted(mia)

    assert [one.change for one in inbox.inbox_of(ada).for_me] == [change]
    assert [one.missing for one in inbox.inbox_of(mia).mine] == ["2 approvers"]
    (shut,) = inbox.inbox_of(max_).not_for_me
    assert shut.why_not == "Your role does not approve changes."
    approve(change, ada)
    (given,) = inbox.inbox_of(ada).not_for_me
    assert given.why_not == "You approved it; it still needs 1 approver."
    assert inbox.waiting_count(bea) == 1
    assert inbox.waiting_count(ada) == inbox.waiting_count(mia) == 0


def test_inbox_is_filtered(live, mia, max_, ada):
    change = submitted(mia)
    drafts.open_change(max_, now=NOW, title="Empty")

    def found(**chosen):
        lists = inbox.inbox_of(ada, inbox.Filter(**chosen))
        return [one.change for one in lists.for_me + lists.others]

    assert found(kind="segment") == found(query="silver") == found(author="mia") == [change]
    assert found(state="in_review") == [change]
    assert found(kind="offer") == found(query="nothing") == []
    assert len(found()) == 2


def test_page_lists_approvals_and_who_gave_them(live, mia, ada):
    ApprovalRule.objects.create(approvers=2)
    change = submitted(mia)
    approve(change, ada)

    page = browser(ada).get(f"/admin/changes/{change.pk}/").content.decode()

    assert "2 approvers" in page
    assert "1 approver missing" in page
    assert "✓ ada" in page
    assert "You approved it; it still needs 1 approver." in page


def test_role_of_a_rule_must_be_able_to_approve(live, ada):
    boss = person("root", "Admin")
    analyst = Group.objects.get(name="Analyst")
    fields = {"kind": "offer", "approvers": 1, "role": analyst.pk}

    page = browser(boss).post("/admin/campaigns/approvalrule/add/", fields)

    assert b"may not approve" in page.content
    assert not ApprovalRule.objects.exists()


def test_inbox_costs_the_same_for_many_changes(live, mia, ada, django_assert_max_num_queries):
    for _ in range(3):
        submitted(mia, spec=SegmentSpec(key=f"s{_}", name="S", condition=GOLD))

    with django_assert_max_num_queries(16):
        inbox.inbox_of(ada)
