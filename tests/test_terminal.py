"""Text for a terminal."""

from trailtally.terminal import pluralize


def test_a_number_stands_with_its_noun_in_the_right_form() -> None:
    texts = [pluralize(0, "file"), pluralize(1, "file"), pluralize(1_234, "file")]
    assert texts == ["0 files", "1 file", "1,234 files"]
    assert [pluralize(1, "launch", "launches"), pluralize(2, "launch", "launches")] == ["1 launch", "2 launches"]
