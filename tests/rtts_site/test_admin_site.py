from html import unescape

import pytest
from django.contrib.auth.models import Group, User
from django.urls import reverse

from rtts_site.foundation.charts import line_chart


@pytest.fixture
def mia(db, client):
    user = User.objects.create_user("mia", password="mia", is_staff=True)
    user.groups.add(Group.objects.get(name="Marketer"))
    client.force_login(user)
    return user


def test_home_says_what_to_do_while_nothing_has_happened(client, mia):
    html = unescape(client.get(reverse("admin:index")).content.decode())

    assert "mia" in html
    assert "Nothing waits for you" in html
    assert "No decision in the last 24 hours" in html


def test_the_navigation_follows_the_work_and_the_role(client, mia):
    context = client.get(reverse("admin:index")).context

    titles = [title for title, _ in context["navigation"]]
    urls = [link.url for _, links in context["navigation"] for link in links]
    assert titles[:3] == ["Plan", "Review", "Understand"]
    assert len(set(urls)) == len(urls)
    assert reverse("admin:auth_user_changelist") not in urls


def test_htmx_is_told_to_sign_in_and_not_sent_elsewhere(client, db):
    response = client.post(reverse("admin:rule-builder-edit"), headers={"HX-Request": "true"})

    assert response.status_code == 401


def test_others_are_sent_to_the_sign_in_page(client, db):
    response = client.get(reverse("admin:index"))

    assert response.status_code == 302


@pytest.mark.parametrize("query", ["", "winter", "%", "\x00", "x" * 5000])
def test_the_search_answers_any_query(client, mia, query):
    response = client.get(reverse("admin:rtts-search"), {"q": query})

    assert response.status_code == 200


@pytest.mark.parametrize("path", ["/admin/", "/admin/login/", "/no-such-page"])
def test_every_answer_carries_the_strict_policy(client, db, path):
    policy = client.get(path).headers["Content-Security-Policy"]

    assert "default-src 'self'" in policy
    assert "unsafe" not in policy


def test_a_chart_has_round_grid_lines_and_escapes_names():
    svg = line_chart([("<b>", 3.0), ("10:00", 640.0)], label="Per hour", every=1)

    assert ">800<" in svg
    assert "&lt;b&gt;" in svg
    assert "<script" not in svg


@pytest.mark.parametrize("points", [[], [("a", 0.0)], [("a", 1.0)]])
def test_a_chart_of_next_to_nothing_is_drawn(points):
    assert line_chart(points, label="x").startswith("<svg")
