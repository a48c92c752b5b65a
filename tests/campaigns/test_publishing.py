from dataclasses import replace

import pytest
from django.core.exceptions import PermissionDenied
from django.db import DatabaseError

from campaigns import drafts, going_live, inbox, publishing
from campaigns.candidates import candidate_of, live_release
from campaigns.models import Change, Item, Release, Revision
from campaigns.models.items import Kind
from consent.policy import PurposeSpec
from consent.policy_store import PolicyRefused, live_policy
from decisioning.rules.canonical import decode_release, digest_of
from decisioning.specs import SegmentSpec
from tests.campaigns.conftest import GOLD, NOW, go_live, save, specs

SILVER = {"all": [{"attribute": "tier", "is": "eq", "value": "silver"}]}


def edit_segment(author, condition=SILVER, title="Silver"):
    change = drafts.open_change(author, now=NOW, title=title)
    save(
        change,
        Kind.SEGMENT,
        SegmentSpec(key="gold", name="Members", condition=condition),
        author=author,
    )
    return change


def test_first_release_holds_everything(live):
    spec = decode_release(bytes(live.spec))

    assert live.version == 1
    assert live.state == Release.State.LIVE
    assert live.approved_digest == live.digest == digest_of(bytes(live.spec))
    assert [offer.key for offer in spec.offers] == ["winter-sale"]
    assert Item.objects.filter(live_revision=None).count() == 0
    assert live.change.state == Change.State.LIVE


def test_live_stays_until_the_edit_is_published(live, mia, ada):
    change = edit_segment(mia)

    assert Item.objects.get(kind="segment").live_revision.body["condition"] == GOLD

    publishing.submit(change, by=mia, now=NOW)
    release = go_live(change, by=ada)

    assert release.version == 2
    assert Item.objects.get(kind="segment").live_revision.body["condition"] == SILVER
    assert Release.objects.get(version=1).state == Release.State.RETIRED


def test_no_author_may_approve(live, mia, ada, max_):
    mia.groups.set(ada.groups.all())
    max_.groups.add(*ada.groups.all())
    mia, max_ = type(mia).objects.get(pk=mia.pk), type(max_).objects.get(pk=max_.pk)
    change = edit_segment(max_)
    change.authors.add(mia)
    publishing.submit(change, by=max_, now=NOW)
    digest = publishing.candidate_for(change).review_digest

    for author in (mia, max_):
        with pytest.raises(PermissionDenied):
            publishing.approve(change, by=author, digest=digest, now=NOW)


def test_marketer_may_not_approve(live, mia, max_):
    change = edit_segment(mia)
    publishing.submit(change, by=mia, now=NOW)
    digest = publishing.candidate_for(change).review_digest

    with pytest.raises(PermissionDenied):
        publishing.approve(change, by=max_, digest=digest, now=NOW)


def test_edit_voids_the_approval(live, mia, ada):
    change = edit_segment(mia)
    publishing.submit(change, by=mia, now=NOW)
    publishing.approve(
        change, by=ada, digest=publishing.candidate_for(change).review_digest, now=NOW
    )

    save(change, Kind.SEGMENT, SegmentSpec(key="gold", name="X", condition=GOLD), author=mia)
    change.refresh_from_db()

    assert change.state == Change.State.DRAFT
    assert change.approved_by is None
    with pytest.raises(publishing.NotPossible):
        publishing.publish(change, by=ada, now=NOW)


def test_approval_names_the_reviewed_digest(live, mia, ada):
    change = edit_segment(mia)
    publishing.submit(change, by=mia, now=NOW)

    with pytest.raises(publishing.NotPossible, match="read it again"):
        publishing.approve(change, by=ada, digest=live.digest, now=NOW)


def test_what_was_read_before_an_edit_is_not_approved_after_it(live, mia, ada):
    change = edit_segment(mia)
    purpose, attribute = dict(specs())[Kind.PURPOSE], dict(specs())[Kind.ATTRIBUTE]
    edits = [
        (Kind.PURPOSE, replace(purpose, validity_days=3_650), {}),
        (Kind.ATTRIBUTE, attribute, {"details": {"description": "Something else"}}),
    ]
    for kind, spec, more in edits:
        publishing.submit(change, by=mia, now=NOW)
        read = publishing.candidate_for(change)
        save(change, kind, spec, author=mia, **more)
        change.refresh_from_db()
        publishing.submit(change, by=mia, now=NOW)

        assert publishing.candidate_for(change).digest == read.digest
        with pytest.raises(publishing.NotPossible, match="read it again"):
            publishing.approve(change, by=ada, digest=read.review_digest, now=NOW)
        publishing.send_back(change, by=ada, text="Once more", now=NOW)
        change.refresh_from_db()


