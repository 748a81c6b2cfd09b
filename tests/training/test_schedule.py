import pytest

from rgtsr.training import recipe, schedule

SHORT = recipe.load("light-x2", ("learning_rate=1", "warmup_steps=10", "cooldown=0.2"))
PAPER = recipe.load("paper")


def test_the_rate_warms_up_stays_and_cools_down_to_zero() -> None:
    assert schedule.learning_rate(SHORT, 0, 0.0) == pytest.approx(0.1)
    assert schedule.learning_rate(SHORT, 4, 0.1) == pytest.approx(0.5)
    assert schedule.learning_rate(SHORT, 50, 0.5) == 1
    assert schedule.learning_rate(SHORT, 50, 0.8) == pytest.approx(1)
    assert schedule.learning_rate(SHORT, 50, 0.9) == pytest.approx(0.5)
    assert schedule.learning_rate(SHORT, 50, 1.0) == 0


@pytest.mark.parametrize(
    ("step", "halvings"), [(0, 0), (249_999, 0), (250_000, 1), (400_000, 2), (475_000, 4)]
)
def test_the_papers_rate_halves_at_its_milestones(step: int, halvings: int) -> None:
    assert schedule.learning_rate(PAPER, step, step / 500_000) == 2e-4 / 2**halvings


def test_a_budget_ends_with_whatever_comes_first() -> None:
    both = schedule.Budget(steps=100, minutes=1)
    assert both.progress(50, 6) == 0.5
    assert both.progress(10, 30) == 0.5
    assert both.progress(10, 90) == 1


def test_a_run_without_an_end_is_refused() -> None:
    with pytest.raises(ValueError, match="--max-minutes"):
        schedule.Budget(None, None)
    for minutes in (0, -1, float("nan"), float("inf")):
        with pytest.raises(ValueError, match="more than 0"):
            schedule.Budget(None, minutes)


def test_the_moving_average_forgets_the_start() -> None:
    assert schedule.ema_decay(SHORT, 0) == pytest.approx(0.1)
    assert schedule.ema_decay(SHORT, 10**6) == 0.999
