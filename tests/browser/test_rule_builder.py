"""What the builder must do under a person's hands, at the keyboard and on a slow line."""

import re

import pytest

pytestmark = pytest.mark.browser

ADD = "/admin/campaigns/segment/add/"


@pytest.fixture
def builder(visit):
    with visit("marketer") as visitor:
        visitor.open(ADD)
        yield visitor.page
        assert visitor.errors == []


def slow(page, milliseconds=400):
    """Let every answer take this much longer."""
    conditions = {
        "offline": False,
        "latency": milliseconds,
        "downloadThroughput": -1,
        "uploadThroughput": -1,
    }
    page.context.new_cdp_session(page).send("Network.emulateNetworkConditions", conditions)


def rule(page):
    """The rule that says who enters; who leaves may have one beside it."""
    return page.locator("#condition-rb")


def rows(page):
    return rule(page).locator(".rb-leaf")


def add_button(page):
    return rule(page).get_by_role("button", name="Condition", exact=True)


def add_condition(page, subject="", *, within=None):
    place = within or rule(page).locator(".rb-group").first
    count = rows(page).count()
    place.locator(":scope > .rb-add").get_by_role("button", name="Condition").click()
    page.wait_for_function("n => document.querySelectorAll('.rb-leaf').length === n", arg=count + 1)
    row = place.locator(":scope > .rb-children > .rb-leaf").last
    if subject:
        choose(page, row.get_by_label("What to look at"), subject)
    return row


def choose(page, select, value):
    with page.expect_response("**/rule-builder/edit"):
        select.select_option(value)
    settled(page)


def settled(page):
    page.wait_for_function("() => !document.querySelector('.rb[aria-busy], .htmx-settling')")


def words(page):
    return rule(page).locator(".rb-panel .words")


def said(page, text):
    """Wait for what a screen reader is told."""
    rule(page).get_by_role("status").get_by_text(text).wait_for(state="attached")


def has_words(page, text):
    words(page).get_by_text(text).wait_for()


def test_a_condition_is_said_in_words_while_it_is_made(builder):
    row = add_condition(builder, "attribute:lifetime_value")
    choose(builder, row.get_by_label("Comparison"), "gt")
    row.get_by_label("Value").fill("500")

    has_words(builder, "Spend so far is more than 500 USD.")


def test_people_are_counted_in_all_and_by_part(builder):
    row = add_condition(builder, "attribute:loyalty_tier")
    row.get_by_label("gold").check()
    row = add_condition(builder, "event:Order Completed")

    builder.locator(".rb-parts").get_by_text("Loyalty tier is gold").wait_for()

    assert re.search(
        r"[\d,]+ of [\d,]+", rule(builder).locator(".rb-count").inner_text().replace("\n", " ")
    )


def test_known_values_are_chips_and_bring_no_swap(builder):
    row = add_condition(builder, "attribute:loyalty_tier")
    requests = []
    builder.on("request", lambda request: requests.append(request.url))

    row.get_by_label("gold").check()
    row.get_by_label("silver").check()
    has_words(builder, "Loyalty tier is silver or gold.")

    assert not [url for url in requests if url.endswith("/edit")]


def test_what_is_typed_during_a_swap_stays(builder):
    row = add_condition(builder, "attribute:lifetime_value")
    slow(builder)

    add_button(builder).click()
    row.get_by_label("Value").press_sequentially("1234", delay=30)
    builder.wait_for_function("() => document.querySelectorAll('.rb-leaf').length === 2")
    settled(builder)

    assert rows(builder).first.get_by_label("Value").input_value() == "1234"


def test_a_chip_ticked_during_a_swap_stays(builder):
    row = add_condition(builder, "attribute:loyalty_tier")
    slow(builder)

    add_button(builder).click()
    row.get_by_label("gold").check()
    builder.wait_for_function("() => document.querySelectorAll('.rb-leaf').length === 2")
    settled(builder)

    assert rows(builder).first.get_by_label("gold").is_checked()


def test_clicks_in_a_row_are_all_made(builder):
    slow(builder)
    button = add_button(builder)

    for _ in range(3):
        button.click(no_wait_after=True)
    builder.wait_for_function("() => document.querySelectorAll('.rb-leaf').length === 3")


def test_the_new_row_has_the_focus(builder):
    add_condition(builder)
    settled(builder)

    assert (
        builder.evaluate("document.activeElement.getAttribute('aria-label')") == "What to look at"
    )