def test_purpose_asked_as_consent_does_not_come_back_without(live, mia, max_, ada):
    gone = drafts.open_change(mia, now=NOW, title="Without ads")
    service = PurposeSpec(key="service", name="Service", basis="legitimate_interest")
    save(gone, Kind.PURPOSE, service, author=mia)
    for kind, spec in specs():
        if hasattr(spec, "purposes"):
            save(gone, kind, replace(spec, purposes=("service",)), author=mia)
    removed = drafts.Draft(kind=Kind.PURPOSE, key="ads", removed=True)
    drafts.save_draft(gone, removed, author=mia, now=NOW)
    publishing.submit(gone, by=mia, now=NOW)
    go_live(gone, by=ada)
    back = drafts.open_change(max_, now=NOW, title="Ads again")
    purpose = replace(dict(specs())[Kind.PURPOSE], basis="legitimate_interest")
    save(back, Kind.PURPOSE, purpose, author=max_)

    with pytest.raises(publishing.NotPublishable, match="asked for consent"):
        publishing.submit(back, by=max_, now=NOW)


def test_policy_and_release_go_live_together_or_not_at_all(live, mia, ada):
    change = edit_segment(mia)
    purpose = dict(specs())[Kind.PURPOSE]
    save(change, Kind.PURPOSE, replace(purpose, validity_days=30), author=mia)
    publishing.submit(change, by=mia, now=NOW)
    candidate = publishing.candidate_for(change)
    publishing.approve(change, by=ada, digest=candidate.review_digest, now=NOW)
    release = publishing.publish(change, by=ada, now=NOW)
    before = live_policy()
    Release.objects.filter(pk=release.pk).update(base=None)

    with pytest.raises(publishing.NotPossible, match="meanwhile"):
        going_live.take_live(release, now=NOW)
    assert live_policy() == before

    Release.objects.filter(pk=release.pk).update(base=live, base_policy="sha256:0")
    with pytest.raises(PolicyRefused, match="meanwhile"):
        going_live.take_live(release, now=NOW)
    assert live_release() == live


def test_approval_survives_an_unrelated_release(live, mia, max_, ada):
    change = edit_segment(mia)
    publishing.submit(change, by=mia, now=NOW)
    publishing.approve(
        change, by=ada, digest=publishing.candidate_for(change).review_digest, now=NOW
    )
    other = drafts.open_change(max_, now=NOW, title="Campaign")
    campaign = dict(specs())[Kind.CAMPAIGN]
    save(other, Kind.CAMPAIGN, replace(campaign, name="Winter II"), author=max_)
    publishing.submit(other, by=max_, now=NOW)
    go_live(other, by=ada)

    release = going_live.take_live(publishing.publish(change, by=ada, now=NOW), now=NOW)

    spec = decode_release(bytes(release.spec))
    assert spec.campaigns[0].name == "Winter II"
    assert spec.segments[0].condition == SILVER
    assert release.version == 3


def test_conflict_goes_back_to_the_authors(live, mia, max_, ada):
    spenders = {"all": [{"attribute": "spend", "is": "gt", "value": 9}]}
    mine, yours = edit_segment(mia), edit_segment(max_, spenders, title="Other")
    publishing.submit(mine, by=mia, now=NOW)
    publishing.submit(yours, by=max_, now=NOW)
    publishing.approve(mine, by=ada, digest=publishing.candidate_for(mine).review_digest, now=NOW)

    go_live(yours, by=ada)
    mine.refresh_from_db()

    assert mine.state == Change.State.DRAFT
    assert "went live in another change" in mine.comments.last().text
    with pytest.raises(publishing.NotPossible, match="compare and save again"):
        publishing.submit(mine, by=mia, now=NOW)


def test_candidate_that_breaks_goes_back(live, mia, max_, ada):
    user = drafts.open_change(mia, now=NOW, title="Uses gold")
    offer = dict(specs())[Kind.OFFER]
    save(user, Kind.OFFER, replace(offer, key="second", name="Second"), author=mia)
    publishing.submit(user, by=mia, now=NOW)
    remover = drafts.open_change(max_, now=NOW, title="Removes gold")
    save(remover, Kind.OFFER, replace(offer, eligibility={}), author=max_)
    gone = drafts.Draft(kind=Kind.SEGMENT, key="gold", removed=True)
    drafts.save_draft(remover, gone, author=max_, now=NOW)
    publishing.submit(remover, by=max_, now=NOW)

    go_live(remover, by=ada)
    user.refresh_from_db()

    assert user.state == Change.State.DRAFT
    assert "gold" in user.comments.last().text
    assert Item.objects.get(kind="segment").archived_at == NOW


def test_what_is_in_use_is_not_removed(live, mia):
    change = drafts.open_change(mia, now=NOW)
    gone = drafts.Draft(kind=Kind.SEGMENT, key="gold", removed=True)
    drafts.save_draft(change, gone, author=mia, now=NOW)

    with pytest.raises(publishing.NotPublishable) as refused:
        publishing.submit(change, by=mia, now=NOW)

    assert refused.value.findings[0].key == "winter-sale"
    assert refused.value.findings[0].field == "eligibility"


