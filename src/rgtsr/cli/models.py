"""``rgtsr models``: the weights that come with the package."""

from rgtsr.cli.terminal import table


def models() -> int:
    """List the weights that come with the package, the default first."""
    from rgtsr import weights

    rows = [
        (
            entry.name,
            f"x{entry.scale}",
            f"{entry.parameters / 1e6:.2f} M",
            entry.purpose,
            entry.licence,
            ", ".join(f"{name} {value:g}" for name, value in entry.scores.items()),
        )
        for entry in weights.listing()
    ]
    table(("name", "scale ", "parameters ", "purpose", "licence", "scores"), rows)
    return 0