def test_the_focus_stays_on_a_choice_after_its_swap(builder):
    row = add_condition(builder, "attribute:lifetime_value")
    row.get_by_label("Comparison").focus()

    choose(builder, row.get_by_label("Comparison"), "between")

    assert builder.evaluate("document.activeElement.getAttribute('aria-label')") == "Comparison"
    assert row.get_by_label("From").is_visible()


def test_undo_brings_back_what_was_removed(builder):
    row = add_condition(builder, "attribute:lifetime_value")
    row.get_by_label("Value").fill("750")

    row.get_by_role("button", name="Remove this condition").click()
    said(builder, "Removed. Undo is available.")
    rule(builder).get_by_role("button", name="Undo last change").click()

    rows(builder).first.get_by_label("Value").wait_for()
    assert rows(builder).first.get_by_label("Value").input_value() == "750"


def test_moving_and_copying(builder):
    add_condition(builder, "attribute:loyalty_tier")
    second = add_condition(builder, "attribute:lifetime_value")
    second.get_by_label("Value").fill("5")

    second.get_by_role("button", name="Copy this condition").click()
    builder.wait_for_function("() => document.querySelectorAll('.rb-leaf').length === 3")
    settled(builder)
    rows(builder).nth(2).get_by_role("button", name="Move this condition up").click()
    said(builder, "Moved up.")
    settled(builder)

    subjects = [row.get_by_label("What to look at").input_value() for row in rows(builder).all()]
    assert subjects == ["attribute:loyalty_tier", *["attribute:lifetime_value"] * 2]


def test_messages_come_when_the_focus_leaves_the_row(builder):
    row = add_condition(builder, "attribute:lifetime_value")
    value = row.get_by_label("Value")
    value.press_sequentially("lots")
    builder.wait_for_timeout(700)
    assert row.locator(".rb-error").inner_text() == ""

    builder.locator("#id_name").focus()

    row.get_by_text("Write a number, for example 500.").wait_for()
    assert value.get_attribute("aria-invalid") == "true"
    value.fill("500")
    row.get_by_text("Write a number").wait_for(state="detached")


def test_the_signed_out_lose_nothing(visit):
    with visit("marketer") as visitor:
        page = visitor.page
        visitor.open(ADD)
        row = add_condition(page, "attribute:lifetime_value")
        row.get_by_label("Value").fill("500")
        page.context.clear_cookies(name="rtts_session")

        add_button(page).click()

        rule(page).get_by_role("alert").get_by_text("You are signed out").wait_for()
        assert row.get_by_label("Value").input_value() == "500"
        assert page.get_by_label("User name").count() == 0


def test_a_broken_line_loses_nothing(visit):
    with visit("marketer") as visitor:
        page = visitor.page
        visitor.open(ADD)
        row = add_condition(page, "attribute:lifetime_value")
        row.get_by_label("Value").fill("500")
        page.route("**/rule-builder/**", lambda route: route.abort())

        add_button(page).click()

        rule(page).get_by_role("alert").get_by_text("cannot be reached").wait_for()
        assert row.get_by_label("Value").input_value() == "500"


def test_an_empty_group_is_red_and_cannot_be_saved(builder):
    builder.locator("#id_name").fill("Nobody knows")
    builder.locator("#id_key").fill("nobody-knows")
    rule(builder).get_by_role("button", name="Group", exact=True).click()
    rows(builder).first.wait_for()
    settled(builder)
    rows(builder).first.get_by_role("button", name="Remove this condition").click()
    builder.get_by_text("This group is empty").wait_for()
    settled(builder)

    builder.get_by_role("button", name="Save", exact=True).click()

    builder.get_by_text("Add at least one condition to this group").first.wait_for()
    assert builder.locator("#id_name").input_value() == "Nobody knows"


def tab_to(page, name, *, key="Tab"):
    """Press Tab until the control of this name has the focus."""
    for _ in range(90):
        page.keyboard.press(key)
        label = page.evaluate(
            "document.activeElement.getAttribute('aria-label') || document.activeElement.textContent.trim()"
        )
        if label == name:
            return
    raise AssertionError(f"{name} cannot be reached with Tab")


