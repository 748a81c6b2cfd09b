"""``rgtsr models``: the weights that come with the package."""

from rgtsr.cli.terminal import table

PAPER = " paper"  # the protocol whose scores are shown; the catalog has those of all


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
            ", ".join(
                f"{name.removesuffix(PAPER)} {psnr_db:.2f}"
                for name, psnr_db in entry.scores.items()
                if name.endswith(PAPER)
            ),
        )
        for entry in weights.listing()
    ]
    table(("name", "scale ", "parameters ", "purpose", "licence", "PSNR-Y in dB"), rows)
    return 0
