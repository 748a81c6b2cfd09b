"""What the parser complains of, in our words, with the command that was probably meant.

Knows the parser's errors by their kind alone; what it does not know passes as it is.
"""

import difflib
import shlex
from collections.abc import Collection, Sequence
from pathlib import Path
from typing import Any

import typer

OTHER_SPELLINGS = {
    "fp32": "float32",
    "f32": "float32",
    "fp16": "float16",
    "f16": "float16",
    "half": "float16",
    "bfloat16": "bf16",
    "jpeg": "jpg",
    "tiff": "tif",
    "cuda": "gpu",
    "h264": "libx264",
    "x264": "libx264",
    "h265": "libx265",
    "x265": "libx265",
    "hevc": "libx265",
    "av1": "libsvtav1",
    "vp9": "libvpx-vp9",
}


def in_words(
    error: typer.TyperException, arguments: Sequence[str], commands: Collection[str]
) -> str:
    """One line about arguments that the parser refused, and where to read on.

    ``commands``: the names of those that there are.
    """
    found: Any = error  # its kinds are private to typer: asked for what they have
    context: Any = getattr(error, "ctx", None)
    is_known = bool(arguments) and arguments[0] in commands
    command: str = context.command_path if context else " ".join(["rgtsr", *arguments[:is_known]])
    kind = type(error).__name__
    line = error.format_message().rstrip(".")
    if not is_known and (suggestion := meant(arguments, commands)):
        return suggestion
    if line.startswith("No such command"):
        return _no_command(arguments, command, context.command.commands)
    if kind == "NoSuchOption":
        near = _nearest(found.option_name, found.possibilities or ())
        line = f"{found.option_name} is no option of {command}{near}"
    elif kind == "MissingParameter":
        line = f"{_name(found.param)} is missing ({found.param.help.rstrip('.')})"
    elif kind == "BadOptionUsage":
        line = f"{found.option_name} needs a value behind it"
    elif kind == "BadParameter":
        return _bad_value(error, found.param)
    elif line.startswith("Got unexpected extra argument"):
        line = f"{line.partition('(s) (')[2].rstrip(')')} is more than {command} takes"
    return f"{line}. See {command} --help."


def meant(arguments: Sequence[str], commands: Collection[str]) -> str | None:
    """Where pictures were named and no command, or none that there is: the one to take."""
    from rgtsr import film
    from rgtsr.pictures import formats

    suffixes = (*formats.SUFFIXES, *film.SUFFIXES)
    word, *others = arguments or ("",)
    near = difflib.get_close_matches(word, commands, 1)
    if near and Path(word).suffix.lower() not in suffixes and not _is_there(word):
        return f"{word} is no command: did you mean rgtsr {shlex.join([*near, *others])}?"

    looks_right = [
        text
        for text in arguments
        if not text.startswith("-") and (Path(text).suffix.lower() in suffixes or _is_there(text))
    ]
    if not looks_right:
        return None
    return f"which command? To enlarge {looks_right[0]}: rgtsr upscale {shlex.join(arguments)}"


def spelled(value: str, choices: Sequence[str]) -> str:
    """That a word is none of the choices, and which was probably meant."""
    known = {each.lower(): each for each in choices}
    other = OTHER_SPELLINGS.get(value.lower(), value.lower())
    near = known.get(other) or next(iter(difflib.get_close_matches(other, known, 1)), None)
    hint = f"did you mean {near}? " if near else ""
    return f"is not one of {', '.join(choices)}: {hint or 'take one of them.'}".rstrip()


def _no_command(arguments: Sequence[str], command: str, known: Collection[str]) -> str:
    words = [text for text in arguments if not text.startswith("-")]
    word = words[command.count(" ")]
    near = difflib.get_close_matches(word, known, 1)
    hint = f"did you mean {command} {near[0]}?" if near else f"there are {', '.join(known)}."
    return f"{word} is no command of {command}: {hint} See {command} --help."


def _bad_value(error: typer.TyperException, parameter: Any) -> str:
    """By what pydantic found, of which the parser passes on half."""
    errors = getattr(error.__cause__, "errors", None)
    if errors is None:
        return f"{_name(parameter)}: {error.args[0]}"
    first = errors()[0]
    value, about = str(first["input"]), first.get("ctx", {})
    name = f"{_name(parameter)}={value}"
    match first["type"]:
        case "int_parsing" | "int_from_float" | "int_type" | "int_parsing_size":
            return f"{name} is no whole number{_metavar(parameter)}."
        case "float_parsing" | "finite_number":
            return f"{name} is no number{_metavar(parameter)}."
        case "greater_than_equal":
            return f"{name} is too small: at least {about['ge']:g}."
        case "less_than_equal":
            return f"{name} is too large: {about['le']:g} at most."
        case "value_error" if "is not one of" in str(about.get("error")):
            listed = str(about["error"]).rstrip(".").partition(" is not one of ")[2]
            choices = [each.strip("'") for each in listed.split(", ")]
            return f"{name} {spelled(value, choices)}"
        case _:
            return f"{name}: {first['msg']}."


def _metavar(parameter: Any) -> str:
    metavar = parameter.metavar or ""
    return f" ({metavar})" if any(letter.isdigit() for letter in metavar) else ""


def _name(parameter: Any) -> str:
    """``--scale``, or ``INPUT`` of an argument."""
    if parameter.param_type_name == "argument":
        return (parameter.metavar or parameter.name.upper()).rstrip(".")
    return max(parameter.opts, key=len)


def _nearest(word: str, possibilities: Collection[str]) -> str:
    """The likeliest first."""
    if not possibilities:
        return ""
    by_likeness = sorted(
        possibilities,
        key=lambda each: difflib.SequenceMatcher(None, word, each).ratio(),
        reverse=True,
    )
    return f" (did you mean {', '.join(by_likeness)}?)"


def _is_there(text: str) -> bool:
    try:
        return Path(text).exists()
    except (OSError, ValueError):  # too long for a name, or with a null byte
        return False
