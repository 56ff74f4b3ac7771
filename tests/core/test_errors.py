"""Errors that carry more than their text."""

from bowstring.core.errors import MissingExtra, Rejected


def test_a_rejection_has_the_venues_code_and_its_answer_which_no_text_shows() -> None:
    error = Rejected("no", code="-1", body=b"secret")

    assert (str(error), error.code, error.body) == ("no", "-1", b"secret")
    assert "secret" not in repr(error)


def test_a_missing_package_is_told_with_what_to_install() -> None:
    error = MissingExtra(ModuleNotFoundError("no apsw", name="apsw"), user="a journal in a file", extra="journal")

    assert str(error) == "a journal in a file needs apsw: pip install '/path/to/bowstring[journal]'"
    assert (error.name, isinstance(error, ModuleNotFoundError)) == ("apsw", True)
