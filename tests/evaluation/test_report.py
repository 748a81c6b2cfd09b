"""Reports: the same scores on a terminal, as CSV and as JSON."""

import csv
import io
import json
from math import inf

from rich.console import Console

from rgtsr.evaluation import report
from rgtsr.evaluation.score import PictureScore, SetScore, baseline_protocol, paper_protocol

SET = SetScore(
    "Set5",
    2,
    "light-x2",
    37.5,
    0.9591,
    (PictureScore("baby", 38.0, 0.961), PictureScore("Bäume, alt", 37.0, 0.9572)),
    redone_tiles=3,
    notes=("a: not scored",),
)


def test_what_the_scores_do_not_say_is_a_line_each() -> None:
    assert report.remarks([SET, SET]) == [
        "Set5 x2: a: not scored",
        "redone in float32: light-x2 on Set5 x2, 3 tiles; light-x2 on Set5 x2, 3 tiles",
    ]
    assert report.remarks([]) == []


def printed(sets: list[SetScore]) -> list[list[str]]:
    terminal = io.StringIO()
    Console(file=terminal, width=100).print(report.table(sets))
    return [line.split() for line in terminal.getvalue().splitlines()]


def test_the_json_has_exactly_these_keys() -> None:
    rules = paper_protocol(tiles="untiled", lr_source="given")
    content = json.loads(report.as_json(rules, [SET]))
    assert list(content) == ["protocol", "sets"]
    assert content["sets"] == [
        {
            "name": "Set5",
            "scale": 2,
            "model": "light-x2",
            "psnr_y": 37.5,
            "ssim_y": 0.9591,
            "redone_tiles": 3,
            "notes": ["a: not scored"],
            "pictures": [
                {"name": "baby", "psnr_y": 38.0, "ssim_y": 0.961},
                {"name": "Bäume, alt", "psnr_y": 37.0, "ssim_y": 0.9572},
            ],
        }
    ]


def test_the_protocol_says_what_two_figures_must_share() -> None:
    protocol = json.loads(report.as_json(paper_protocol(tiles="192 px", lr_source="made"), []))
    rules = protocol["protocol"]
    assert (rules["tiles"], rules["shave_px"], rules["lr_source"]) == ("192 px", "scale", "made")


def test_both_protocols_have_names_of_their_own() -> None:
    names = {paper_protocol(tiles="", lr_source="").name, baseline_protocol(tiles="").name}
    assert names == {"paper", "baseline"}


def test_json_that_others_can_read_has_no_infinity() -> None:
    perfect = SetScore("s", 2, "m", inf, 1.0, (PictureScore("a", inf, 1.0),))
    text = report.as_json(baseline_protocol(tiles="untiled"), [perfect])
    assert "Infinity" not in text
    assert json.loads(text)["sets"][0]["psnr_y"] is None


def test_the_csv_has_a_line_a_picture_and_the_mean() -> None:
    rows = list(csv.reader(io.StringIO(report.as_csv([SET]))))
    assert rows == [
        ["set", "scale", "model", "picture", "psnr_y", "ssim_y", "redone_tiles"],
        ["Set5", "2", "light-x2", "baby", "38.0", "0.961", ""],
        ["Set5", "2", "light-x2", "Bäume, alt", "37.0", "0.9572", ""],
        ["Set5", "2", "light-x2", "mean", "37.5", "0.9591", "3"],
    ]


def test_the_table_shows_pictures_and_their_mean() -> None:
    lines = printed([SET])
    assert ["Set5", "x2", "light-x2", "baby", "38.000", "0.9610"] in lines
    assert ["Set5", "x2", "light-x2", "mean", "37.500", "0.9591"] in lines


def test_a_name_that_looks_like_markup_is_printed_as_it_is() -> None:
    odd = SetScore("[red]s", 2, "[/b]", 1.0, 1.0, (PictureScore("[1]", 1.0, 1.0),))
    assert ["[red]s", "x2", "[/b]", "[1]", "1.000", "1.0000"] in printed([odd])