def make_three_levels_by_keyboard(page):
    """Build a rule of three groups inside each other, from the key field on, with the keyboard alone."""
    for level, amount in ((2, "500"), (3, "700")):
        tab_to(page, "Group")
        page.keyboard.press("Enter")
        page.locator(f".rb-level-{level} .rb-leaf").wait_for()
        settled(page)
        with page.expect_response("**/rule-builder/edit"):
            page.keyboard.type("Spend so far")
        settled(page)
        tab_to(page, "Value")
        page.keyboard.type(amount)
    has_words(page, "700 USD")


def test_the_keyboard_is_enough_for_three_levels(builder):
    builder.locator("#id_key").focus()
    make_three_levels_by_keyboard(builder)

    builder.keyboard.press("Control+s")
    builder.get_by_text("This field is required").first.wait_for()

    assert builder.locator(".rb-level-3 .rb-leaf").get_by_label("Value").input_value() == "700"


def press_until(page, key, name):
    """Move on with a key until the control of this name has the focus, then go where it leads."""
    tab_to(page, name, key=key)
    with page.expect_navigation():
        page.keyboard.press("Enter")


def test_author_and_approver_need_no_pointer(visit, stack):
    with visit("marketer") as visitor:
        page = visitor.page
        visitor.open("/admin/review/")
        page.locator("#new-title").focus()
        page.keyboard.type("Without a pointer")
        page.keyboard.press("Enter")
        page.get_by_text("Your next edits go into it").wait_for()
        visitor.open(ADD)
        page.locator("#id_name").focus()
        page.keyboard.type("Made without a pointer")
        page.keyboard.press("Tab")
        page.keyboard.type("made-without-a-pointer")
        make_three_levels_by_keyboard(page)
        page.keyboard.press("Control+s")
        page.get_by_text("Saved as a draft in your change").wait_for()
        press_until(page, "Tab", stack_change(page))
        press_until(page, "Tab", "Submit for review")
        page.get_by_text("a colleague has to approve it").wait_for()
        address = page.url.removeprefix(visitor.base_url)
        assert visitor.errors == []
    with visit("approver") as visitor:
        page = visitor.page
        visitor.open(address)
        press_until(page, "Tab", "Approve")
        page.get_by_role("button", name="Publish").wait_for()
        assert visitor.errors == []


def stack_change(page):
    """Return the words of the link to the change that was saved into."""
    return page.locator(".messagelist a").first.inner_text().strip()


def focused(page):
    return page.evaluate("document.activeElement.id")


def test_conditions_are_moved_copied_and_removed_with_keys(builder):
    add_condition(builder, "attribute:loyalty_tier")
    second = add_condition(builder, "attribute:lifetime_value")
    second.get_by_label("Comparison").focus()
    comparison = focused(builder)

    builder.keyboard.press("Alt+Shift+ArrowUp")
    said(builder, "Moved up.")
    settled(builder)
    assert rows(builder).first.get_by_label("Comparison").get_attribute("id") == comparison
    assert focused(builder) == comparison

    builder.keyboard.press("Alt+Shift+KeyC")
    said(builder, "Copied.")
    settled(builder)
    builder.locator(f"[id={comparison}]").focus()
    builder.keyboard.press("Alt+Shift+Delete")
    said(builder, "Removed.")
    assert rows(builder).count() == 2


def test_a_condition_moves_into_a_group_and_out_again(builder):
    rule(builder).get_by_role("button", name="Group", exact=True).click()
    builder.locator(".rb-level-2 .rb-leaf").wait_for()
    settled(builder)
    row = add_condition(builder, "attribute:lifetime_value")

    row.get_by_role("button", name="Move this condition into the group above it").click()
    said(builder, "Moved into the group above.")
    settled(builder)
    inner = builder.locator(".rb-level-2 .rb-leaf")
    assert inner.count() == 2

    inner.last.get_by_role("button", name="Move this condition out of its group").click()
    said(builder, "Moved out of its group.")
    settled(builder)
    assert builder.locator(".rb-level-2 .rb-leaf").count() == 1


def test_a_choice_made_during_a_swap_stays(builder):
    row = add_condition(builder, "attribute:lifetime_value")
    row.get_by_label("Value").fill("5")
    slow(builder)

    add_button(builder).click(no_wait_after=True)
    row.get_by_label("Comparison").select_option("gte")
    builder.wait_for_function("() => document.querySelectorAll('.rb-leaf').length === 2")
    settled(builder)

    assert rows(builder).first.get_by_label("Comparison").input_value() == "gte"


def test_a_template_is_a_start(builder):
    rule(builder).get_by_text("Start from a template").click()
    builder.get_by_role("button", name="Abandoned basket").click()
    said(builder, "Template added.")

    has_words(builder, "and then not bought in the last 24 hours")
    assert rows(builder).count() == 1


