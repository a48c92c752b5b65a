from io import StringIO

from campaigns.demo.bar import Bar


class Terminal(StringIO):
    def isatty(self):
        return True


def test_draws_a_bar_on_a_terminal():
    out = Terminal()
    bar = Bar(out)

    bar("people", 5, 10)
    bar("people", 10, 10)
    bar.close()

    assert out.getvalue().split("\r")[-1] == f"  people       [{'#' * 30}] 10 of 10\n"


def test_tells_the_half_and_the_end_elsewhere():
    out = StringIO()
    bar = Bar(out)

    for done in range(101):
        bar("purchases", done, 100)
    bar.close()

    assert out.getvalue() == "demo: purchases 50 of 100\ndemo: purchases 100 of 100\n"


def test_nothing_to_do_is_done():
    out = StringIO()

    Bar(out)("folding", 0, 0)

    assert out.getvalue() == "demo: folding 0 of 0\n"
