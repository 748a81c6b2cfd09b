"""``rgtsr models``: the weights that come with the package."""


def models() -> None:
    """List the packaged weights: what each is for, its licence and its scores."""
    from rich.console import Console
    from rich.table import Table

    from rgtsr import weights

    table = Table(box=None, pad_edge=False)
    for heading in ("name", "scale", "parameters", "for", "licence", "trained", "scores"):
        table.add_column(heading, overflow="fold")
    for entry in weights.listing():
        scores = ", ".join(f"{name} {value:g}" for name, value in entry.scores.items())
        table.add_row(
            entry.name,
            f"x{entry.scale}",
            f"{entry.parameters / 1e6:.2f} M",
            entry.purpose,
            entry.licence,
            f"{entry.minutes:.0f} min",
            scores,
        )
    Console().print(table)
