"""Pictures to make, many of them: one journal and one line for folders, pages and services.

Knows pictures' files and the upscaler; knows no terminal and no HTTP.
"""

from rgtsr.jobs.crew import Crew, Task
from rgtsr.jobs.job import Job, Standing, State, of_another
from rgtsr.jobs.journal import Entry, Journal
from rgtsr.jobs.line import Line, Order, Outcome, room
from rgtsr.jobs.wish import Wish

__all__ = [
    "Crew",
    "Entry",
    "Job",
    "Journal",
    "Line",
    "Order",
    "Outcome",
    "Standing",
    "State",
    "Task",
    "Wish",
    "of_another",
    "room",
]
