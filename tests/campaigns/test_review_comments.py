import re

import pytest

from campaigns import comments, drafts, publishing
from campaigns.models import Item, Notice, ReviewComment
from campaigns.models.items import Kind
from campaigns.publishing import NotPossible
from decisioning.specs import SegmentSpec
from tests.campaigns.conftest import GOLD, NOW, save
from tests.campaigns.test_authoring import browser

MOVED = {"any": [{"attribute": "spend", "is": "gt", "value": 5}, *GOLD["all"]]}


@pytest.fixture
def change(live, mia):
    found = drafts.open_change(mia, now=NOW, title="Members")
    spec = SegmentSpec(key="gold", name="Gold members", condition=MOVED)
    save(found, Kind.SEGMENT, spec, author=mia)
    return found


@pytest.fixture
def gold(live):
    return Item.objects.get(kind="segment", key="gold")


def say(change, text, by, about=None):
    return comments.comment(change, text, by=by, now=NOW, about=about)


def test_answers_stand_in_the_thread_of_what_they_answer(change, gold, mia, ada):
    asked = say(change, "Why any?", ada, comments.Place(gold, "condition"))
    answered = say(change, "Spenders too.", mia, asked)
    say(change, "I see.", ada, answered)

    (thread,) = comments.threads_of(change)

    assert [one.text for one in thread.replies] == ["Spenders too.", "I see."]
    assert (answered.item, answered.field) == (gold, "condition")


def test_resolved_thread_opens_with_an_answer(change, mia, ada):
    asked = say(change, "Why?", ada)
    comments.resolve(asked, by=mia, now=NOW)
    assert not comments.threads_of(change)[0].is_open

    say(change, "Still: why?", ada, asked)

    assert comments.threads_of(change)[0].is_open


def test_mention_tells_who_is_named_once(change, mia, ada, max_):
    say(change, "@ada, and @max: look. Not @nobody or mail@ada.example.", mia)

    told = dict(Notice.objects.filter(change=change).values_list("user__username", "event"))

    assert told == {"ada": "change.mentioned", "max": "change.mentioned"}


def test_comment_tells_authors_and_who_spoke(change, mia, ada, max_):
    say(change, "First", ada)
    say(change, "Second", max_)

    told = set(Notice.objects.filter(change=change).values_list("user__username", "text"))

    assert told == {("mia", "First"), ("mia", "Second"), ("ada", "Second")}


@pytest.mark.parametrize(("text", "about"), [(" ", None), ("x", comments.Place(None, "condition"))])
def test_refuses_what_has_no_words_or_no_place(change, mia, text, about):
    with pytest.raises(NotPossible):
        say(change, text, mia, about)


@pytest.mark.parametrize(
    ("text", "words"), [("a" * 2001, "at most 2000 characters"), ("a\0b", "Null characters")]
)
def test_what_cannot_be_kept_whole_is_refused_in_words(change, ada, text, words):
    answer = browser(ada).post(f"/admin/changes/{change.pk}/say/", {"text": text}, follow=True)

    assert words in answer.content.decode()
    assert not ReviewComment.objects.filter(text__startswith="a").exists()


def test_thing_outside_of_the_change_is_refused(change, mia):
    other = Item.objects.get(key="winter-sale")

    with pytest.raises(NotPossible, match="not in this change"):
        say(change, "x", mia, comments.Place(other, "caps"))


def test_step_of_the_story_is_not_answered(change, mia, ada):
    publishing.submit(change, by=mia, now=NOW)
    step = ReviewComment.objects.get(change=change, verdict="submitted")

    with pytest.raises(NotPossible):
        say(change, "x", ada, step)


def test_page_shows_sides_and_comments_at_their_field(change, gold, mia, ada):
    client = browser(ada)
    url = f"/admin/changes/{change.pk}/"
    posted = {"text": "Why any?", "item": gold.pk, "field": "condition"}
    answer = client.post(f"{url}say/", posted, follow=True)
    page = re.sub(r"</?(ins|del)>", "", answer.content.decode())

    assert "At least one of these must be true" in page
    assert "Why any?" in page
    assert page.index("Why any?") < page.index("Who is reached")
    thread = comments.threads_of(change)[0].first
    client.post(f"/admin/comments/{thread.pk}/resolve/", {"item": gold.pk})
    assert b"resolved by ada" in client.get(url).content


def test_deleted_words_are_shown_on_their_side(change, mia):
    page = browser(mia).get(f"/admin/changes/{change.pk}/").content.decode()

    assert '<span class="mark">added</span>' in page