def test_values_seen_so_far_are_offered(builder):
    row = add_condition(builder, "attribute:home_store")
    with builder.expect_response("**/rule-builder/values?*"):
        row.get_by_label("Value").focus()
    builder.wait_for_function("() => document.querySelectorAll('datalist option').length > 0")

    choose(builder, row.get_by_label("Comparison"), "any_of")
    row.get_by_text("Values seen so far").click()
    row.locator("[data-rb-line]").first.click()
    row.locator("[data-rb-line]").nth(1).click()

    assert len(row.get_by_label("Values, one per line").input_value().split("\n")) == 2


def sign_in_elsewhere(visitor, stack):
    """Sign in again in another tab of the same browser."""
    other = visitor.page.context.new_page()
    user, password = stack.sign_in("marketer")
    other.goto(visitor.base_url + "/admin/login/")
    other.get_by_label("User name").fill(user)
    other.get_by_label("Password").fill(password)
    other.get_by_role("button", name="Sign in").click()
    other.get_by_role("heading", level=1, name="Good").wait_for()
    other.close()


def test_after_signing_in_elsewhere_the_rule_goes_on(visit, stack):
    with visit("marketer") as visitor:
        page = visitor.page
        visitor.open(ADD)
        page.locator("#id_name").fill("Kept through it all")
        row = add_condition(page, "attribute:lifetime_value")
        row.get_by_label("Value").fill("500")
        page.context.clear_cookies()
        add_button(page).click()
        rule(page).get_by_role("alert").get_by_text("You are signed out").first.wait_for()
        page.get_by_role("button", name="Save", exact=True).click()
        page.locator("[data-keep]").get_by_text("You are signed out").wait_for()

        sign_in_elsewhere(visitor, stack)
        page.evaluate("window.dispatchEvent(new Event('focus'))")
        rule(page).locator(".rb-problem").wait_for(state="hidden")
        add_condition(page, "attribute:loyalty_tier")

        assert rows(page).first.get_by_label("Value").input_value() == "500"
        page.get_by_role("button", name="Save", exact=True).click()
        page.get_by_text("This field is required").first.wait_for()  # the key
        assert page.locator("#id_name").input_value() == "Kept through it all"
        assert rows(page).first.get_by_label("Value").input_value() == "500"


def test_two_editors_lose_nothing(visit):
    with visit("marketer") as visitor:
        first = visitor.page
        visitor.open(ADD)
        first.locator("#id_name").fill("Edited by two")
        first.locator("#id_key").fill("edited-by-two")
        row = add_condition(first, "attribute:lifetime_value")
        row.get_by_label("Value").fill("500")
        first.get_by_role("button", name="Save and continue editing").click()
        first.get_by_text("Saved as a draft in your change").wait_for()
        second = first.context.new_page()
        second.goto(first.url)
        second.locator("#id_name").fill("Edited by a colleague")
        second.get_by_role("button", name="Save and continue editing").click()
        second.get_by_text("Saved as a draft in your change").wait_for()
        second.close()

        rows(first).first.get_by_label("Value").fill("750")
        first.get_by_role("button", name="Save and continue editing").click()
        both = first.locator("#both-versions")
        both.get_by_text("Edited by a colleague").wait_for()
        assert "750" in both.inner_text()

        both.get_by_role("button", name="Take theirs").click()
        first.get_by_text("What you typed is kept in this page").wait_for()
        assert first.locator("#id_name").input_value() == "Edited by a colleague"

        first.get_by_role("button", name="Bring back what I typed").click()
        both.wait_for()
        assert rows(first).first.get_by_label("Value").input_value() == "750"

        both.get_by_role("button", name="Keep mine").click()
        first.get_by_text("Saved as a draft in your change").wait_for()
        assert first.locator("#id_name").input_value() == "Edited by two"
        assert visitor.errors == []


def test_slash_finds_and_control_s_saves(builder):
    builder.locator("h1").click()
    builder.keyboard.press("/")
    assert builder.evaluate("document.activeElement.id") == "site-search-box"
    builder.keyboard.type("gold")
    builder.keyboard.press("Enter")
    builder.get_by_role("heading", name="Segments").wait_for()

    builder.go_back()
    builder.locator("#id_name").fill("")
    builder.keyboard.press("Control+s")
    builder.locator(".errornote").wait_for()