def test_roll_back_restores_rules_but_not_policy(live, mia, ada):
    change = edit_segment(mia)
    purpose = dict(specs())[Kind.PURPOSE]
    save(change, Kind.PURPOSE, replace(purpose, validity_days=30), author=mia)
    publishing.submit(change, by=mia, now=NOW)
    go_live(change, by=ada)
    live.refresh_from_db()

    restored = publishing.roll_back(live, by=ada, why="Too few people", now=NOW)
    release = going_live.take_live(restored, now=NOW)

    assert release.version == 3
    assert release.digest == live.digest
    assert release.policy_digest != live.policy_digest
    assert Item.objects.get(kind="segment").live_revision.body["condition"] == GOLD
    assert Item.objects.get(kind="purpose").live_revision.body["validity_days"] == 30


def test_roll_back_lets_no_data_serve_more_purposes(live, mia, ada):
    service = PurposeSpec(key="service", name="Service", basis="legitimate_interest")
    tier = next(spec for _, spec in specs() if spec.key == "tier")
    offer = dict(specs())[Kind.OFFER]
    for purposes in (("ads", "service"), ("ads",)):
        change = edit_segment(mia, title=str(purposes))
        save(change, Kind.PURPOSE, service, author=mia)
        save(change, Kind.ATTRIBUTE, replace(tier, purposes=purposes), author=mia)
        save(change, Kind.OFFER, replace(offer, name=str(purposes)), author=mia)
        publishing.submit(change, by=mia, now=NOW)
        go_live(change, by=ada)

    wide = Release.objects.get(version=2)
    restored = publishing.roll_back(wide, by=ada, why="Mistake", now=NOW)
    release = going_live.take_live(restored, now=NOW)

    spec = decode_release(bytes(release.spec))
    assert release.approved_digest == release.digest == digest_of(bytes(release.spec))
    assert next(one for one in spec.attributes if one.key == "tier").purposes == ("ads",)
    assert spec.offers[0].name == str(("ads", "service"))
    assert candidate_of(None).spec == spec


def test_one_release_is_prepared_at_a_time(live, mia, max_, ada):
    first = edit_segment(mia)
    second = drafts.open_change(max_, now=NOW)
    save(second, Kind.CAMPAIGN, replace(dict(specs())[Kind.CAMPAIGN], name="W"), author=max_)
    for change, author in ((first, mia), (second, max_)):
        publishing.submit(change, by=author, now=NOW)
        candidate = publishing.candidate_for(change)
        publishing.approve(change, by=ada, digest=candidate.review_digest, now=NOW)
    publishing.publish(first, by=ada, now=NOW)

    with pytest.raises(publishing.NotPossible, match="being prepared"):
        publishing.publish(second, by=ada, now=NOW)


def test_failed_preparation_returns_the_change(live, mia, ada):
    change = edit_segment(mia)
    publishing.submit(change, by=mia, now=NOW)
    publishing.approve(
        change, by=ada, digest=publishing.candidate_for(change).review_digest, now=NOW
    )
    release = publishing.publish(change, by=ada, now=NOW)

    going_live.give_up(release, why="Two forms disagree", now=NOW)
    change.refresh_from_db()

    assert change.state == Change.State.DRAFT
    assert live_release() == live


def test_empty_change_is_not_submitted(live, mia):
    change = edit_segment(mia, condition=GOLD)
    save(
        change,
        Kind.SEGMENT,
        SegmentSpec(key="gold", name="Gold members", condition=GOLD),
        author=mia,
    )

    with pytest.raises(publishing.NotPossible, match="Nothing is changed"):
        publishing.submit(change, by=mia, now=NOW)


def test_database_freezes_revisions(live):
    with pytest.raises(DatabaseError, match="never edited"):
        Revision.objects.filter(pk=Revision.objects.first().pk).update(why="other")


def test_stale_save_is_refused(live, mia, max_):
    change = edit_segment(mia)
    item = Item.objects.get(kind="segment")
    expect = drafts.seen(item, change)
    spec = SegmentSpec(key="gold", name="Y", condition=GOLD)
    save(change, Kind.SEGMENT, spec, author=max_)

    draft = drafts.Draft(kind=Kind.SEGMENT, key="gold", body={**item.live_revision.body})
    with pytest.raises(drafts.StaleDraft):
        drafts.save_draft(change, draft, author=mia, now=NOW, expect=expect)


def test_waiting_lists_only_what_the_user_may_approve(live, mia, ada):
    change = edit_segment(mia)
    publishing.submit(change, by=mia, now=NOW)

    assert inbox.waiting_for(ada) == [change]
    assert inbox.waiting_for(mia) == []
